package authserver

import (
	"context"
	"errors"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// webMessages needs a server that says that it answers by postMessage.
func webMessages(ctx context.Context, d *probes.Deployment) (bool, string) {
	const want = "an authorization server that answers by postMessage (response_modes_supported has no web_message)"
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return true, want
	}
	modes, _ := metadata.Strings("response_modes_supported")
	return slices.Contains(modes, "web_message"), want
}

var _ = suites.Register(suites.Check{
	ID:       "as-web-message-origin",
	Title:    "A code that is sent by postMessage reaches pages of the registered origin only",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9700, 4.17.2", "RFC 10017, 6.3.3.3"),
	Since:    suites.V20250326,
	Covers:   []string{"redirect-web-message-origin"},
	Remedy:   "Give postMessage the origin of the registered redirect URI as its target, never '*' nor an origin that the request, the opener or the frame's parent names.",
	Needs:    []suites.Need{webMessages, aBrowser},
	Faults:   []fault.Fault{fault.WebMessageAnyOrigin, fault.WebMessageOriginReferrer, fault.WebMessageOriginAsked, fault.WebMessageFramed},
	Specs: func(d *probes.Deployment) {
		opened := probes.Start(d, func(ctx context.Context) (*probes.Posted, error) { return d.PostToOpener(ctx, false) })
		named := probes.Start(d, func(ctx context.Context) (*probes.Posted, error) { return d.PostToOpener(ctx, true) })
		framed := probes.Start(d, d.PostToFrames)
		await := func(ctx SpecContext, f *probes.Future[*probes.Posted]) *probes.Posted {
			p, err := f.Await(ctx)
			if errors.Is(err, probes.ErrNoWebOrigin) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			return p
		}
		judge := func(f, otherwise *probes.Future[*probes.Posted], way, other string) func(SpecContext) {
			return func(ctx SpecContext) {
				p := await(ctx, f)
				Expect(p.Foreign).To(suites.BeRefused(), "a page of %s was sent the code, and redeemed it", probes.AttackerOrigin)
				switch {
				case p.Sound():
				case await(ctx, otherwise).Sound():
					suites.NotApplicable("no page of the registered origin %s is sent a code: pages that %s are", way, other)
				default:
					suites.Undecided(d, reports.AuthServer, "web_message is advertised, and pages of the registered origin were not sent their codes by message")
				}
			}
		}
		const opens, frames = "that opens a window", "that frames the request"

		It("not one of another site "+opens, judge(opened, framed, opens, "frame the request"))
		It("not one of an origin that the request names", judge(named, framed, opens, "frame the request"))
		It("not one of another site "+frames, judge(framed, opened, frames, "open a window"))
	},
})

package authserver

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// forsakenAccess judges the access token of a grant that rests on nothing any more.
func forsakenAccess(f *probes.Future[*probes.Forsaken], what string) func(SpecContext) {
	return func(ctx SpecContext) {
		x, err := f.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if x.JWT && x.Call.Served() {
			suites.Warn("%s, and the access token, a JWT that nobody looks up, is honoured until it expires", what)
		}
		Expect(x.Call).To(suites.BeRefused(), "%s %s ago, and the access token is honoured", what, x.Tried.Round(time.Second))
	}
}

// forsakenRefresh judges its refresh token.
func forsakenRefresh(f *probes.Future[*probes.Forsaken], what string) func(SpecContext) {
	return func(ctx SpecContext) {
		x, err := f.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if x.Refresh == nil {
			suites.NotApplicable("no refresh token was issued")
		}
		Expect(x.Refresh).To(suites.BeRefused(), "%s %s ago, and the refresh token gives new tokens", what, x.Tried.Round(time.Second))
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-third-party-session",
	Title:    "A server of 2025-03-26 that has a third party sign users in honours its tokens only as long as the third party's are good",
	Role:     suites.AS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("MCP 2025-03-26, Third-Party Authorization Flow", "MCP 2025-03-26, Session Binding Requirements"),
	Since:    suites.V20250326,
	Until:    suites.V20250618,
	Covers:   []string{"as-0326-third-party-session"},
	Remedy: "Keep the third party's tokens with the grant, renew them when they run out, look them up before you refresh or honour a token of yours, " +
		"and end the grant when they cannot be renewed or are no longer active.",
	Needs:  []suites.Need{suites.OldestRevision, suites.OwnProvider, suites.Proxy},
	Faults: []fault.Fault{fault.ProxyStatusUnchecked, fault.ProxyExpiryIgnored},
	Specs: func(d *probes.Deployment) {
		ended, ranOut := probes.Start(d, d.UseEnded), probes.Start(d, d.UseRunOut)
		const revoked, expired = "the identity provider ended what it gave", "what the identity provider gave ran out"

		It("by its access token, once they are revoked", forsakenAccess(ended, revoked))
		It("by its refresh token, once they are revoked", forsakenRefresh(ended, revoked))
		It("by its access token, once they have run out", forsakenAccess(ranOut, expired))
		It("by its refresh token, once they have run out", forsakenRefresh(ranOut, expired))
	},
})

package authserver

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// slashToggled is the resource with a slash at the end, or without the one it has.
func slashToggled(resource string) string {
	if cut, had := strings.CutSuffix(resource, "/"); had {
		return cut
	}
	return resource + "/"
}

var _ = suites.Register(suites.Check{
	ID:       "as-resource-slash",
	Title:    "A token that is issued for the resource with or without a slash at its end works there",
	Role:     suites.AS,
	Area:     suites.Resource,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{{Doc: "RFC 8707", Section: "2"}, {Doc: "RFC 3986", Section: "6.2.3"}, {Doc: "RFC 9728", Section: "3.3"}},
	Since:    suites.V20250618,
	Covers:   []string{"ri-slash-equivalence"},
	Remedy:   "Answer invalid_target to the spelling that the resource server refuses, or issue the token for the one it accepts: URL libraries add the slash.",
	Faults:   []fault.Fault{fault.ResourceSlash},
	Specs: func(d *probes.Deployment) {
		slashed := probes.Start(d, func(ctx context.Context) (*probes.SpeltResource, error) { return d.SpellResource(ctx, slashToggled) })

		It("or none is issued", func(ctx SpecContext) {
			s, err := slashed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !s.Issued() {
				d.Note("resource %s: no token (%s)", s.Asked, s.Ended())
				return
			}
			d.Note("resource %s: a token is issued, its aud is %q", s.Asked, s.Audience)
			Expect(s.Called).To(suites.BeAccepted(), "a token was issued for %s", s.Asked)
		})
	},
})

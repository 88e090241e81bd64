package resourceserver

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// respelt asks for a token for the resource in another spelling and uses it.
func respelt(d *probes.Deployment, spell func(string) string) *probes.Future[*probes.SpeltResource] {
	return probes.Start(d, func(ctx context.Context) (*probes.SpeltResource, error) { return d.SpellResource(ctx, spell) })
}

// shouting is a URL with its scheme and host in upper case.
func shouting(resource string) string {
	scheme, rest, _ := strings.Cut(resource, "://")
	host, path, found := strings.Cut(rest, "/")
	if found {
		path = "/" + path
	}
	return strings.ToUpper(scheme+"://"+host) + path
}

var _ = suites.Register(suites.Check{
	ID:       "rs-resource-case",
	Title:    "The case of scheme and host makes no other resource",
	Role:     suites.RS,
	Area:     suites.Resource,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Canonical Server URI"}, {Doc: "RFC 3986", Section: "6.2.2.1"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-accepts-case-variant-uri"},
	Remedy:   "Issue tokens for the resource as you spell it, or compare scheme and host without regard to case.",
	Faults:   []fault.Fault{fault.ResourceCaseKept},
	Specs: func(d *probes.Deployment) {
		loud := respelt(d, shouting)

		It("so that a token for it works", func(ctx SpecContext) {
			s, err := loud.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !s.Issued() {
				suites.NotApplicable("the authorization server issues no token for %s: %s", s.Asked, s.Ended())
			}
			Expect(s.Called).To(suites.BeAccepted(), "a token for %s, whose aud is %q", s.Asked, s.Audience)
		})
	},
})

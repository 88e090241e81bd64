package authserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// unauthenticated leaves the authentication out of a request.
func unauthenticated(string) []probes.Mutation {
	return []probes.Mutation{probes.WithHeader("Authorization", ""), probes.Without("client_id", "client_secret")}
}

var _ = suites.Register(suites.Check{
	ID:       "as-introspection-authenticated",
	Title:    "The introspection endpoint answers authenticated callers only",
	Role:     suites.AS,
	Area:     suites.TokenIntrospection,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 7662, 2.1", "RFC 7662, 4"),
	Since:    suites.V20250326,
	Covers:   []string{"int-caller-must-authenticate"},
	Remedy:   "Have every caller of the introspection endpoint authenticate, as a resource server or a confidential client that somebody vouches for.",
	Needs:    []suites.Need{suites.Introspection},
	Faults:   []fault.Fault{fault.IntrospectAnonymous, fault.IntrospectPublic},
	Specs: func(d *probes.Deployment) {
		anonymous := probes.Start(d, func(ctx context.Context) (*probes.Introspection, error) {
			return d.IntrospectAs(ctx, d.Client, unauthenticated)
		})
		itself := probes.Start(d, func(ctx context.Context) (*probes.Introspection, error) {
			return d.IntrospectAs(ctx, d.Client, func(token string) []probes.Mutation {
				return append(unauthenticated(token), probes.WithHeader("Authorization", "Bearer "+token))
			})
		})
		public := probes.Start(d, func(ctx context.Context) (*probes.Introspection, error) {
			return d.IntrospectAs(ctx, d.Client, func(string) []probes.Mutation { return nil })
		})

		client := probes.Start(d, d.Client)

		It("not those that show nothing, or the token itself", func(ctx SpecContext) {
			for _, f := range []*probes.Future[*probes.Introspection]{anonymous, itself} {
				i, err := f.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				Expect(i.Disclosed()).To(BeEmpty(), "somebody who did not authenticate was told about a token")
			}
		})
		It("nor those that merely give a client id", func(ctx SpecContext) {
			i, err := public.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			c, err := client.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if c.Confidential() {
				suites.NotApplicable("the client of this run is confidential")
			}
			if told := i.Disclosed(); len(told) > 0 {
				suites.Warn("a public client, which anybody can claim to be, was told %v about its token", told)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-introspection-own-tokens-only",
	Title:    "A client that registered itself learns nothing about the tokens of others",
	Role:     suites.AS,
	Area:     suites.TokenIntrospection,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 7662, 2.2", "RFC 7662, 4", "RFC 7662, 5"),
	Since:    suites.V20250326,
	Covers:   []string{"int-open-registered-caller"},
	Remedy:   "Answer {\"active\":false} about any token that is neither for the caller as a resource server nor its own.",
	Needs:    []suites.Need{suites.Introspection, suites.RegisteredSecrets},
	Faults:   []fault.Fault{fault.IntrospectForeign},
	Specs: func(d *probes.Deployment) {
		foreign := probes.Start(d, func(ctx context.Context) (*probes.Introspection, error) {
			return d.IntrospectAs(ctx, d.OtherConfidentialClient, func(string) []probes.Mutation { return nil })
		})

		It("by introspection", func(ctx SpecContext) {
			i, err := foreign.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(i.Disclosed()).To(BeEmpty(), "a self-registered client was told about another client's token")
		})
	},
})

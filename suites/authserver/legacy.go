package authserver

import (
	"context"
	"net/url"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// legacyImplicit are the advertised response types that deliver access tokens.
func legacyImplicit(metadata *wire.Document) []string {
	types, _ := metadata.Strings("response_types_supported")
	return slices.DeleteFunc(types, func(t string) bool { return !slices.Contains(strings.Fields(t), "token") })
}

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-no-legacy-flows",
	Title:    "The implicit and the password grant are neither on offer nor to be had",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 9700, 2.1.2", "RFC 9700, 2.4", "OAuth 2.1, 10.1"),
	Since:    suites.V20250326,
	Covers:   []string{"asm-legacy-flows-advertised"},
	Remedy:   "Remove implicit and password from grant_types_supported and token from response_types_supported, and refuse both.",
	Faults:   []fault.Fault{fault.LegacyImplicit, fault.LegacyPassword},
	Specs: func(d *probes.Deployment) {
		implicit := probes.Start(d, func(ctx context.Context) ([]*probes.Authorization, error) {
			metadata, err := d.Metadata(ctx)
			if err != nil {
				return nil, err
			}
			var requests [][]probes.Mutation
			for _, kind := range legacyImplicit(metadata) {
				requests = append(requests, []probes.Mutation{probes.With("response_type", kind), probes.With("nonce", probes.NewVerifier())})
			}
			if len(requests) == 0 {
				return nil, nil
			}
			return asking(d, false, requests[:min(len(requests), 3)]...).Await(ctx)
		})
		password := probes.Start(d, func(ctx context.Context) (*probes.Tokens, error) {
			metadata, err := d.Metadata(ctx)
			if err != nil {
				return nil, err
			}
			if grants, _ := metadata.Strings("grant_types_supported"); !slices.Contains(grants, "password") || len(d.Target.Users) == 0 {
				return nil, nil
			}
			c, err := d.Client(ctx)
			if err != nil {
				return nil, err
			}
			user := d.Target.Users[0]
			return d.TokenRequest(ctx, c, url.Values{"grant_type": {"password"}, "username": {user.Name}, "password": {user.Password}})
		})

		It("as response types with token", func(ctx SpecContext) {
			all, err := implicit.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, a := range all {
				kind := a.Request.Values.Get("response_type")
				Expect(a.Params.Has("access_token")).To(BeFalse(), "response_types_supported lists %q, and a client that registered itself gets an access token by it", kind)
				d.Note("response_types_supported lists %q, which was refused to the client of this run", kind)
			}
		})
		It("as the grant type password", func(ctx SpecContext) {
			t, err := password.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if t == nil {
				return // not on offer, or nobody to sign in
			}
			Expect(t).To(suites.BeRefused(), "grant_types_supported lists password")
			d.Note("grant_types_supported lists password, which was refused to the client of this run")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-client-grant-restriction",
	Title:    "A client that is not registered for the code flow cannot use it",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 4.1.2.1", "RFC 7591, 2.1"),
	Since:    suites.V20250326,
	Covers:   []string{"authz-client-grant-restriction"},
	Remedy:   "Compare the flow with the grant_types and response_types of the registration, and answer unauthorized_client.",
	Needs:    []suites.Need{suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.CodeForAnyGrant},
	Specs: func(d *probes.Deployment) {
		attempt := probes.Start(d, d.CodeWithoutGrant)

		It("but is refused", func(ctx SpecContext) {
			a, err := attempt.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if a == nil {
				suites.NotApplicable("no client with a redirect URI can be registered without the code flow")
			}
			Expect(a).To(suites.BeRefused())
		})
	},
})

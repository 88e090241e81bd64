package authserver

import (
	"context"
	"errors"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// issuesIdentities needs a server that issues identity assertions, to a client of
// the configuration.
func issuesIdentities(ctx context.Context, d *probes.Deployment) (bool, string) {
	if d.Target.Chaining != nil {
		return true, ""
	}
	metadata, err := d.Metadata(ctx)
	if err == nil {
		if types, _ := metadata.Strings("identity_chaining_requested_token_types_supported"); slices.Contains(types, probes.TypeIDJAG) {
			return false, "a client that may get identity assertions, and for which authorization server (chaining in the configuration)"
		}
	}
	return false, "an authorization server that is an identity provider and issues identity assertions"
}

var _ = suites.Register(suites.Check{
	ID:       "as-idjag-issued-shape",
	Title:    "An identity assertion says what it is and for whom",
	Role:     suites.AS,
	Area:     suites.EnterpriseManaged,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("ID-JAG, 3.1", "ID-JAG, 4.3.4", "MCP Enterprise-Managed Authorization, 4.3"),
	Since:    suites.V20251125,
	Covers:   []string{"idp-ema-id-jag-shape"},
	Remedy:   "Answer with issued_token_type id-jag and token_type N_A; sign a JWT of type oauth-id-jag+jwt with iss, sub, aud, client_id, jti, exp, iat and the resource that was asked for.",
	Needs:    []suites.Need{issuesIdentities},
	Faults:   []fault.Fault{fault.IDPBearer, fault.IDPTypeMissing, fault.IDPClaimsMissing, fault.IDPResourceChange},
	Specs: func(d *probes.Deployment) {
		sound := probes.Start(d, d.SoundChaining)
		await := func(ctx SpecContext) (*probes.Tokens, *probes.JWT) {
			t, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			jwt, ok := t.JWT()
			Expect(ok).To(BeTrue(), "the identity assertion is no JWT")
			return t, jwt
		}

		It("in the answer", func(ctx SpecContext) {
			t, _ := await(ctx)
			issued, _ := t.Document.String("issued_token_type")
			kind, _ := t.Document.String("token_type")
			Expect(issued).To(Equal(probes.TypeIDJAG), "issued_token_type is not that of an identity assertion")
			Expect(strings.ToUpper(kind)).To(Equal("N_A"), "token_type is not N_A: clients might use it as an access token")
		})
		It("in its header", func(ctx SpecContext) {
			_, jwt := await(ctx)
			typ, _ := jwt.Header.String("typ")
			Expect(strings.ToLower(typ)).To(Equal("oauth-id-jag+jwt"), "typ does not say that it is an identity assertion")
		})
		It("in its claims", func(ctx SpecContext) {
			_, jwt := await(ctx)
			var missing []string
			for _, name := range []string{"iss", "sub", "aud", "client_id", "jti", "exp", "iat"} {
				if !jwt.Claims.Has(name) {
					missing = append(missing, name)
				}
			}
			Expect(missing).To(BeEmpty(), "claims are missing")
			Expect(jwt.Audience()).To(Equal([]string{d.Target.Chaining.Audience}), "it is not for the authorization server alone that was asked for")
		})
		It("down to the resource", func(ctx SpecContext) {
			_, jwt := await(ctx)
			resource, named := jwt.Claims.String("resource")
			if d.Target.Chaining.Resource == "" || !named {
				suites.NotApplicable("no resource was asked for or none is named")
			}
			Expect(resource).To(Equal(d.Target.Chaining.Resource), "it names another resource than was asked for")
		})
	},
})

// ofAnother asks with the ID token of another client.
func ofAnother(d *probes.Deployment) []probes.Asking {
	all := []probes.Asking{
		{Name: "nobody, with the client's ID token", Change: unauthenticated("")},
	}
	for _, impostor := range probes.Impostors(d.ChainingClient()) {
		all = append(all, probes.Asking{Name: "somebody with a wrong proof or none", Client: &impostor})
	}
	if another := d.AnotherChainingClient(); another != nil {
		all = append(all, probes.Asking{Name: "another client, with an ID token that is not its own", Client: another})
	}
	return all
}

var _ = suites.Register(suites.Check{
	ID:       "as-idjag-issued-to",
	Title:    "An identity assertion is issued for a client's own user and for permitted targets only",
	Role:     suites.AS,
	Area:     suites.IdentityAssertion,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("ID-JAG, 4.3.3", "ID-JAG, 8.3", "RFC 8693, 2.2.2", "MCP Enterprise-Managed Authorization, 7.6.1", "MCP Enterprise-Managed Authorization, 7.7"),
	Since:    suites.V20251125,
	Covers:   []string{"idjag-issuing-side", "idp-ema-subject-token-bound", "idp-ema-audience-resource-pair"},
	Remedy:   "Authenticate the client, verify the ID token and require the client to be its audience; look up audience and resource together in the policy; and trust no assertion of your own as a grant.",
	Needs:    []suites.Need{issuesIdentities},
	Faults: []fault.Fault{
		fault.IDPAnySubject, fault.IDPUnproved, fault.IDPForged, fault.IDPAnyAudience, fault.IDPAnyResource, fault.IDPRedeemsOwn,
	},
	Specs: func(d *probes.Deployment) {
		clients := d.TryChaining(func(*probes.Tokens) ([]probes.Asking, error) { return ofAnother(d), nil })
		forged := d.TryChaining(func(own *probes.Tokens) ([]probes.Asking, error) {
			var all []probes.Asking
			for _, r := range []tokens.Recipe{tokens.BrokenSignatures()[0], tokens.Unsigned()[0], tokens.Altered("exp", 1), tokens.Altered("sub", "admin")} {
				token, err := r.Make(own.ID)
				if err != nil {
					return nil, err
				}
				all = append(all, probes.Asking{Name: r.Name, Change: []probes.Mutation{probes.With("subject_token", token)}})
			}
			return append(all, probes.Asking{Name: "that is an access token", Change: []probes.Mutation{probes.With("subject_token", own.Access)}}), nil
		})
		audiences := d.TryChaining(func(own *probes.Tokens) ([]probes.Asking, error) {
			id, ok := probes.DecodeJWT(own.ID)
			if !ok {
				return nil, errors.New("the ID token is no JWT")
			}
			issuer, _ := id.Claims.String("iss")
			return []probes.Asking{
				{Name: "an unknown authorization server", Change: []probes.Mutation{probes.With("audience", "https://unknown-as.example"), probes.Without("resource")}},
				{Name: "itself", Change: []probes.Mutation{probes.With("audience", issuer), probes.Without("resource")}},
			}, nil
		})
		pairs := d.TryChaining(func(*probes.Tokens) ([]probes.Asking, error) {
			var all []probes.Asking
			if other := d.Target.Chaining.OtherResource; other != "" {
				all = append(all, probes.Asking{Name: "a resource of another authorization server", Change: []probes.Mutation{probes.With("resource", other)}})
			}
			return append(all, probes.Asking{Name: "an unknown resource", Change: []probes.Mutation{probes.With("resource", "https://unknown.example/mcp")}}), nil
		})
		returned := d.ReturnIdentity()

		It("by the client that the user signed in to", notTaken(clients, "an identity assertion was issued to"))
		It("in exchange for a genuine ID token", notTaken(forged, "an identity assertion was issued in exchange for a token"))
		It("for authorization servers that the policy names", notTaken(audiences, "an identity assertion was issued for"))
		It("for resources that they protect", notTaken(pairs, "an identity assertion was issued for"))
		It("and is no grant to its own issuer", notTaken(returned, "its issuer gave an access token for"))
	},
})

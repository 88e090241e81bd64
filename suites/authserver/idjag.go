package authserver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// trustedProvider needs an identity provider of ours that the server trusts.
func trustedProvider(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.Enterprise != nil, "an identity provider that the authorization server trusts and whose key we hold (enterprise in the configuration)"
}

// identityGrant tells what the metadata says of identity assertions.
func identityGrant(ctx context.Context, d *probes.Deployment) (profile, grant bool, err error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return false, false, err
	}
	profiles, _ := metadata.Strings("authorization_grant_profiles_supported")
	grants, _ := metadata.Strings("grant_types_supported")
	return slices.Contains(profiles, probes.ProfileIDJAG), slices.Contains(grants, probes.GrantAssertion), nil
}

// identityOffered needs a server that takes identity assertions, by what it says
// or by what the user says.
func identityOffered(ctx context.Context, d *probes.Deployment) (bool, string) {
	profile, _, err := identityGrant(ctx, d)
	return err != nil || profile || d.Target.Enterprise != nil, "an authorization server that takes identity assertions (ID-JAG)"
}

var _ = suites.Register(suites.Check{
	ID:       "as-idjag-advertised",
	Title:    "A server that takes identity assertions says so, and not whose",
	Role:     suites.AS,
	Area:     suites.EnterpriseManaged,
	Level:    suites.Must,
	Severity: suites.Info,
	Cites:    cited("ID-JAG, 7.2", "ID-JAG, 8.4", "MCP Enterprise-Managed Authorization, 6"),
	Since:    suites.V20251125,
	Covers:   []string{"as-ema-profile-advertised", "idjag-advertised-consistently"},
	Remedy:   "List the id-jag profile in authorization_grant_profiles_supported and the jwt-bearer grant in grant_types_supported; keep the list of trusted providers to yourself.",
	Needs:    []suites.Need{identityOffered},
	Faults:   []fault.Fault{fault.IDJAGUnadvertised, fault.IDJAGGrantUnlisted, fault.IDJAGTrustPublished},
	Specs: func(d *probes.Deployment) {
		It("by profile and by grant type", func(ctx SpecContext) {
			profile, grant, err := identityGrant(ctx, d)
			Expect(err).NotTo(HaveOccurred())
			if profile {
				Expect(grant).To(BeTrue(), "the id-jag profile is listed, and the jwt-bearer grant by which it is used is not")
				return
			}
			if d.Target.Enterprise == nil {
				suites.NotApplicable("the metadata does not name the id-jag profile")
			}
			_, err = d.SoundIdentity(ctx)
			Expect(err).NotTo(HaveOccurred())
			suites.Warn("identity assertions are taken, and the metadata does not say so: clients cannot find out")
		})
		It("without a list of whom it trusts", func(ctx SpecContext) {
			metadata, err := d.Metadata(ctx)
			Expect(err).NotTo(HaveOccurred())
			for name := range metadata.Members {
				if folded := strings.ToLower(name); strings.Contains(folded, "trusted") && (strings.Contains(folded, "issuer") || strings.Contains(folded, "provider") || strings.Contains(folded, "idp")) {
					suites.Warn("%s tells everybody which companies use this server", name)
				}
			}
		})
	},
})

// identityCheck is a check on assertions that must not be taken.
func identityCheck(c suites.Check) suites.Check {
	c.Role, c.Since, c.Needs = suites.AS, suites.V20251125, append([]suites.Need{trustedProvider}, c.Needs...)
	return c
}

// notTaken judges requests to the token endpoint of which none may come to a
// token; the message is completed by their names.
func notTaken(f *probes.Future[[]probes.Asked], message string) func(SpecContext) {
	return func(ctx SpecContext) {
		all, err := f.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(taken(all)).To(BeEmpty(), message)
	}
}

// taken names the requests that came to a token.
func taken(all []probes.Asked) []string {
	var names []string
	for _, a := range all {
		if a.Issued() {
			names = append(names, a.Name)
		}
	}
	return names
}

// tries is a list that depends on nothing.
func tries(all ...probes.IdentityTry) func(context.Context) ([]probes.IdentityTry, error) {
	return func(context.Context) ([]probes.IdentityTry, error) { return all, nil }
}

func forgedBy(recipes ...tokens.Recipe) []probes.IdentityTry {
	var all []probes.IdentityTry
	for _, r := range recipes {
		all = append(all, probes.IdentityTry{Name: "one " + r.Name, Forge: &r})
	}
	return all
}

// identityForgeries are not signed by the provider.
func identityForgeries(d *probes.Deployment) func(context.Context) ([]probes.IdentityTry, error) {
	return func(context.Context) ([]probes.IdentityTry, error) {
		attacker, err := tokens.NewAttacker()
		if err != nil {
			return nil, err
		}
		jwks, err := d.Target.Enterprise.Provider.JWKS()
		if err != nil {
			return nil, err
		}
		forged := forgedBy(tokens.BrokenSignatures()[0], attacker.SameKeyID(), attacker.EmbeddedKey(), attacker.Issuer("https://untrusted-idp.example"))
		forged = append(forged, forgedBy(tokens.Unsigned()[:6]...)...)
		return append(forged, forgedBy(tokens.HMACSigned(jwks)...)...), nil
	}
}

var _ = suites.Register(identityCheck(suites.Check{
	ID:       "as-idjag-genuine",
	Title:    "Only identity assertions that a trusted provider signed are taken",
	Area:     suites.IdentityAssertion,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("ID-JAG, 4.4.1", "RFC 7523, 3", "RFC 8725, 3.1", "MCP Enterprise-Managed Authorization, 7.4.1"),
	Covers:   []string{"idjag-genuine-only", "as-ema-assertion-signature", "as-ema-typ"},
	Remedy:   "Verify with the configured key of the provider that iss names and with algorithms from a list of your own, and require typ oauth-id-jag+jwt.",
	Faults: []fault.Fault{
		fault.IDJAGUnverified, fault.IDJAGUnsigned, fault.IDJAGPublicSecret, fault.IDJAGEmbeddedKey, fault.IDJAGTypeUnchecked, fault.IDJAGKeyOfAnother,
	},
	Specs: func(d *probes.Deployment) {
		forged := d.TryIdentity(identityForgeries(d))
		mistyped := d.TryIdentity(func(context.Context) ([]probes.IdentityTry, error) {
			var all []probes.IdentityTry
			for _, typ := range []any{"JWT", "at+jwt", "client-authentication+jwt", nil} {
				name := fmt.Sprintf("one of type %v", typ)
				if typ == nil {
					name = "one without a type"
				}
				all = append(all, probes.IdentityTry{Name: name, Claims: []tokens.Mutation{tokens.Header("typ", typ)}})
			}
			return all, nil
		})
		crossed := d.TryIdentity(func(context.Context) ([]probes.IdentityTry, error) {
			if d.Target.Enterprise.Other == nil {
				return nil, nil
			}
			return []probes.IdentityTry{{Name: "one signed by another provider", Signer: d.Target.Enterprise.Other}}, nil
		})

		It("and none that somebody else did", notTaken(forged, "an access token was issued for an identity assertion that the provider did not sign"))
		It("and no other kind of token", notTaken(mistyped, "an access token was issued for a token of the provider that is no identity assertion"))
		It("and none in another's name", notTaken(crossed, "one trusted provider can speak in the name of another"))
	},
}))

var _ = suites.Register(identityCheck(suites.Check{
	ID:       "as-idjag-audience",
	Title:    "An identity assertion is for this server alone",
	Area:     suites.IdentityAssertion,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("ID-JAG, 4.4.1", "ID-JAG, 8.3", "MCP Enterprise-Managed Authorization, 7.6.2"),
	Covers:   []string{"idjag-audience", "as-ema-aud"},
	Remedy:   "Require aud to be your issuer identifier, as a string or as the only element of an array.",
	Faults:   []fault.Fault{fault.IDJAGAnyAudience, fault.IDJAGSharedAudience, fault.IDJAGTokenEndpoint},
	Specs: func(d *probes.Deployment) {
		audiences := func(pick func(issuer, endpoint, resource string) map[string]any) *probes.Future[[]probes.Asked] {
			return d.TryIdentity(func(ctx context.Context) ([]probes.IdentityTry, error) {
				x, err := d.Discovery(ctx)
				if err != nil {
					return nil, err
				}
				endpoint, err := d.ServerEndpoint(ctx, "token_endpoint")
				if err != nil {
					return nil, err
				}
				resource, err := d.Resource(ctx)
				if err != nil {
					return nil, err
				}
				var all []probes.IdentityTry
				chosen := pick(x.Issuer, endpoint, resource)
				for _, name := range slices.Sorted(maps.Keys(chosen)) {
					all = append(all, probes.IdentityTry{Name: name, Claims: []tokens.Mutation{tokens.Audience(chosen[name])}})
				}
				return all, nil
			})
		}
		foreign := audiences(func(_, _, resource string) map[string]any {
			return map[string]any{
				"another server": "https://other-as.example", "a list of another": []string{"https://other-as.example"},
				"the resource": resource, "nobody": "", "an empty list": []string{},
			}
		})
		shared := audiences(func(issuer, _, _ string) map[string]any {
			return map[string]any{"this server and another": []string{issuer, "https://other-as.example"}}
		})
		endpoint := audiences(func(_, endpoint, _ string) map[string]any { return map[string]any{"the token endpoint": endpoint} })
		slash := audiences(func(issuer, _, _ string) map[string]any { return map[string]any{"a slash more": issuer + "/"} })
		list := audiences(func(issuer, _, _ string) map[string]any { return map[string]any{"a list of one": []string{issuer}} })

		It("and for no other", notTaken(foreign, "an access token was issued for an identity assertion that is meant for"))
		It("and not for several", notTaken(shared, "an access token was issued for an identity assertion that is meant for"))
		It("by its issuer identifier", func(ctx SpecContext) {
			all, err := endpoint.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(taken(all)) > 0 {
				suites.Warn("an identity assertion is taken that names the token endpoint instead of the issuer")
			}
			all, err = slash.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(taken(all)) > 0 {
				d.Note("an audience is taken that has one slash more than the issuer identifier")
			}
			all, err = list.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(taken(all)) == 0 {
				d.Note("an audience that is a list of the issuer identifier alone is refused")
			}
		})
	},
}))

var _ = suites.Register(identityCheck(suites.Check{
	ID:       "as-idjag-client",
	Title:    "An identity assertion is used by the client that it names, and by nobody else",
	Area:     suites.IdentityAssertion,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("ID-JAG, 4.4.1", "ID-JAG, 8.1", "MCP Enterprise-Managed Authorization, 5.1"),
	Covers:   []string{"idjag-client-continuity", "as-ema-client-id-match"},
	Remedy:   "Authenticate the client and compare its identifier with client_id in the assertion.",
	Faults:   []fault.Fault{fault.IDJAGAnyClient, fault.IDJAGUnauthenticated},
	Specs: func(d *probes.Deployment) {
		others := d.TryIdentity(func(context.Context) ([]probes.IdentityTry, error) {
			all := []probes.IdentityTry{
				{Name: "naming another client", Claims: []tokens.Mutation{tokens.Claim("client_id", "somebody-else")}},
				{Name: "naming several clients", Claims: []tokens.Mutation{tokens.Claim("client_id", []string{d.EnterpriseClient().ID})}},
			}
			if another := d.AnotherEnterpriseClient(); another != nil {
				all = append(all, probes.IdentityTry{Name: "of one client, shown by another", Client: another})
			}
			return all, nil
		})
		unproved := d.TryIdentity(func(context.Context) ([]probes.IdentityTry, error) {
			c := d.EnterpriseClient()
			unnamed := probes.IdentityTry{Name: "without client authentication", Request: unauthenticated("")}
			all := []probes.IdentityTry{unnamed}
			for _, impostor := range probes.Impostors(c) {
				all = append(all, probes.IdentityTry{Name: "with a wrong proof or none", Client: &impostor})
			}
			return all, nil
		})

		It("even if another may use assertions too", notTaken(others, "an access token was issued for an assertion"))
		It("with its own proof", notTaken(unproved, "an access token was issued for an assertion"))
	},
}))

var _ = suites.Register(identityCheck(suites.Check{
	ID:       "as-idjag-claims",
	Title:    "An identity assertion says all that it must, and lives for a short time only",
	Area:     suites.IdentityAssertion,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("ID-JAG, 3.1", "RFC 7523, 3", "MCP Enterprise-Managed Authorization, 7.4.1"),
	Covers:   []string{"idjag-claims-and-lifetime", "as-ema-time-bounds"},
	Remedy:   "Require iss, sub, aud, client_id, jti, exp and iat, check the times, and set a limit to how far exp may be away.",
	Faults:   []fault.Fault{fault.IDJAGClaimsOptional, fault.IDJAGExpired, fault.IDJAGLongLived},
	Specs: func(d *probes.Deployment) {
		without := func(claims ...string) *probes.Future[[]probes.Asked] {
			var all []probes.IdentityTry
			for _, claim := range claims {
				all = append(all, probes.IdentityTry{Name: claim, Claims: []tokens.Mutation{tokens.Without(claim)}})
			}
			return d.TryIdentity(tries(all...))
		}
		vital, formal := without("iss", "sub", "aud", "client_id", "exp"), without("jti", "iat")
		untimely := d.TryIdentity(tries(
			probes.IdentityTry{Name: "one that expired an hour ago", Claims: []tokens.Mutation{tokens.Dated("iat", -2*time.Hour), tokens.Dated("exp", -time.Hour)}},
			probes.IdentityTry{Name: "one that begins in an hour", Claims: []tokens.Mutation{tokens.Dated("nbf", time.Hour), tokens.Dated("exp", 65*time.Minute)}},
			probes.IdentityTry{Name: "one whose exp is text", Claims: []tokens.Mutation{tokens.Claim("exp", "never")}},
		))
		year := d.TryIdentity(tries(probes.IdentityTry{Name: "one that lives for a year", Claims: []tokens.Mutation{tokens.Dated("exp", 365*24*time.Hour)}}))

		It("whom it is about and for", notTaken(vital, "an access token was issued for an assertion without"))
		It("which one it is, and since when", func(ctx SpecContext) {
			all, err := formal.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if names := taken(all); len(names) > 0 {
				suites.Warn("an access token was issued for an assertion without %s", strings.Join(names, ", without "))
			}
		})
		It("within its time", notTaken(untimely, "an access token was issued for an assertion outside of its time"))
		It("which is short", func(ctx SpecContext) {
			all, err := year.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(taken(all)) > 0 {
				suites.Warn("an identity assertion that lives for a year is taken: who steals it can use it for as long")
			}
		})
	},
}))

var _ = suites.Register(identityCheck(suites.Check{
	ID:       "as-idjag-replay",
	Title:    "An identity assertion works once",
	Area:     suites.EnterpriseManaged,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("MCP Enterprise-Managed Authorization, 7.4.2", "RFC 7523, 5.2", "ID-JAG, 4.4.3"),
	Covers:   []string{"as-ema-jti-replay"},
	Remedy:   "Remember jti until the assertion expires. The underlying draft lets clients use an assertion again; the MCP extension does not.",
	Faults:   []fault.Fault{fault.IDJAGReplayed},
	Specs: func(d *probes.Deployment) {
		second := probes.Start(d, d.ReplayIdentity)

		It("until it expires", func(ctx SpecContext) {
			t, err := second.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if t.Issued() {
				suites.Warn("an identity assertion gave a second access token: the MCP extension forbids it, the draft that it builds upon allows it")
			}
		})
	},
}))

// subjects names the requests that came to a token of the user.
func subjects(ctx SpecContext, d *probes.Deployment, all []probes.Asked, user string) []string {
	var names []string
	for _, a := range all {
		if !a.Issued() {
			continue
		}
		claims, err := d.Described(ctx, a.Access)
		Expect(err).NotTo(HaveOccurred())
		if claims == nil {
			suites.Undecided(d, reports.Configuration, "%s: an access token was issued, and nothing says for whom", a.Name)
		}
		if subject, _ := claims.String("sub"); subject == user {
			names = append(names, a.Name)
		} else {
			d.Note("%s: an access token was issued, for another user", a.Name)
		}
	}
	return names
}

var _ = suites.Register(identityCheck(suites.Check{
	ID:       "as-idjag-subject",
	Title:    "The user of an identity assertion is found by who asserts it and by sub",
	Area:     suites.IdentityAssertion,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("ID-JAG, 3.1", "ID-JAG, 6.3", "RFC 8725, 3.8"),
	Covers:   []string{"idjag-subject-resolution"},
	Remedy:   "Keep accounts under iss and sub together (and the tenant, where there is one); never find one by an email address that a provider only passes on.",
	Faults:   []fault.Fault{fault.IDJAGSubjectAlone, fault.IDJAGSubjectByEmail},
	Specs: func(d *probes.Deployment) {
		e := func() *probes.Enterprise { return d.Target.Enterprise }
		tried := d.TryIdentity(func(context.Context) ([]probes.IdentityTry, error) {
			unknown := "mcpassay-" + probes.NewVerifier()[:12]
			all := []probes.IdentityTry{
				{Name: "another sub", Claims: []tokens.Mutation{tokens.Claim("sub", unknown), tokens.Without("email")}},
				{Name: "another sub, and the user's in aud_sub", Claims: []tokens.Mutation{tokens.Claim("sub", unknown), tokens.Claim("aud_sub", e().Subject), tokens.Without("email")}},
			}
			if e().Email != "" {
				all = append(all, probes.IdentityTry{Name: "another sub, and the user's email address",
					Claims: []tokens.Mutation{tokens.Claim("sub", unknown), tokens.Claim("email", e().Email), tokens.Claim("email_verified", true)}})
			}
			if other := e().Other; other != nil {
				all = append(all, probes.IdentityTry{Name: "the user's sub at another provider", Signer: other,
					Claims: []tokens.Mutation{tokens.Claim("iss", other.URL), tokens.Without("email")}})
			}
			return all, nil
		})
		sound := probes.Start(d, d.SoundIdentity)

		It("and by nothing else", func(ctx SpecContext) {
			t, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			claims, err := d.Described(ctx, t.Access)
			Expect(err).NotTo(HaveOccurred())
			if claims == nil {
				suites.NotApplicable("access tokens are opaque: configure the resource server's client (introspection in the configuration) to see whose they are")
			}
			user, _ := claims.String("sub")
			Expect(subjects(ctx, d, all, user)).To(BeEmpty(), "an access token of a user was issued for an assertion with")
		})
	},
}))

package authserver

import (
	"context"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// scopesHeld are the scopes of a token: those that the answer names, else those
// that the token has.
func scopesHeld(t *probes.Tokens, claims *wire.Document) []string {
	if named, ok := t.Scopes(); ok {
		return named
	}
	scope, _ := claims.String("scope")
	return strings.Fields(scope)
}

// beyond returns the scopes that are not among the allowed.
func beyond(scopes, allowed []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return slices.Contains(allowed, s) })
}

// audienceOf is aud, as a list whichever way it is written.
func audienceOf(claims *wire.Document) []string { return (&probes.JWT{Claims: claims}).Audience() }

// assertedScope is the one scope of the assertion, and another that is not in it.
func assertedScope(ctx context.Context, d *probes.Deployment) (one, other string, ok bool, err error) {
	all, err := d.AllScopes(ctx)
	if err != nil || len(all) < 2 {
		return "", "", false, err
	}
	scopes := d.Target.Enterprise.Scopes
	if len(scopes) == 0 {
		if scopes, err = d.Scopes(ctx); err != nil {
			return "", "", false, err
		}
	}
	if len(scopes) == 0 {
		return "", "", false, nil
	}
	others := beyond(all, scopes[:1])
	return scopes[0], others[0], len(others) > 0, nil
}

var _ = suites.Register(identityCheck(suites.Check{
	ID:       "as-idjag-no-gain",
	Title:    "What is issued for an identity assertion does not go beyond it",
	Area:     suites.IdentityAssertion,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("ID-JAG, 4.4.1", "ID-JAG, 4.4.3", "RFC 8707, 2", "MCP Enterprise-Managed Authorization, 7.2.1"),
	Covers: []string{
		"idjag-no-privilege-gain", "as-ema-resource-known", "as-ema-token-audience", "as-ema-scope-intersection", "as-ema-no-refresh-token",
	},
	Remedy: "Issue for the resource in the assertion, with scopes that it and the request both have, and without a refresh token: the provider is to be asked again.",
	Faults: []fault.Fault{
		fault.IDJAGScopeWidens, fault.IDJAGResourceWidens, fault.IDJAGResourceUnknown, fault.IDJAGResourceBroad, fault.IDJAGRefreshToken,
	},
	Specs: func(d *probes.Deployment) {
		sound := probes.Start(d, d.SoundIdentity)
		foreign := d.TryIdentity(tries(
			probes.IdentityTry{Name: "a foreign resource", Claims: []tokens.Mutation{tokens.Claim("resource", "https://elsewhere.example/mcp")}},
			probes.IdentityTry{Name: "a list of resources, one of them foreign", Claims: []tokens.Mutation{tokens.Claim("resource", []string{"https://elsewhere.example/mcp"})}},
		))
		widened := d.TryIdentity(func(ctx context.Context) ([]probes.IdentityTry, error) {
			one, other, ok, err := assertedScope(ctx, d)
			if err != nil || !ok {
				return nil, err
			}
			held := tokens.Claim("scope", one)
			return []probes.IdentityTry{
				{Name: "another scope", Claims: []tokens.Mutation{held}, Request: []probes.Mutation{probes.With("scope", other)}},
				{Name: "a scope more", Claims: []tokens.Mutation{held}, Request: []probes.Mutation{probes.With("scope", one+" "+other)}},
			}, nil
		})
		moved := d.TryIdentity(func(context.Context) ([]probes.IdentityTry, error) {
			if d.Target.OtherResource == "" {
				return nil, nil
			}
			return []probes.IdentityTry{{Name: "another resource", Request: []probes.Mutation{probes.With("resource", d.Target.OtherResource)}}}, nil
		})

		It("in scope", func(ctx SpecContext) {
			all, err := widened.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(all) == 0 {
				suites.NotApplicable("there are no two scopes to ask for (scopes in the configuration)")
			}
			one, _, _, err := assertedScope(ctx, d)
			Expect(err).NotTo(HaveOccurred())
			for _, a := range all {
				if !a.Issued() {
					continue
				}
				claims, err := d.Described(ctx, a.Access)
				Expect(err).NotTo(HaveOccurred())
				Expect(beyond(scopesHeld(a.Tokens, claims), []string{one})).To(BeEmpty(), "%s was asked for, and what the assertion does not hold was granted", a.Name)
			}
		})
		It("to resources that are not served here", func(ctx SpecContext) {
			all, err := foreign.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(taken(all)).To(BeEmpty(), "an access token was issued for an assertion that names")
		})
		It("to another resource than it names", func(ctx SpecContext) {
			all, err := moved.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, a := range all {
				if !a.Issued() {
					continue
				}
				claims, err := d.Described(ctx, a.Access)
				Expect(err).NotTo(HaveOccurred())
				Expect(audienceOf(claims)).NotTo(ContainElement(d.Target.OtherResource), "the request named another resource than the assertion, and got it")
			}
		})
		It("but is restricted to the resource", func(ctx SpecContext) {
			t, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			claims, err := d.Described(ctx, t.Access)
			Expect(err).NotTo(HaveOccurred())
			resource, err := d.Resource(ctx)
			Expect(err).NotTo(HaveOccurred())
			if claims == nil {
				suites.NotApplicable("access tokens are opaque: configure the resource server's client (introspection in the configuration) to see what they are for")
			}
			audience := audienceOf(claims)
			Expect(audience).To(ContainElement(resource), "the access token is not for the resource that the assertion names")
			if d.Target.OtherResource != "" {
				Expect(audience).NotTo(ContainElement(d.Target.OtherResource), "the access token is also for a resource that the assertion does not name")
			}
		})
		It("in time", func(ctx SpecContext) {
			t, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if t.Refresh != "" {
				suites.Warn("a refresh token was issued for an identity assertion: the provider will not be asked again")
			}
			if lifetime, ok := t.ExpiresIn(); ok && lifetime > 24*time.Hour {
				d.Note("the access token lives for %s", lifetime)
			}
		})
	},
}))

var _ = suites.Register(identityCheck(suites.Check{
	ID:       "as-idjag-proof",
	Title:    "An identity assertion that is bound to a key is used with that key",
	Area:     suites.IdentityAssertion,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("ID-JAG, 8.6.1.2", "RFC 9449, 5"),
	Covers:   []string{"idjag-proof-of-possession"},
	Remedy:   "Compare cnf.jkt of the assertion with the key of the DPoP proof; if you know nothing of DPoP, refuse assertions that have cnf.",
	Faults:   []fault.Fault{fault.IDJAGUnbound},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.BindIdentity)

		It("and with no other, or none", func(ctx SpecContext) {
			b, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !b.Sound.Issued() {
				d.Note("identity assertions that are bound to a key are refused altogether: %s", b.Sound.Error)
			}
			Expect(taken(b.Unproved)).To(BeEmpty(), "an access token was issued for a bound assertion with")
		})
	},
}))

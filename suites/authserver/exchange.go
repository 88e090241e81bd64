package authserver

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// exchanges needs a client that may exchange tokens: configured, or registered by
// the run where the server lets anybody exchange their own.
func exchanges(ctx context.Context, d *probes.Deployment) (bool, string) {
	const want = "an authorization server that exchanges tokens (RFC 8693)"
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return true, want
	}
	grants, _ := metadata.Strings("grant_types_supported")
	if d.Target.Exchange == nil && !slices.Contains(grants, probes.GrantExchange) {
		return false, want
	}
	_, err = d.Exchanger(ctx)
	return !errors.Is(err, probes.ErrNoExchange), "a client that may exchange tokens (exchange in the configuration)"
}

// exchangeChain needs a second client that may exchange what the first one got.
func exchangeChain(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.Exchange != nil && d.Target.Exchange.Next != nil, "a second client that may exchange what the first one got (exchange.next in the configuration)"
}

// exchanging is one request that differs from the sound one.
func exchanging(name string, change ...probes.Mutation) probes.Asking {
	return probes.Asking{Name: name, Change: change}
}

func exchangeTries(all ...probes.Asking) func(context.Context, *probes.Exchanger) ([]probes.Asking, error) {
	return func(context.Context, *probes.Exchanger) ([]probes.Asking, error) { return slices.Clone(all), nil }
}

var _ = suites.Register(suites.Check{
	ID:       "as-exchange-response",
	Title:    "An exchange says what it gives, or what was wrong",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("RFC 8693, 2.2.1", "RFC 8693, 2.2.2"),
	Since:    suites.V20250326,
	Covers:   []string{"te-response-and-errors"},
	Remedy:   "Answer with issued_token_type and token_type; answer invalid_request to bad tokens and invalid_target to bad targets.",
	Needs:    []suites.Need{exchanges},
	Faults:   []fault.Fault{fault.ExchangeTypeUnnamed, fault.ExchangeErrorCode},
	Specs: func(d *probes.Deployment) {
		sound := probes.Start(d, d.SoundExchange)
		bad := d.TryExchange(exchangeTries(
			exchanging("an unknown subject token", probes.With("subject_token", "unknown-"+probes.NewVerifier())),
			exchanging("no subject token", probes.Without("subject_token")),
			exchanging("no subject_token_type", probes.Without("subject_token_type")),
			exchanging("an unknown requested_token_type", probes.With("requested_token_type", "urn:mcpassay:bogus")),
		))

		It("by its members", func(ctx SpecContext) {
			t, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, name := range []string{"issued_token_type", "token_type"} {
				value, _ := t.Document.String(name)
				Expect(value).NotTo(BeEmpty(), "the answer has no %s", name)
			}
		})
		It("by an error code", func(ctx SpecContext) {
			all, err := bad.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, a := range all {
				if a.Issued() {
					continue // which other checks judge, where it matters
				}
				Expect(a.Response.Status).To(BeNumerically("<", http.StatusInternalServerError), "%s is answered with a server error", a.Name)
				Expect(a.Error).NotTo(BeEmpty(), "%s is answered without an error code", a.Name)
				if a.Error != "invalid_request" {
					d.Note("%s is answered with %s instead of invalid_request", a.Name, a.Error)
				}
			}
		})
	},
})

// strangers are clients that have no business to exchange the token.
func strangers(d *probes.Deployment) func(context.Context, *probes.Exchanger) ([]probes.Asking, error) {
	return func(ctx context.Context, x *probes.Exchanger) ([]probes.Asking, error) {
		all := []probes.Asking{exchanging("nobody", unauthenticated("")...)}
		for _, impostor := range probes.Impostors(x.Client) {
			if x.Client.Confidential() {
				all = append(all, probes.Asking{Name: "somebody with a wrong proof or none", Client: &impostor})
			}
		}
		public, err := d.SecondClient(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, probes.Asking{Name: "a client that registered itself", Client: public})
		confidential, err := d.OtherConfidentialClient(ctx)
		switch {
		case errors.Is(err, probes.ErrNoSecret):
			return all, nil
		case err != nil:
			return nil, err
		}
		return append(all, probes.Asking{Name: "a client that registered itself and has a secret", Client: confidential}), nil
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-exchange-entitled",
	Title:    "Only clients that may exchange tokens can",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    cited("RFC 8693, 2.1", "RFC 8693, 5", "RFC 9700, 2.5"),
	Since:    suites.V20250326,
	Covers:   []string{"te-client-must-be-entitled"},
	Remedy:   "Authenticate the client of an exchange, and look up in a policy of the operator's which tokens it may exchange.",
	Needs:    []suites.Need{exchanges, suites.SecondClient},
	Faults:   []fault.Fault{fault.ExchangeAnyClient, fault.ExchangePublicClient},
	Specs: func(d *probes.Deployment) {
		tried := d.TryExchange(strangers(d))

		It("and no strangers, even if they hold the token", notTaken(tried, "a token was exchanged by"))
	},
})

// subjectForgeries are no tokens of the server.
func subjectForgeries(_ context.Context, x *probes.Exchanger) ([]probes.Asking, error) {
	all := []probes.Asking{exchanging("a token nobody issued", probes.With("subject_token", "unknown-"+probes.NewVerifier()))}
	if _, ok := x.Subject.JWT(); !ok {
		return all, nil
	}
	attacker, err := tokens.NewAttacker()
	if err != nil {
		return nil, err
	}
	for _, r := range []tokens.Recipe{
		tokens.BrokenSignatures()[0], tokens.Unsigned()[0], attacker.SameKeyID(), attacker.EmbeddedKey(),
		attacker.Issuer("https://untrusted-as.example"), tokens.Altered("sub", "admin"),
	} {
		forged, err := r.Make(x.Subject.Access)
		if err != nil {
			return nil, err
		}
		all = append(all, exchanging("a token "+r.Name, probes.With("subject_token", forged)))
	}
	return all, nil
}

var _ = suites.Register(suites.Check{
	ID:       "as-exchange-subject",
	Title:    "Only a living, genuine token that was meant for the client is exchanged",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("RFC 8693, 2.1", "RFC 8693, 5", "RFC 8725, 3"),
	Since:    suites.V20250326,
	Covers:   []string{"te-subject-token-must-be-ours"},
	Remedy:   "Verify the subject token as a resource server would, see whether it was revoked, and require its audience to be what the client stands for.",
	Needs:    []suites.Need{exchanges},
	Faults:   []fault.Fault{fault.ExchangeUnverified, fault.ExchangeAnyAudience, fault.ExchangeRevoked},
	Specs: func(d *probes.Deployment) {
		forged := d.TryExchange(subjectForgeries)
		foreign := d.TryExchange(func(ctx context.Context, x *probes.Exchanger) ([]probes.Asking, error) {
			if x.Own || d.Target.OtherResource == "" {
				return nil, nil
			}
			other, err := d.TokenForOther(ctx)
			return []probes.Asking{exchanging("a token for another resource", probes.With("subject_token", other))}, err
		})
		revoked := probes.Start(d, d.ExchangeRevoked)

		It("none that somebody else made", notTaken(forged, "an access token was issued in exchange for"))
		It("none that was meant for others", func(ctx SpecContext) {
			all, err := foreign.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(all) == 0 {
				suites.NotApplicable("needs a client that may exchange the tokens of others (exchange in the configuration), and a second resource (resources.other)")
			}
			Expect(taken(all)).To(BeEmpty(), "an access token was issued in exchange for")
		})
		It("none that was revoked", func(ctx SpecContext) {
			r, err := revoked.Await(ctx)
			if errors.Is(err, probes.ErrNotRevocable) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(r.Again).To(suites.BeRefused(), "an access token that had been revoked was exchanged")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-exchange-target",
	Title:    "What a token can be exchanged for is limited",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 8693, 2.1", "RFC 8693, 2.2.2", "RFC 8707, 2"),
	Since:    suites.V20250326,
	Covers:   []string{"te-target-restricted"},
	Remedy:   "Look up resource and audience, each and together, in the policy for the client, and refuse the request with invalid_target.",
	Needs:    []suites.Need{exchanges},
	Faults:   []fault.Fault{fault.ExchangeAnyTarget, fault.ExchangeAudienceBlind},
	Specs: func(d *probes.Deployment) {
		const elsewhere = "https://attacker.mcpassay.example/api"
		tried := d.TryExchange(func(_ context.Context, x *probes.Exchanger) ([]probes.Asking, error) {
			all := []probes.Asking{
				exchanging("an unknown resource", probes.With("resource", elsewhere)),
				exchanging("an unknown audience", probes.With("audience", elsewhere), probes.Without("resource")),
			}
			if x.Resource != "" {
				all = append(all, exchanging("a permitted resource and an unknown audience", probes.With("audience", elsewhere)))
			}
			return all, nil
		})

		It("to what the policy names", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, a := range all {
				if !a.Issued() {
					if a.Error != "invalid_target" {
						d.Note("%s is answered with %s instead of invalid_target", a.Name, a.Error)
					}
					continue
				}
				claims, err := d.Described(ctx, a.Access)
				Expect(err).NotTo(HaveOccurred())
				if claims == nil {
					suites.Review("an access token was issued for %s, and it is opaque: find out what it is good for", a.Name)
				}
				Expect(audienceOf(claims)).NotTo(ContainElement(elsewhere), "an access token for %s was issued", a.Name)
				d.Note("%s is left out of account", a.Name)
			}
		})
	},
})

// heldScopes are the scopes of the subject token.
func heldScopes(ctx context.Context, d *probes.Deployment, x *probes.Exchanger) ([]string, error) {
	claims, err := d.Described(ctx, x.Subject.Access)
	if err != nil {
		return nil, err
	}
	return scopesHeld(x.Subject, claims), nil
}

var _ = suites.Register(suites.Check{
	ID:       "as-exchange-scope",
	Title:    "An exchange gives no scope that the token lacked",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("RFC 8693, 2.1", "RFC 8693, 5", "RFC 9700, 2.3"),
	Since:    suites.V20250326,
	Covers:   []string{"te-no-scope-gain"},
	Remedy:   "Give the scopes that the subject token has and the request asks for; where it asks for none, no more than the subject token has.",
	Needs:    []suites.Need{exchanges, suites.TwoScopes},
	Faults:   []fault.Fault{fault.ExchangeScopeWidens, fault.ExchangeScopeDefault},
	Specs: func(d *probes.Deployment) {
		gained := func(ctx SpecContext, t *probes.Tokens) []string {
			x, err := d.Exchanger(ctx)
			Expect(err).NotTo(HaveOccurred())
			held, err := heldScopes(ctx, d, x)
			Expect(err).NotTo(HaveOccurred())
			claims, err := d.Described(ctx, t.Access)
			Expect(err).NotTo(HaveOccurred())
			return beyond(scopesHeld(t, claims), held)
		}
		sound := probes.Start(d, d.SoundExchange)
		asked := d.TryExchange(func(ctx context.Context, x *probes.Exchanger) ([]probes.Asking, error) {
			held, err := heldScopes(ctx, d, x)
			if err != nil {
				return nil, err
			}
			all, err := d.AllScopes(ctx)
			if err != nil {
				return nil, err
			}
			more := beyond(all, held)
			if len(more) == 0 {
				return nil, nil
			}
			return []probes.Asking{
				exchanging("another scope", probes.With("scope", more[0])),
				exchanging("a scope more", probes.With("scope", strings.Join(append(slices.Clone(held), more[0]), " "))),
				exchanging("a refresh token, and a scope more", probes.With("requested_token_type", probes.TypeRefreshToken), probes.With("scope", more[0])),
			}, nil
		})

		It("if none is asked for", func(ctx SpecContext) {
			t, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(gained(ctx, t)).To(BeEmpty(), "the exchange gave scopes that the subject token lacks")
		})
		It("if it is asked for", func(ctx SpecContext) {
			all, err := asked.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(all) == 0 {
				suites.NotApplicable("the subject token has every scope that is known (scopes in the configuration)")
			}
			for _, a := range all {
				if a.Issued() {
					Expect(gained(ctx, a.Tokens)).To(BeEmpty(), "%s was asked for, and given although the subject token lacks it", a.Name)
				}
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-exchange-types",
	Title:    "Tokens are exchanged for what they are",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 8693, 2.1", "RFC 8693, 3", "RFC 8725, 3.12"),
	Since:    suites.V20250326,
	Covers:   []string{"te-token-type-honesty"},
	Remedy:   "Verify a subject token by the rules for the type that is declared, and name in issued_token_type what is really issued.",
	Needs:    []suites.Need{exchanges},
	Faults:   []fault.Fault{fault.ExchangeTypeUnchecked, fault.ExchangeIDToken, fault.ExchangeTypeMisnamed},
	Specs: func(d *probes.Deployment) {
		misdeclared := d.TryExchange(exchangeTries(
			exchanging("an access token that is called an ID token", probes.With("subject_token_type", probes.TypeIDToken)),
			exchanging("an access token that is called a SAML assertion", probes.With("subject_token_type", probes.TypeSAML)),
			exchanging("an access token that is called a refresh token", probes.With("subject_token_type", probes.TypeRefreshToken)),
			exchanging("an access token of an unknown type", probes.With("subject_token_type", "urn:mcpassay:bogus")),
		))
		identities := d.TryExchange(func(ctx context.Context, x *probes.Exchanger) ([]probes.Asking, error) {
			t, err := d.WithIDToken(ctx)
			if err != nil || t.ID == "" {
				return nil, err
			}
			return []probes.Asking{exchanging("an ID token that is called an access token", probes.With("subject_token", t.ID))}, nil
		})
		requested := d.TryExchange(exchangeTries(
			exchanging("a SAML assertion", probes.With("requested_token_type", probes.TypeSAML)),
			exchanging("an ID token", probes.With("requested_token_type", probes.TypeIDToken)),
			exchanging("an unknown type", probes.With("requested_token_type", "urn:mcpassay:bogus")),
		))

		It("not for what they are called", func(ctx SpecContext) {
			all, err := misdeclared.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if names := taken(all); len(names) > 0 {
				suites.Warn("an access token was issued in exchange for %s", strings.Join(names, ", "))
			}
		})
		It("not an ID token for an access token", func(ctx SpecContext) {
			all, err := identities.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(all) == 0 {
				suites.NotApplicable("the authorization server issues no ID tokens")
			}
			Expect(taken(all)).To(BeEmpty(), "an access token was issued in exchange for")
		})
		It("and truthfully named", func(ctx SpecContext) {
			all, err := requested.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, a := range all {
				if !a.Issued() {
					continue
				}
				issued, _ := a.Document.String("issued_token_type")
				kind, _ := a.Document.String("token_type")
				if strings.EqualFold(kind, "Bearer") && issued != probes.TypeAccessToken && issued != probes.TypeJWT {
					suites.Warn("%s was asked for, and a bearer token was issued under the name %s", a.Name, issued)
				}
				d.Note("%s was asked for, and %s issued", a.Name, issued)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-exchange-lifetime",
	Title:    "What was exchanged ends with what it was exchanged for",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 8693, 2.2.1", "RFC 8693, 5", "RFC 9700, 2.3"),
	Since:    suites.V20250326,
	Covers:   []string{"te-lifetime-inherited"},
	Remedy:   "Let the new token expire no later than the subject token, and take it for dead when the subject token or its grant was revoked.",
	Needs:    []suites.Need{exchanges},
	Faults:   []fault.Fault{fault.ExchangeRenews, fault.ExchangeOutlives},
	Specs: func(d *probes.Deployment) {
		sound := probes.Start(d, d.LateExchange)
		revoked := probes.Start(d, d.ExchangeRevoked)

		It("by time", func(ctx SpecContext) {
			late, err := sound.Await(ctx)
			if errors.Is(err, probes.ErrLifetimeUnknown) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			if late.Over > 0 {
				d.Note("the exchanged token lives %s longer than the subject token", late.Over)
			}
			if late.Renewable {
				suites.Warn("the exchanged token lives %s longer than the subject token, and what it is exchanged for still longer: there is no end to it", late.Over)
			}
			if late.Over > time.Hour {
				suites.Warn("the exchanged token lives %s longer than the subject token", late.Over)
			}
		})
		It("by revocation", func(ctx SpecContext) {
			r, err := revoked.Await(ctx)
			if errors.Is(err, probes.ErrNotRevocable) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			if r.Onward == nil {
				suites.NotApplicable("needs a second client that may exchange what the first one got (exchange.next in the configuration)")
			}
			if r.Onward.Issued() {
				suites.Warn("a token can still be exchanged onwards after the one that it was exchanged for was revoked")
			}
		})
	},
})

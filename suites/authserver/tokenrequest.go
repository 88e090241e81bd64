package authserver

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-token-post-only",
	Title:    "The token endpoint takes its parameters from a form-encoded POST body alone",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 3.2", "RFC 6749, 3.2", "RFC 6749, 2.3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"as-token-get-refused", "tok-post-form-only"},
	Remedy:   "Answer anything but POST with 405, and read parameters from the body only: URLs end up in logs and histories, with the codes and secrets in them.",
	Faults:   []fault.Fault{fault.TokenByGet, fault.TokenFromQuery, fault.TokenFromJSON},
	Specs: func(d *probes.Deployment) {
		get, query, object := d.TryCarriage(probes.InURLOfGet), d.TryCarriage(probes.InURLOfPost), d.TryCarriage(probes.InJSON)

		It("not from a GET", func(ctx SpecContext) {
			Expect(get.Await(ctx)).To(suites.BeRefused())
		})
		It("not from the URL of a POST", func(ctx SpecContext) {
			Expect(query.Await(ctx)).To(suites.BeRefused())
		})
		It("not from JSON", func(ctx SpecContext) {
			attempt, err := object.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if attempt.Issued() {
				suites.Warn("token requests in JSON are accepted, which OAuth does not provide for")
			}
		})
	},
})

// twice sends a parameter twice: the good value, and another before or behind it.
func twice(name, other string, otherFirst bool) probes.Mutation {
	return func(f *probes.Form) {
		values := []string{f.Values.Get(name), other}
		if otherFirst {
			values = []string{other, f.Values.Get(name)}
		}
		f.Values[name] = values
	}
}

// repeated makes trials of token requests with one parameter sent twice.
func repeated(otherFirst bool) []probes.Trial {
	others := map[string]string{
		"code": "unknown-" + probes.NewVerifier(), "code_verifier": probes.NewVerifier(), "grant_type": "client_credentials",
	}
	var trials []probes.Trial
	for _, name := range []string{"code", "code_verifier", "grant_type"} {
		trials = append(trials, probes.Trial{Name: name, Redemption: []probes.Mutation{twice(name, others[name], otherFirst)}})
	}
	return trials
}

var _ = suites.Register(suites.Check{
	ID:       "as-token-duplicate-parameters",
	Title:    "A token request that has a parameter twice is refused",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 3.2", "RFC 6749, 3.2"),
	Since:    suites.V20250326,
	Covers:   []string{"tok-duplicate-parameters"},
	Remedy:   "Answer invalid_request when any parameter but resource and audience occurs twice, so that no two parts of the system read different copies.",
	Faults:   []fault.Fault{fault.TokenDuplicateFirst, fault.TokenDuplicateLast},
	Specs: func(d *probes.Deployment) {
		first, last := d.Try(d.Client, repeated(false)...), d.Try(d.Client, repeated(true)...)

		It("with the good value first", contested(d, first, "the first of two values is taken, and the second ignored"))
		It("with the good value last", contested(d, last, "the last of two values is taken, and the first ignored"))
	},
})

// typed makes a trial with another grant type.
func typed(name string, mutation probes.Mutation) probes.Trial {
	return probes.Trial{Name: name, Redemption: []probes.Mutation{mutation}}
}

var _ = suites.Register(suites.Check{
	ID:       "as-grant-type-exact",
	Title:    "A code is given for the grant type authorization_code alone",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 3.2.4", "RFC 6749, 4.1.3", "RFC 6749, 5.2"),
	Since:    suites.V20250326,
	Covers:   []string{"tok-grant-type-errors"},
	Remedy:   "Compare grant_type byte for byte, and answer invalid_request where it is missing and unsupported_grant_type where it is unknown.",
	Faults:   []fault.Fault{fault.GrantTypeAssumed, fault.GrantTypeCase},
	Specs: func(d *probes.Deployment) {
		missing := d.Try(d.Client,
			typed("no grant_type", probes.Without("grant_type")),
			typed("an empty grant_type", probes.With("grant_type", "")))
		others := d.Try(d.Client,
			typed("AUTHORIZATION_CODE", probes.With("grant_type", "AUTHORIZATION_CODE")),
			typed("urn:mcpassay:unknown", probes.With("grant_type", "urn:mcpassay:unknown")))

		It("not without one", refused(d, missing))
		It("not for another spelling or an unknown one", refused(d, others))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-grant-type-registered",
	Title:    "A client cannot use a grant type that it is not registered for",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 3.2.4", "RFC 7591, 2"),
	Since:    suites.V20250326,
	Covers:   []string{"tok-grant-type-errors"},
	Remedy:   "Check grant_type against the client's registration, whose default is authorization_code alone.",
	Needs:    []suites.Need{suites.DynamicRegistration, suites.ConfidentialClient},
	Faults:   []fault.Fault{fault.GrantUnregistered},
	Specs: func(d *probes.Deployment) {
		machine := probes.Start(d, d.MachineGrant)

		It("such as client_credentials", func(ctx SpecContext) {
			t, err := machine.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if t == nil {
				suites.NotApplicable("the server registers every client for client_credentials, or does not say what it registers")
			}
			Expect(t).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-password-grant-refused",
	Title:    "The password grant is not available",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9700, 2.4", "OAuth 2.1, 10"),
	Since:    suites.V20250326,
	Covers:   []string{"as-no-legacy-grants", "tok-password-grant-refused"},
	Remedy:   "Switch grant_type=password off: it hands the user's password to the client and goes round consent.",
	Faults:   []fault.Fault{fault.PasswordGrant},
	Specs: func(d *probes.Deployment) {
		byPassword := probes.Start(d, d.PasswordGrant)

		It("to the client of this run", func(ctx SpecContext) {
			if len(d.Target.Users) == 0 {
				suites.NotApplicable("no user is configured whose password could be tried")
			}
			Expect(byPassword.Await(ctx)).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-code-bound-to-client",
	Title:    "A code works only for the client it was issued to",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.3", "RFC 6749, 4.1.3"),
	Since:    suites.V20250326,
	Covers:   []string{"as-code-bound-to-client", "tok-code-bound-to-client"},
	Remedy:   "Keep the client id with the code, and compare it with the client that redeems it.",
	Faults:   []fault.Fault{fault.CodeAnyClient, fault.CodeClientBlind},
	Specs: func(d *probes.Deployment) {
		client := probes.Start(d, d.Client)
		nobody := d.Try(d.Client, typed("no client_id", probes.Without("client_id")))
		var other *probes.Future[*probes.Attempt]
		if offered, _ := suites.SecondClient(context.Background(), d); offered {
			other = probes.Start(d, d.ForeignRedemption)
		}

		It("and for no other", func(ctx SpecContext) {
			if other == nil {
				suites.NotApplicable("there is no second client")
			}
			Expect(other.Await(ctx)).To(suites.BeRefused())
		})
		It("and has to be asked for by name", func(ctx SpecContext) {
			c, err := client.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if c.Confidential() {
				suites.NotApplicable("the client of this run is confidential; as-client-secret-required judges those")
			}
			refused(d, nobody)(ctx)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-artifacts-not-confused",
	Title:    "Nothing else that the server issues stands in for a code or a refresh token",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.3", "OAuth 2.1, 4.3.1", "RFC 8725, 3.12"),
	Since:    suites.V20250326,
	Covers:   []string{"tok-artifact-confusion"},
	Remedy:   "Store each kind of credential apart, or give it a type that is checked before anything else.",
	Faults: []fault.Fault{
		fault.CodeAsRefresh, fault.RefreshAsCode, fault.AccessAsRefresh, fault.IDTokenAsRefresh, fault.ManagerAsRefresh,
	},
	Needs: []suites.Need{suites.SecondClient},
	Specs: func(d *probes.Deployment) {
		judge := func(what probes.Artifact, as string) func(SpecContext) {
			misused := d.Misuse(what, as)
			return func(ctx SpecContext) {
				t, err := misused.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				if t == nil {
					suites.NotApplicable("the server does not issue %s to this client", what)
				}
				Expect(t).To(suites.BeRefused(), "%s was taken as %s", what, as)
			}
		}

		It("a code for a refresh token", judge(probes.CodeArtifact, "refresh_token"))
		It("a refresh token for a code", judge(probes.RefreshToken, "code"))
		It("an access token for a refresh token", judge(probes.AccessTokenArtifact, "refresh_token"))
		It("an ID token for a refresh token", judge(probes.IDToken, "refresh_token"))
		It("a registration access token for a refresh token", judge(probes.RegistrationArtifact, "refresh_token"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-grants-not-mixed",
	Title:    "Parameters of another grant have no effect on a refresh",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 3.2", "OAuth 2.1, 4.3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"tok-mixed-grant-parameters"},
	Remedy:   "Let grant_type alone decide which parameters are read.",
	Needs:    []suites.Need{suites.RefreshTokens, suites.TwoScopes, suites.SecondClient},
	Faults:   []fault.Fault{fault.MixedGrants},
	Specs: func(d *probes.Deployment) {
		mixed := probes.Start(d, d.MixGrants)

		It("even if it is a code of a wider grant", func(ctx SpecContext) {
			m, err := mixed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !m.Mixed.Issued() {
				return
			}
			plain, with := scopesOf(m.Plain), scopesOf(m.Mixed)
			if len(plain) == 0 {
				suites.NotApplicable("the scopes of a token cannot be read")
			}
			for _, scope := range plain {
				if !strings.Contains(" "+strings.Join(m.Granted, " ")+" ", " "+scope+" ") {
					suites.LeaveTo(d, "as-refresh-scope-cannot-widen", reports.AuthServer, "even an ordinary refresh yields %s, which was not granted", scope)
				}
			}
			Expect(with).To(ConsistOf(plain), "a code that came along changed the scopes of a refresh")
		})
	},
})

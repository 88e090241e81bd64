package authserver

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// asImpostor makes a trial of a token request with other credentials.
func asImpostor(name string, c probes.Client) probes.Trial {
	return probes.Trial{Name: name, Redemption: []probes.Mutation{probes.AsClient(c)}}
}

// withOtherSecret is the client with another secret.
func withOtherSecret(c *probes.Client, secret string) probes.Client {
	other := *c
	other.Secret = secret
	return other
}

// withOtherMethod is the client with another authentication method.
func withOtherMethod(c *probes.Client, method string) probes.Client {
	other := *c
	other.Method = method
	return other
}

var _ = suites.Register(suites.Check{
	ID:       "as-client-secret-required",
	Title:    "A confidential client gets no token unless it authenticates",
	Role:     suites.AS,
	Area:     suites.ClientAuth,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("OAuth 2.1, 3.2.1", "OAuth 2.1, 2.4", "RFC 6749, 3.2.1"),
	Since:    suites.V20250326,
	Covers:   []string{"as-client-authentication-enforced", "ca-secret-required"},
	Remedy:   "Decide by the client's registration, not by the request, whether it has to authenticate.",
	Needs:    []suites.Need{suites.ConfidentialClient},
	Faults:   []fault.Fault{fault.ClientUnauthenticated},
	Specs: func(d *probes.Deployment) {
		unproved := d.TryAs(d.ConfidentialClient, func(c *probes.Client) []probes.Trial {
			return []probes.Trial{
				asImpostor("client_id alone", withOtherMethod(c, "none")),
				asImpostor("an empty secret", withOtherSecret(c, "")),
			}
		})

		It("with its secret", refused(d, unproved))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-client-secret-exact",
	Title:    "Only the client's own secret authenticates it",
	Role:     suites.AS,
	Area:     suites.ClientAuth,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("OAuth 2.1, 2.4", "OAuth 2.1, 2.4.1", "RFC 6749, 2.3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"as-client-authentication-enforced", "ca-wrong-secret"},
	Remedy:   "Compare the whole secret, or a hash of all of it, with the one of the client that is named.",
	Needs:    []suites.Need{suites.ConfidentialClient},
	Faults:   []fault.Fault{fault.ClientSecretIgnored, fault.ClientSecretBeginning, fault.ClientSecretOfAnother},
	Specs: func(d *probes.Deployment) {
		wrong := d.TryAs(d.ConfidentialClient, func(c *probes.Client) []probes.Trial {
			return []probes.Trial{
				asImpostor("a random secret", withOtherSecret(c, probes.NewVerifier())),
				asImpostor("the client id as secret", withOtherSecret(c, c.ID)),
			}
		})
		altered := d.TryAs(d.ConfidentialClient, func(c *probes.Client) []probes.Trial {
			return []probes.Trial{
				asImpostor("the secret without its last character", withOtherSecret(c, c.Secret[:len(c.Secret)-1])),
				asImpostor("the secret and one more character", withOtherSecret(c, c.Secret+"A")),
				asImpostor("the secret in the other case", withOtherSecret(c, otherCase(c.Secret))),
			}
		})
		var another *probes.Future[[]probes.Tried]
		if offered, _ := suites.RegisteredSecrets(context.Background(), d); offered {
			another = probes.Start(d, func(ctx context.Context) ([]probes.Tried, error) {
				other, err := d.OtherConfidentialClient(ctx)
				if err != nil {
					return nil, err
				}
				c, err := d.ConfidentialClient(ctx)
				if err != nil {
					return nil, err
				}
				if other.Secret == c.Secret {
					return nil, &probes.Blocked{By: "as-dcr-credentials-fresh", Owner: reports.AuthServer, Err: errors.New("two clients have the same secret")}
				}
				return d.Trials(ctx, d.ConfidentialClient, []probes.Trial{asImpostor("another client's secret", withOtherSecret(c, other.Secret))})
			})
		}

		It("not any other", refused(d, wrong))
		It("not one that resembles it", refused(d, altered))
		It("not that of another client", func(ctx SpecContext) {
			if another == nil {
				suites.NotApplicable("there is no second client with a secret")
			}
			refused(d, another)(ctx)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-client-auth-every-grant",
	Title:    "A confidential client has to authenticate for everything, not for the code alone",
	Role:     suites.AS,
	Area:     suites.ClientAuth,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("OAuth 2.1, 4.3.1", "RFC 6749, 6", "RFC 7009, 2.1"),
	Since:    suites.V20250326,
	Covers:   []string{"ca-every-grant", "ca-secret-required", "as-client-authentication-enforced"},
	Remedy:   "Authenticate the client before looking at grant_type, and at the revocation endpoint too.",
	Needs:    []suites.Need{suites.ConfidentialClient, suites.RefreshTokens},
	Faults:   []fault.Fault{fault.RefreshUnauthenticated, fault.ClientUnauthenticated},
	Specs: func(d *probes.Deployment) {
		refreshed := probes.Start(d, d.RefreshUnproved)
		var revoked *probes.Future[*probes.Tokens]
		if offered, _ := suites.Revocation(context.Background(), d); offered {
			revoked = probes.Start(d, d.RevokeUnproved)
		}

		It("a refresh", func(ctx SpecContext) {
			i, err := refreshed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, t := range i.Refreshes {
				Expect(t).To(suites.BeRefused(), "a refresh without the client's secret yielded tokens")
			}
		})
		It("a revocation", func(ctx SpecContext) {
			if revoked == nil {
				suites.NotApplicable("the server advertises no revocation endpoint")
			}
			Expect(revoked.Await(ctx)).To(suites.BeAccepted(), "somebody without the client's secret revoked its refresh token")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-client-registered-method",
	Title:    "A client authenticates by the method it is registered for",
	Role:     suites.AS,
	Area:     suites.ClientAuth,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    cited("RFC 7591, 2", "OAuth 2.1, 2.4"),
	Since:    suites.V20250326,
	Covers:   []string{"ca-registered-method-enforced"},
	Remedy:   "Accept a client's secret only where its token_endpoint_auth_method says.",
	Needs:    []suites.Need{suites.ConfidentialClient},
	Faults:   []fault.Fault{fault.ClientAnyMethod},
	Specs: func(d *probes.Deployment) {
		other := d.TryAs(d.ConfidentialClient, func(c *probes.Client) []probes.Trial {
			method := "client_secret_post"
			if c.Method == method {
				method = "client_secret_basic"
			}
			return []probes.Trial{asImpostor(method+" instead of "+c.Method, withOtherMethod(c, method))}
		})

		It("and no other", refused(d, other))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-client-secret-post",
	Title:    "A client can send its secret in the body of the request",
	Role:     suites.AS,
	Area:     suites.ClientAuth,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 2.4.1"),
	Since:    suites.V20250326,
	Covers:   []string{"as-client-secret-post-supported", "ca-secret-transport"},
	Remedy:   "Support client_secret_post wherever you issue secrets: OAuth 2.1 requires it, and Basic is optional.",
	Needs:    []suites.Need{suites.RegisteredSecrets},
	Faults:   []fault.Fault{fault.ClientPostRefused},
	Specs: func(d *probes.Deployment) {
		flow := probes.Start(d, d.PostedSecret)
		found := probes.Start(d, d.Metadata)

		It("if it is registered for that", func(ctx SpecContext) {
			metadata, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if methods, _ := metadata.Strings("token_endpoint_auth_methods_supported"); !slices.Contains(methods, "client_secret_post") {
				suites.Warn("the server issues secrets and does not say that it takes them in the body (client_secret_post)")
			}
			attempt, err := flow.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if attempt == nil {
				suites.NotApplicable("no client can be registered for client_secret_post")
			}
			Expect(attempt).To(suites.BeAccepted())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-client-one-identity",
	Title:    "A token request names one client, and authenticates it by one method",
	Role:     suites.AS,
	Area:     suites.ClientAuth,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 2.4", "OAuth 2.1, 3.2.4"),
	Since:    suites.V20250326,
	Covers:   []string{"ca-single-method", "as-client-authentication-enforced"},
	Remedy:   "Refuse a request with more than one kind of credentials, or whose client_id is not the authenticated client's.",
	Needs:    []suites.Need{suites.ConfidentialClient},
	Faults:   []fault.Fault{fault.ClientIdentityMixed, fault.ClientTwoMethods},
	Specs: func(d *probes.Deployment) {
		mixed := probes.Start(d, d.MixClients)
		both := d.TryAs(d.ConfidentialClient, func(c *probes.Client) []probes.Trial {
			return []probes.Trial{{Name: "the secret in the header and in the body", Redemption: []probes.Mutation{
				probes.AsClient(withOtherMethod(c, "client_secret_basic")), probes.With("client_id", c.ID), probes.With("client_secret", c.Secret),
			}}}
		})

		It("not one in the header and another in the body", func(ctx SpecContext) {
			c, err := d.ConfidentialClient(ctx)
			Expect(err).NotTo(HaveOccurred())
			if c.Method != "client_secret_basic" {
				suites.NotApplicable("the client is registered for %s, and does not authenticate in the header", c.Method)
			}
			Expect(mixed.Await(ctx)).To(suites.BeRefused())
		})
		It("not by header and body at once", contested(d, both, "two authentication methods in one request are accepted"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-client-basic-challenge",
	Title:    "Failed Basic authentication is answered with status 401 and a Basic challenge",
	Role:     suites.AS,
	Area:     suites.ClientAuth,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 3.2.4", "RFC 6749, 5.2", "RFC 9110, 15.5.2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-token-error-format", "ca-secret-transport"},
	Remedy:   "Answer 401 with WWW-Authenticate: Basic when the credentials of an Authorization header are wrong.",
	Needs:    []suites.Need{suites.ConfidentialClient},
	Faults:   []fault.Fault{fault.ClientBasicSilent},
	Specs: func(d *probes.Deployment) {
		wrong := d.TryAs(d.ConfidentialClient, func(c *probes.Client) []probes.Trial {
			impostor := withOtherSecret(c, probes.NewVerifier())
			return []probes.Trial{asImpostor("a wrong secret by Basic", withOtherMethod(&impostor, "client_secret_basic"))}
		})
		client := probes.Start(d, d.ConfidentialClient)

		It("at the token endpoint", func(ctx SpecContext) {
			c, err := client.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if c.Method != "client_secret_basic" {
				suites.NotApplicable("the client is registered for %s", c.Method)
			}
			tried, err := wrong.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			t := tried[0].Tokens
			switch {
			case t == nil || t.Issued():
				suites.LeaveTo(d, "as-client-secret-exact", reports.AuthServer, "a wrong secret: %s", tried[0].Ended())
			case tried[0].Filtered():
				suites.Undecided(d, reports.Edge, "something in front of the server answered %d", t.Response.Status)
			}
			Expect(t).To(suites.HaveStatus(http.StatusUnauthorized))
			challenges, _ := wire.Challenges(t.Response.Header)
			basic := slices.ContainsFunc(challenges, func(c wire.Challenge) bool { return strings.EqualFold(c.Scheme, "Basic") })
			Expect(basic).To(BeTrue(), "the answer has no Basic challenge in WWW-Authenticate")
		})
	},
})

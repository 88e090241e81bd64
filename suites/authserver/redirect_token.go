package authserver

import (
	"context"
	"errors"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// A repetition is a redirect URI that a token request names, other than that of
// the authorization request.
type repetition struct{ name, uri string }

// repeating redeems sound codes of a client, each with one of the redirect URIs.
// The result are the names of those that were redeemed.
func repeating(d *probes.Deployment, client probes.ClientOf, vary func(*probes.Client) []repetition) *probes.Future[map[string]*probes.Attempt] {
	return probes.Start(d, func(ctx context.Context) (map[string]*probes.Attempt, error) {
		c, err := client(ctx)
		if err != nil {
			return nil, err
		}
		return probes.Controlled(ctx, d, c, func(ctx context.Context) (map[string]*probes.Attempt, error) {
			tried := map[string]*probes.Attempt{}
			for _, r := range append(vary(c), repetition{unrelated, probes.StrangeRedirect}) {
				a, err := d.Attempt(ctx, c, nil, []probes.Mutation{probes.With("redirect_uri", r.uri)})
				if err != nil {
					return nil, err
				}
				tried[r.name] = a
			}
			return tried, nil
		})
	})
}

// unrelated is the name of a redirect URI that only a server which does not look
// at the parameter lets pass.
const unrelated = "one that is not registered"

// notRepeated judges them. OAuth 2.1 took the parameter out of the token request,
// so a server may ignore it; one that looks at it has to look closely.
func notRepeated(ctx context.Context, future *probes.Future[map[string]*probes.Attempt]) {
	GinkgoHelper()
	tried, err := future.Await(ctx)
	if missing := (*probes.NotRegistered)(nil); errors.As(err, &missing) {
		suites.NotApplicable("%v", missing)
	}
	Expect(err).NotTo(HaveOccurred())
	if tried[unrelated].Issued() {
		suites.Warn("redirect_uri is ignored in the token request; OAuth 2.1 allows that with PKCE, RFC 6749 does not")
	}
	var redeemed []string
	for name, a := range tried {
		if a.Issued() {
			redeemed = append(redeemed, name)
		}
	}
	if len(redeemed) > 0 {
		Fail("a code was redeemed although the token request named another redirect_uri: " + strings.Join(redeemed, ", "))
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-token-redirect-uri",
	Title:    "A token request that names another redirect URI than the authorization request did is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 6749", Section: "4.1.3"}, {Doc: "OAuth 2.1", Section: "10.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-token-request-mismatch"},
	Remedy:   "Keep the redirect_uri of the authorization request with the code, and compare it as a string with that of the token request where there is one.",
	Faults: []fault.Fault{
		fault.TokenRedirectUnchecked, fault.TokenRedirectRegistered, fault.TokenRedirectPort, fault.TokenRedirectSlash,
	},
	Specs: func(d *probes.Deployment) {
		several := func(ctx context.Context) (*probes.Client, error) {
			return d.WithRedirects(ctx, "web", "https://repeats.test/callback", "https://repeats.test/other")
		}
		registered := repeating(d, several, func(c *probes.Client) []repetition {
			return []repetition{{"another that is registered", c.RedirectURIs[1]}}
		})
		loopback := repeating(d, d.LoopbackClient, func(c *probes.Client) []repetition {
			return []repetition{{"one with another port", onOtherPort(c)}, {"one with a slash at the end", c.RedirectURI + "/"}}
		})

		It("even if it is registered too", func(ctx SpecContext) { notRepeated(ctx, registered) })
		It("even if only the loopback port or a slash differs", func(ctx SpecContext) { notRepeated(ctx, loopback) })
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-token-redirect-uri-optional",
	Title:    "A token request without redirect_uri is accepted",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "4.1.3, 10.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-token-request-omitted"},
	Remedy:   "Do not demand redirect_uri in the token request of clients that use PKCE: OAuth 2.1 clients leave it out.",
	Faults:   []fault.Fault{fault.TokenRedirectRequired},
	Specs: func(d *probes.Deployment) {
		tried := d.TryRedemption(probes.Without("redirect_uri"))

		It("as clients of OAuth 2.1 send it", func(ctx SpecContext) {
			Expect(tried.Await(ctx)).To(suites.BeAccepted())
		})
	},
})

package authserver

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-duplicate",
	Title:    "Of several redirect URIs in one request, none is checked and another one used",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "3.1"}, {Doc: "RFC 6749", Section: "3.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-duplicate-parameter"},
	Remedy:   "Refuse requests in which redirect_uri occurs more than once, and hand the value that was checked on to everything that uses it.",
	Faults:   []fault.Fault{fault.RedirectDuplicateLast, fault.RedirectDuplicateFirst},
	Specs: func(d *probes.Deployment) {
		const evil = "https://" + attacker + "/callback"
		titled := family{title: "whichever comes first, and however the other one is sent"}
		tried := d.Divert(d.RedirectClient, func(c *probes.Client) []probes.Diversion {
			right := probes.With("redirect_uri", c.RedirectURI)
			request := unsignedRequest(c.ID, evil)
			all := []probes.Diversion{
				{Name: "the second is not registered", Request: []probes.Mutation{right, probes.Add("redirect_uri", evil)}},
				{Name: "the first is not registered", Request: []probes.Mutation{probes.With("redirect_uri", evil), probes.Add("redirect_uri", c.RedirectURI)}},
				{Name: "another as redirect_uri[]", Request: []probes.Mutation{right, probes.With("redirect_uri[]", evil)}},
				{Name: "another as Redirect_Uri", Request: []probes.Mutation{right, probes.With("Redirect_Uri", evil)}},
				{Name: "another in an unsigned request object", Request: []probes.Mutation{right, probes.With("request", request)}},
			}
			for i := range all {
				all[i].Kind, all[i].URI = titled.title, evil
			}
			return all
		})

		It(titled.title, func(ctx SpecContext) { nowhere(ctx, d, tried, titled) })
	},
})

// unsignedRequest is a request object that nobody signed (RFC 9101, section 4).
func unsignedRequest(clientID, redirectURI string) string {
	encode := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"iss":%q,"client_id":%q,"response_type":"code","redirect_uri":%q}`, clientID, clientID, redirectURI)
	return encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(claims)) + "."
}

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-missing",
	Title:    "A client with several redirect URIs has to name one",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "2.3.2, 4.1.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-missing-parameter"},
	Remedy:   "Show an error page for a request without redirect_uri unless the client has registered exactly one.",
	Needs:    []suites.Need{suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.RedirectMissing},
	Specs: func(d *probes.Deployment) {
		several := func(ctx context.Context) (*probes.Client, error) {
			return d.WithRedirects(ctx, "web", "https://several.test/callback", "https://several.test/other")
		}
		tried := d.Divert(several, func(*probes.Client) []probes.Diversion {
			return []probes.Diversion{
				{Name: "left out", Request: []probes.Mutation{probes.Without("redirect_uri")}},
				{Name: "empty", Request: []probes.Mutation{probes.With("redirect_uri", "")}},
			}
		})

		It("or gets neither code nor error", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			if missing := (*probes.NotRegistered)(nil); errors.As(err, &missing) {
				suites.NotApplicable("%v", missing)
			}
			Expect(err).NotTo(HaveOccurred())
			for _, v := range all {
				if v.Err != nil {
					suites.Hindered(d, v.Name, v.Err)
				}
				if v.Normalised() || v.Authorization.Code != "" {
					Fail("redirect_uri " + v.Name + ": " + v.Authorization.Ended())
				}
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-patterns",
	Title:    "Registered redirect URIs are no patterns",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    exactly,
	Since:    suites.V20250326,
	Covers:   []string{"redirect-wildcards"},
	Remedy:   "Refuse asterisks in registered redirect URIs, and never hand a registered value to anything that matches patterns.",
	Faults:   []fault.Fault{fault.RedirectWildcard, fault.RedirectRegexp},
	Specs: func(d *probes.Deployment) {
		patterns := d.TryPatterns(map[string]string{
			"https://*.patterns.test/callback": "https://evil.patterns.test/callback",
			"https://patterns.test/any/*":      "https://patterns.test/any/evil",
			"https://patterns.test/any/.*":     "https://patterns.test/any/evil",
		})
		refuses(d, d.RedirectClient, family{title: "nor is a dot in them any character", vary: func(p place) []probes.Diversion {
			if !strings.Contains(p.name, ".") {
				return nil
			}
			return []probes.Diversion{ask("another character for the dot", p.on(strings.Replace(p.name, ".", "x", 1)))}
		}})

		It("even if there are asterisks in them", func(ctx SpecContext) {
			all, err := patterns.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !d.Registers(ctx) {
				suites.NotApplicable("the server registers no clients, and whoever does by hand decides on patterns")
			}
			var tried []probes.Diverted
			for _, v := range all {
				if missing := (*probes.NotRegistered)(nil); !errors.As(v.Err, &missing) {
					tried = append(tried, v)
				}
			}
			through, unclear := sorted(d, tried)
			if len(through) > 0 {
				Fail("the user agent was sent to a URI that only matches a pattern:\n" + strings.Join(through, "\n"))
			}
			if unclear != nil {
				undecided(d, unclear)
			}
		})
	},
})

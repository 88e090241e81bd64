package authserver

import (
	"context"
	"errors"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// redirectWithQuery is a redirect URI whose query belongs to it.
const redirectWithQuery = "https://client.mcpassay.example/tenant?tenant=1&lang=en"

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-query",
	Title:    "The query of a redirect URI is compared, and kept in the answer",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    append([]suites.Cite{{Doc: "OAuth 2.1", Section: "2.3"}}, exactly...),
	Since:    suites.V20250326,
	Covers:   []string{"redirect-query-change"},
	Remedy:   compareStrings + " Append the response parameters to a registered query with an ampersand.",
	Faults:   []fault.Fault{fault.RedirectQuery, fault.RedirectQueryAdded, fault.RedirectQueryDropped},
	Specs: func(d *probes.Deployment) {
		client := probes.Share(d, func(ctx context.Context) (*probes.Client, error) {
			return d.WithRedirects(ctx, "web", redirectWithQuery)
		})
		refuses(d, d.RedirectClient, family{title: "even if the registered URI has none", vary: func(p place) []probes.Diversion {
			return []probes.Diversion{
				ask("a parameter", p.String()+"?x=1"), ask("a question mark", p.String()+"?"), ask("a response parameter", p.String()+"?code=attacker"),
			}
		}})
		refuses(d, client.Get, family{title: "even if only a part of it is changed", vary: func(p place) []probes.Diversion {
			return []probes.Diversion{
				ask("a value changed", p.String()+"?tenant=2&lang=en"),
				ask("a parameter added", p.String()+"?tenant=1&lang=en&next=https://"+attacker),
				ask("all of it removed", p.String()),
				ask("an encoded separator", p.String()+"?tenant=1%26lang=en"),
				ask("the order changed", p.String()+"?lang=en&tenant=1"),
			}
		}})
		answered := probes.Start(d, func(ctx context.Context) (*probes.Authorization, error) {
			c, err := client.Get(ctx)
			if err != nil {
				return nil, err
			}
			return probes.Controlled(ctx, d, c, func(ctx context.Context) (*probes.Authorization, error) { return d.Code(ctx, c) })
		})

		It("so that the client finds its own parameters again", func(ctx SpecContext) {
			a, err := answered.Await(ctx)
			if missing := (*probes.NotRegistered)(nil); errors.As(err, &missing) {
				suites.NotApplicable("%v", missing)
			}
			Expect(err).NotTo(HaveOccurred())
			got := a.Landing.Redirect.Query()
			if !slices.Equal(got["tenant"], []string{"1"}) || !slices.Equal(got["lang"], []string{"en"}) {
				Fail("asked for " + redirectWithQuery + ", the code was sent to " + a.To() + " without the query that was registered, or with a changed one")
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-fragment",
	Title:    "A redirect URI with a fragment is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "2.3"}, {Doc: "RFC 9700", Section: "4.1.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-fragment"},
	Remedy:   compareStrings,
	Faults:   []fault.Fault{fault.RedirectFragment},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient,
			family{title: "even if it is empty or encoded", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{
					ask("a fragment", p.String()+"#x"),
					ask("an empty fragment", p.String()+"#"),
					ask("an encoded fragment", p.String()+"%23x"),
					ask("the registered host within a fragment", p.scheme+"://"+attacker+"#@"+p.name+p.port+p.path),
				}
			}},
		)
	},
})

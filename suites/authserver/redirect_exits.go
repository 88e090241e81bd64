package authserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// wrongs are what can be wrong with a request besides its redirect URI, by what
// that is called.
func wrongs() []probes.Diversion {
	return []probes.Diversion{
		{Name: "unknown scope", Request: []probes.Mutation{probes.With("scope", "mcpassay-no-such-scope")}},
		{Name: "unknown response_type", Request: []probes.Mutation{probes.With("response_type", "bogus")}},
		{Name: "no response_type", Request: []probes.Mutation{probes.Without("response_type")}},
		{Name: "no code challenge", Request: []probes.Mutation{probes.Without("code_challenge", "code_challenge_method")}},
		{Name: "unknown code_challenge_method", Request: []probes.Mutation{probes.With("code_challenge_method", "bogus")}},
		{Name: "unknown resource", Request: []probes.Mutation{probes.With("resource", "https://unknown.test/mcp")}},
		{Name: "a request object that is none", Request: []probes.Mutation{probes.With("request", "bogus")}},
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-every-exit",
	Title:    "An unregistered redirect URI is not redirected to, whichever way the request ends",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "4.1.2.1, 7.12.2"}, {Doc: "RFC 9700", Section: "4.11"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-every-exit"},
	Remedy:   "Settle client and redirect URI before any other parameter is looked at, so that no later error can be sent to an address that nobody registered.",
	Faults:   []fault.Fault{fault.ErrorBeforeRedirectCheck, fault.DenialUnchecked},
	Specs: func(d *probes.Deployment) {
		const wrong, silent, denied = "even if more is wrong with it", "even if nothing may be shown", "even if the user refuses"
		tried := d.Divert(d.RedirectClient, func(*probes.Client) []probes.Diversion {
			all := wrongs()
			for i := range all {
				all[i].Kind = wrong
			}
			all = append(all,
				probes.Diversion{Kind: silent, Name: "prompt none", Request: []probes.Mutation{probes.With("prompt", "none")}},
				probes.Diversion{Kind: denied, Name: "consent refused", Deny: true})
			for i := range all {
				all[i].URI = probes.StrangeRedirect
			}
			return all
		})

		for _, title := range []string{wrong, silent, denied} {
			It(title, func(ctx SpecContext) { nowhere(ctx, d, tried, family{title: title}) })
		}
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-authorize-unknown-client",
	Title:    "A request of an unknown client is not redirected anywhere",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "4.1.2.1"}, {Doc: "RFC 6749", Section: "4.1.2.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"authz-unknown-client-no-redirect", "as-authz-invalid-client-no-redirect"},
	Remedy:   "Show an error page when client_id is missing or unknown; without a client there is no redirect URI that could be right.",
	Faults:   []fault.Fault{fault.ErrorToUnknown},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient, family{title: "whether it names a client or not", vary: func(p place) []probes.Diversion {
			var all []probes.Diversion
			for name, change := range map[string]probes.Mutation{
				"an invented client_id": probes.With("client_id", "mcpassay-"+rand.Text()),
				"an empty client_id":    probes.With("client_id", ""),
				"no client_id":          probes.Without("client_id"),
			} {
				all = append(all, probes.Diversion{Name: name, URI: probes.StrangeRedirect, Request: []probes.Mutation{change}})
			}
			return all
		}})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-forgets-form",
	Title:    "The redirect after login and consent does not send the form along",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9700", Section: "4.12"}, {Doc: "OAuth 2.1", Section: "7.5.4"}},
	Since:    suites.V20250326,
	Covers:   []string{"as-no-307-redirect", "web-no-307"},
	Remedy:   "Answer submitted forms with status 303, never with 307 or 308, which make the browser submit the form, perhaps with a password, to the next address.",
	Faults:   []fault.Fault{fault.RedirectKeepsMethod},
	Specs: func(d *probes.Deployment) {
		flow := probes.Start(d, func(ctx context.Context) (*probes.Authorization, error) {
			c, err := d.Client(ctx)
			if err != nil {
				return nil, err
			}
			return probes.Controlled(ctx, d, c, func(ctx context.Context) (*probes.Authorization, error) { return d.Code(ctx, c) })
		})

		It("with status 307 or 308", func(ctx SpecContext) {
			a, err := flow.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			submitted := false
			for _, step := range a.Landing.Steps {
				target, posted := strings.CutPrefix(step.What, http.MethodPost+" ")
				if !posted || step.Status == 0 {
					continue
				}
				submitted = true
				if step.Status != http.StatusTemporaryRedirect && step.Status != http.StatusPermanentRedirect {
					continue
				}
				if staysHere(target, step.Header.Get("Location")) {
					d.Note("%s was redirected with status %d, within the server", step.What, step.Status)
					continue
				}
				Fail(fmt.Sprintf("%s was redirected with status %d to another origin", step.What, step.Status))
			}
			if !submitted {
				suites.NotApplicable("no form was submitted on the way: nothing could be sent along")
			}
		})
	},
})

// staysHere tells whether a redirect of the request for target, which may be
// followed by more words, leads to the same origin.
func staysHere(target, location string) bool {
	target, _, _ = strings.Cut(target, " ")
	from, err := url.Parse(target)
	if err != nil {
		return false
	}
	to, err := from.Parse(location)
	return err == nil && to.Scheme == from.Scheme && to.Host == from.Host
}

// selfRegistered needs a client that anybody could have registered: what follows
// is no danger for those that the operator vouches for.
func selfRegistered(ctx context.Context, d *probes.Deployment) (bool, string) {
	if offered, want := suites.DynamicRegistration(ctx, d); !offered {
		return false, want
	}
	return httpsRedirect(ctx, d)
}

var _ = suites.Register(suites.Check{
	ID:       "as-error-redirect-after-login",
	Title:    "An error is not redirected to a self-registered client before the user has signed in",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 9700", Section: "4.11.2"}, {Doc: "OAuth 2.1", Section: "7.12.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"web-preconsent-error-redirect", "as-authz-login-before-redirect"},
	Remedy:   "Let the user sign in, or show an error page, before an error is sent to a client that anybody may register: otherwise links to your domain lead straight to any site.",
	Needs:    []suites.Need{selfRegistered},
	Faults:   []fault.Fault{fault.ErrorBeforeLogin},
	Specs: func(d *probes.Deployment) {
		tried := d.Divert(d.RedirectClient, func(c *probes.Client) []probes.Diversion {
			all := wrongs()
			for i := range all {
				all[i].URI = c.RedirectURI
			}
			return all
		})

		It("whatever is wrong with the request", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var at []string
			for _, v := range all {
				if v.Err != nil {
					suites.Hindered(d, v.Name, v.Err)
				}
				if a := v.Authorization; v.Normalised() && a.Code == "" && !a.Landing.LoggedIn && !a.Landing.Consented {
					at = append(at, v.Name)
				}
			}
			if len(at) > 0 {
				suites.Warn("without anybody signed in, the browser was sent on at once because of: %s. Most servers do so; it makes the server's domain a springboard for phishing", strings.Join(at, ", "))
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-automatic",
	Title:    "Nobody is sent to a self-registered client without having been asked anything",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "7.12.2"}, {Doc: "MCP 2026-07-28", Section: "Authorization Security Considerations, Open Redirection"}},
	Since:    suites.V20250618,
	Covers:   []string{"as-redirect-only-trusted-auto"},
	Remedy:   "Ask for consent before a code is sent to a client that the operator does not vouch for.",
	Needs:    []suites.Need{selfRegistered},
	Faults:   []fault.Fault{fault.NobodyAsked},
	Specs: func(d *probes.Deployment) {
		flow := probes.Start(d, func(ctx context.Context) (*probes.Authorization, error) {
			c, err := d.RedirectClient(ctx)
			if err != nil {
				return nil, err
			}
			return probes.Controlled(ctx, d, c, func(ctx context.Context) (*probes.Authorization, error) { return d.Code(ctx, c) })
		})

		It("neither to sign in nor to agree", func(ctx SpecContext) {
			a, err := flow.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !a.Landing.LoggedIn && !a.Landing.Consented {
				Fail("a code was sent to " + a.To() + " and no page had asked for anything")
			}
		})
	},
})

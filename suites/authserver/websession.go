package authserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// onSession waits for a probe that needs a login page and a session.
func onSession[T any](ctx SpecContext, f *probes.Future[T]) T {
	value, err := f.Await(ctx)
	for _, none := range []error{probes.ErrNoSession, probes.ErrNoLoginForm, probes.ErrNoConsentForm} {
		if errors.Is(err, none) {
			suites.NotApplicable("%v", err)
		}
	}
	Expect(err).NotTo(HaveOccurred())
	return value
}

// openID needs a server that speaks OpenID Connect, or says which prompts it knows.
func openID(ctx context.Context, d *probes.Deployment) (bool, string) {
	const want = "an authorization server that knows the parameters of OpenID Connect (the scope openid, or prompt_values_supported)"
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return true, want
	}
	scopes, _ := metadata.Strings("scopes_supported")
	return metadata.Has("prompt_values_supported") || slices.Contains(scopes, "openid"), want
}

var _ = suites.Register(suites.Check{
	ID:       "as-session-fixation",
	Title:    "Signing in gives the browser a new session that nobody knew before",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9700, 4.7", "MCP 2026-07-28, Security Best Practices"),
	Since:    suites.V20250326,
	Covers:   []string{"web-session-rotation"},
	Remedy:   "Make a new session identifier at each login, and forget the old one.",
	Faults:   []fault.Fault{fault.SessionFixed},
	Specs: func(d *probes.Deployment) {
		fixation := probes.Start(d, d.FixSession)

		It("so that cookies planted before are worth nothing", func(ctx SpecContext) {
			f := onSession(ctx, fixation)
			Expect(f.Adopted).To(BeFalse(), "whoever planted %s in the user's browser was signed in as the user afterwards", cookieNames(f.Before))
		})
	},
})

func cookieNames(cookies []*http.Cookie) string {
	var names []string
	for _, c := range cookies {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

var _ = suites.Register(suites.Check{
	ID:       "as-session-cookie-attributes",
	Title:    "Session cookies are kept from scripts, from other sites' requests and from other hosts",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 6265, 4.1.2", "RFC 6265, 8", "MCP 2026-07-28, Security Best Practices"),
	Since:    suites.V20250326,
	Covers:   []string{"web-cookie-attributes"},
	Remedy:   "Set HttpOnly, SameSite=Lax or Strict and, over https, Secure; leave Domain out. A name that begins with __Host- makes browsers insist.",
	Faults:   []fault.Fault{fault.CookieScriptable, fault.CookieEverySite},
	Specs: func(d *probes.Deployment) {
		cookies := probes.Start(d, d.SessionCookies)
		secure := probes.Start(d, func(ctx context.Context) (bool, error) {
			endpoint, err := d.ServerEndpoint(ctx, "authorization_endpoint")
			return strings.HasPrefix(endpoint, "https:"), err
		})
		lack := func(what string, lacks func(*http.Cookie, bool) bool) func(SpecContext) {
			return func(ctx SpecContext) {
				https, err := secure.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				for _, c := range onSession(ctx, cookies) {
					Expect(lacks(c, https)).To(BeFalse(), "the session cookie %s %s", c.Name, what)
				}
			}
		}

		It("from scripts, from cleartext and from other hosts", lack("lacks HttpOnly or, over https, Secure, or is sent to other hosts too",
			func(c *http.Cookie, https bool) bool { return !c.HttpOnly || https && !c.Secure || c.Domain != "" }))
		It("from other sites' requests", lack("does not say SameSite=Lax or Strict", func(c *http.Cookie, _ bool) bool {
			return c.SameSite != http.SameSiteLaxMode && c.SameSite != http.SameSiteStrictMode
		}))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-login-csrf",
	Title:    "Another site cannot sign a browser in",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 9700, 4.7", "RFC 6749, 10.12"),
	Since:    suites.V20250326,
	Covers:   []string{"web-login-csrf"},
	Remedy:   "Bind the login form to the browser it was made for: a value in a cookie, the same in the form.",
	Faults:   []fault.Fault{fault.LoginForged},
	Specs: func(d *probes.Deployment) {
		forged := probes.Start(d, d.ForgeLogin)

		It("with a login form of the attacker's own browser", func(ctx SpecContext) {
			Expect(onSession(ctx, forged)).To(BeFalse(), "a page of another site signed the browser in to an account of its choice")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-transaction-browser-bound",
	Title:    "An authorization begun in one browser cannot be continued in another by its URL",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9700, 4.7", "OAuth 2.1, 7.12"),
	Since:    suites.V20250326,
	Covers:   []string{"authz-transaction-bound-to-browser"},
	Remedy:   "Keep a secret of the transaction in a cookie of the browser it began in, and require it on every page.",
	Faults:   []fault.Fault{fault.TransactionAnywhere},
	Specs: func(d *probes.Deployment) {
		carried := probes.Start(d, d.CarryTransaction)
		judge := func(of func(*probes.Carried) *probes.Attempt) func(SpecContext) {
			return func(ctx SpecContext) {
				a := of(onSession(ctx, carried))
				if a == nil {
					suites.NotApplicable("the URL of the page is the authorization request itself, or there is no such page")
				}
				Expect(a).To(suites.BeRefused())
			}
		}

		It("before the login", judge(func(c *probes.Carried) *probes.Attempt { return c.Login }))
		It("after the login", judge(func(c *probes.Carried) *probes.Attempt { return c.Consent }))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-transactions-apart",
	Title:    "Requests of two clients in one browser do not mix",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9700, 4.7", "OAuth 2.1, 7.3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"authz-transaction-isolation"},
	Remedy:   "Give each authorization request a state of its own that its pages name, not one per session.",
	Needs:    []suites.Need{suites.SecondClient},
	Faults:   []fault.Fault{fault.TransactionPerBrowser, fault.TransactionScopeLatest},
	Specs: func(d *probes.Deployment) {
		mixed := probes.Start(d, d.MixTransactions)

		It("approving one grants nothing to the other", func(ctx SpecContext) {
			m := onSession(ctx, mixed)
			a := m.Approved.Authorization
			if a.Redirected() && a.Code != "" {
				Expect(a.AnsweredAt(m.First.RedirectURI)).To(BeTrue(), "the page of one client was approved, and the code went to %s", a.To())
			}
		})
		It("nor what the other asked for", func(ctx SpecContext) {
			m := onSession(ctx, mixed)
			if !m.Approved.Issued() || m.Narrow == nil {
				suites.NotApplicable("no token was issued, or all requests are for the same")
			}
			granted, _ := m.Approved.Tokens.Scopes()
			for _, scope := range granted {
				Expect(m.Narrow).To(ContainElement(scope), "the page of one request was approved, and a scope of the other was granted")
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-prompt-none",
	Title:    "prompt=none shows nothing and approves nothing",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OpenID Connect Core, 3.1.2.1", "OpenID Connect Core, 3.1.2.6"),
	Since:    suites.V20250326,
	Covers:   []string{"authz-prompt-none"},
	Remedy:   "Answer prompt=none with login_required or consent_required when the user would have to be asked.",
	Needs:    []suites.Need{openID},
	Faults:   []fault.Fault{fault.PromptNoneShows, fault.PromptNoneGrants},
	Specs: func(d *probes.Deployment) {
		unasked := probes.Start(d, d.PromptNone)
		silent := probes.Start(d, d.SilentRequests)

		It("no login page", func(ctx SpecContext) {
			u := onSession(ctx, unasked)
			Expect(u.SignedOut.Landing.Asks).To(BeEmpty(), "the request has prompt=none, and a page asks for %s", u.SignedOut.Landing.Asks)
		})
		It("no code for a client that the user never approved", func(ctx SpecContext) {
			u := onSession(ctx, unasked)
			if u.New == nil {
				suites.NotApplicable("no client can be registered that the user never approved")
			}
			if s, err := silent.Await(ctx); err == nil && s.New != nil && s.New.Issued() {
				suites.LeaveTo(d, "as-consent-silent-code", reports.AuthServer, "such a client gets a code in any case")
			}
			Expect(u.New).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-login-freshness",
	Title:    "A client that wants a recent login gets one, and is told when it was",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OpenID Connect Core, 3.1.2.1", "OpenID Connect Core, 2"),
	Since:    suites.V20250326,
	Covers:   []string{"authz-freshness-honoured"},
	Remedy:   "Ask for the login again on prompt=login and when the login is older than max_age, and put auth_time into ID tokens.",
	Needs:    []suites.Need{openID},
	Faults:   []fault.Fault{fault.PromptLoginIgnored, fault.MaxAgeIgnored, fault.AuthTimeMissing},
	Specs: func(d *probes.Deployment) {
		freshness := probes.Start(d, d.AskFreshly)
		asked := func(a *probes.Authorization, why string) {
			Expect(a.Code == "" && a.Landing.Asks != probes.AsksConsent).To(BeTrue(), "%s, and the user was not asked to sign in again", why)
		}

		It("prompt=login", func(ctx SpecContext) {
			asked(onSession(ctx, freshness).Prompt, "the request has prompt=login")
		})
		It("max_age", func(ctx SpecContext) {
			f := onSession(ctx, freshness)
			if f.Second != nil {
				asked(f.Second, "the request has max_age=1 and the login was two seconds ago")
			}
			if f.MaxAge.Landing.Asks != probes.AsksLogin && f.MaxAge.Code != "" {
				d.Note("max_age=0 is not taken for a wish to sign in again")
			}
		})
		It("auth_time", func(ctx SpecContext) {
			f := onSession(ctx, freshness)
			if f.ID == nil {
				suites.NotApplicable("no ID token is issued")
			}
			Expect(f.ID.Claims.Has("auth_time")).To(BeTrue(), "the request has max_age, and the ID token does not say when the user signed in (auth_time)")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-return-parameters",
	Title:    "No page forwards to a URL that a parameter names",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 9700, 4.11.2", "OAuth 2.1, 7.12"),
	Since:    suites.V20250326,
	Covers:   []string{"web-return-parameters"},
	Remedy:   "Forward to paths of your own only, or to URLs that you have registered.",
	Faults:   []fault.Fault{fault.PagesReturn},
	Specs: func(d *probes.Deployment) {
		forwardings := probes.Start(d, d.FollowReturns)

		It("after login, logout or an error", func(ctx SpecContext) {
			for _, f := range onSession(ctx, forwardings) {
				Expect(f.To).To(BeEmpty(), "%s forwards to where a parameter says", f.Page)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pages-leak-nothing",
	Title:    "The pages of the authorization server load nothing from other sites and tell them no URLs",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cited("RFC 9700, 4.2.4", "OAuth 2.1, 7.5.2"),
	Since:    suites.V20250326,
	Covers:   []string{"web-referrer-and-third-parties"},
	Remedy:   "Set Referrer-Policy: no-referrer, and serve styles, fonts and scripts yourself.",
	Faults:   []fault.Fault{fault.PagesReferrer, fault.PagesThirdParty},
	Specs: func(d *probes.Deployment) {
		visit := probes.Start(d, d.OrdinaryVisit)

		It("by Referer", func(ctx SpecContext) {
			o, err := visit.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, p := range o.Landing.Pages {
				policies := strings.Split(strings.ToLower(strings.Join(p.Header.Values("Referrer-Policy"), ",")), ",")
				last := strings.TrimSpace(policies[len(policies)-1])
				Expect(last == "unsafe-url" || last == "no-referrer-when-downgrade").To(BeFalse(),
					"the page %q sends its whole URL to other sites (Referrer-Policy: %s)", p.Title, last)
			}
		})
		It("by what they load", func(ctx SpecContext) {
			o, err := visit.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(o.Landing.Loads) == 0 && !d.RunsScripts() {
				suites.NotApplicable("the markup of the pages names nothing of other sites, and what style sheets and scripts load only a browser shows")
			}
			Expect(o.Landing.Loads).To(BeEmpty(), "the pages load from other sites")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pages-not-stored",
	Title:    "Nothing with a code or a user's data in it is stored on the way",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 7.5.2", "RFC 9700, 4.3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"web-flow-pages-not-cached"},
	Remedy:   "Send Cache-Control: no-store with every page and redirect of a flow.",
	Faults:   []fault.Fault{fault.PagesCacheable, fault.CodeCacheable},
	Specs: func(d *probes.Deployment) {
		visit := probes.Start(d, d.OrdinaryVisit)

		It("no login or consent page", func(ctx SpecContext) {
			o, err := visit.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, p := range o.Landing.Pages {
				control := cacheControl(p.Header)
				switch {
				case slices.Contains(control, "no-store"):
				case fresh(p.Header):
					Fail(fmt.Sprintf("the page %q may be stored: Cache-Control %q", p.Title, p.Header.Values("Cache-Control")))
				default:
					suites.Warn("the page %q is not kept from being stored: it has no Cache-Control: no-store", p.Title)
				}
			}
		})
		It("no redirect with a code", func(ctx SpecContext) {
			o, err := visit.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, step := range o.Landing.Steps {
				if !strings.Contains(step.Header.Get("Location"), o.Code) {
					continue
				}
				stored := fresh(step.Header) && !slices.Contains(cacheControl(step.Header), "no-store")
				Expect(stored).To(BeFalse(), "the redirect with the code may be stored: Cache-Control %q", step.Header.Values("Cache-Control"))
			}
		})
	},
})

// cacheControl are the directives of an answer, without their values.
func cacheControl(h http.Header) []string {
	var all []string
	for _, directive := range strings.Split(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if (name == "max-age" || name == "s-maxage") && strings.Trim(value, `" `) == "0" {
			continue
		}
		all = append(all, name)
	}
	return all
}

// fresh tells whether an answer says that it may be stored and used again.
func fresh(h http.Header) bool {
	return slices.ContainsFunc(cacheControl(h), func(name string) bool {
		return name == "public" || name == "max-age" || name == "s-maxage" || name == "immutable"
	})
}

var _ = suites.Register(suites.Check{
	ID:       "as-pages-no-cors",
	Title:    "Scripts of other origins cannot read the pages that users see",
	Role:     suites.AS,
	Area:     suites.CrossOrigin,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 3.1", "RFC 9700, 2.6"),
	Since:    suites.V20250326,
	Covers:   []string{"cors-authorize-closed"},
	Remedy:   "Send no CORS headers with login, consent and other pages of a session.",
	Faults:   []fault.Fault{fault.PagesCrossOrigin},
	Specs: func(d *probes.Deployment) {
		page := probes.Start(d, func(ctx context.Context) (http.Header, error) {
			res, err := d.LoginPageFrom(ctx, probes.AttackerOrigin)
			if err != nil {
				return nil, err
			}
			return res.Header, nil
		})

		It("the login page", func(ctx SpecContext) {
			allowed := onSession(ctx, page).Get("Access-Control-Allow-Origin")
			Expect(allowed == "*" || allowed == probes.AttackerOrigin).To(BeFalse(), "the page allows the origin %q", allowed)
		})
	},
})

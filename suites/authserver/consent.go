package authserver

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// onConsent waits for a probe that needs a consent page. Without one there is
// nothing to judge.
func onConsent[T any](ctx SpecContext, f *probes.Future[T]) T {
	value, err := f.Await(ctx)
	if errors.Is(err, probes.ErrNoConsentForm) || errors.Is(err, probes.ErrNoDenial) {
		suites.NotApplicable("%v", err)
	}
	Expect(err).NotTo(HaveOccurred())
	return value
}

var _ = suites.Register(suites.Check{
	ID:       "as-consent-silent-code",
	Title:    "No code is issued without an answer of the user, just because the user is signed in",
	Role:     suites.AS,
	Area:     suites.Consent,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 7.3.1", "RFC 6749, 10.2", "RFC 8252, 8.6", "MCP 2026-07-28, Security Best Practices"),
	Since:    suites.V20250326,
	Covers:   []string{"consent-get-only", "consent-asked-for-new-clients", "consent-silent-path-not-rideable"},
	Remedy:   "Ask whenever a client is new to the user, and each time where anybody could claim to be that client, as on loopback.",
	Needs:    []suites.Need{selfRegistered},
	Faults:   []fault.Fault{fault.ConsentNewSilent, fault.ConsentRemembered},
	Specs: func(d *probes.Deployment) {
		silent := probes.Start(d, d.SilentRequests)
		found := func(ctx SpecContext) *probes.Silent {
			s, err := silent.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !s.Asked {
				suites.NotApplicable("nobody is ever asked anything; as-redirect-automatic judges that")
			}
			return s
		}

		It("to a client that the user never approved", func(ctx SpecContext) {
			s := found(ctx)
			if s.New == nil {
				suites.NotApplicable("no client can be registered that the user never approved")
			}
			Expect(s.New).To(suites.BeRefused())
		})
		It("to a client approved before, which anybody can claim to be", func(ctx SpecContext) {
			s := found(ctx)
			if s.Again.Issued() {
				suites.Warn("another site led the browser to a request of a public client on loopback, and a code was issued without an answer of the user: " +
					"any program on the user's computer can do that")
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-consent-csrf",
	Title:    "An approval counts only if it comes from the page that the user was shown",
	Role:     suites.AS,
	Area:     suites.Consent,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("OAuth 2.1, 7.3.1", "RFC 6749, 10.12", "MCP 2026-07-28, Security Best Practices"),
	Since:    suites.V20250326,
	Covers:   []string{"consent-csrf"},
	Remedy:   "Put an unguessable value into the consent form that belongs to the browser's session and to this transaction, and check it; set SameSite on the session cookie.",
	Faults:   []fault.Fault{fault.ConsentForged, fault.ConsentAnySession},
	Specs: func(d *probes.Deployment) {
		forged := probes.Start(d, d.ForgeApprovals)

		It("not from another site", func(ctx SpecContext) {
			Expect(onConsent(ctx, forged).Elsewhere).To(suites.BeRefused())
		})
		It("not from another browser's page", func(ctx SpecContext) {
			Expect(onConsent(ctx, forged).Borrowed).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-consent-form",
	Title:    "What is granted is what the page showed, whatever its form posts back",
	Role:     suites.AS,
	Area:     suites.Consent,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 7.3.1", "RFC 6749, 10.2"),
	Since:    suites.V20250326,
	Covers:   []string{"consent-form-not-tamperable"},
	Remedy:   "Keep the authorization request on the server, and take from the form nothing but the answer, or a choice among what was asked for.",
	Faults:   []fault.Fault{fault.ConsentFormScope, fault.ConsentFormRedirect},
	Specs: func(d *probes.Deployment) {
		tampered := probes.Start(d, d.TamperWithForm)

		It("no scopes that were not asked for", func(ctx SpecContext) {
			t := onConsent(ctx, tampered)
			if t.Scope == nil {
				suites.NotApplicable("there is only one scope to ask for")
			}
			if !t.Scope.Issued() {
				return
			}
			granted, stated := t.Scope.Tokens.Scopes()
			if !stated {
				return // the same as asked for (RFC 6749, section 5.1)
			}
			for _, scope := range granted {
				Expect(t.Asked).To(ContainElement(scope), "a scope was granted that only the form named")
			}
		})
		It("no redirect URI that was not asked for", func(ctx SpecContext) {
			t := onConsent(ctx, tampered)
			a := t.Redirect.Authorization
			if a.Redirected() {
				Expect(a.To()).NotTo(HavePrefix(probes.AttackerOrigin), "the answer went to the redirect URI of the form")
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-consent-denial",
	Title:    "A refusal ends the request: the client is told access_denied, and nothing else",
	Role:     suites.AS,
	Area:     suites.Consent,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.2.1", "RFC 6749, 4.1.2.1"),
	Since:    suites.V20250326,
	Covers:   []string{"consent-denial"},
	Remedy:   "Answer a refusal with error=access_denied at the redirect URI, and forget the transaction.",
	Faults:   []fault.Fault{fault.ConsentDenialIgnored, fault.ConsentDenialOpen, fault.ConsentDenialSilent},
	Specs: func(d *probes.Deployment) {
		denial := probes.Start(d, d.Deny)

		It("no code", func(ctx SpecContext) {
			Expect(onConsent(ctx, denial).Refused.Code).To(BeEmpty(), "a code was issued although the user refused")
		})
		It("access_denied, where the client is answered", func(ctx SpecContext) {
			a := onConsent(ctx, denial).Refused
			switch {
			case a.Code != "":
				suites.NotApplicable("a code was issued")
			case !a.Redirected():
				suites.Warn("the client is not told: %s", a.Ended())
			case !a.AnsweredAt(a.Request.RedirectURI()):
				Fail("the refusal was told to " + a.To())
			case a.Error != "access_denied":
				suites.Warn("the client is told %q, not access_denied", a.Error)
			}
		})
		It("for good", func(ctx SpecContext) {
			n := onConsent(ctx, denial)
			if n.Refused.Code != "" {
				suites.NotApplicable("a code was issued")
			}
			Expect(n.After).To(suites.BeRefused(), "the same page could be approved after it had been refused")
		})
	},
})

// consentNames tells whether a text has one of the names that are not empty.
func consentNames(text string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return name != "" && strings.Contains(strings.ToLower(text), strings.ToLower(name))
	})
}

// consentHost is the host of a URL, without its port; what stands for it if it has none.
func consentHost(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return raw
	}
	return u.Hostname()
}

var _ = suites.Register(suites.Check{
	ID:       "as-consent-facts",
	Title:    "The consent page says who asks for what, where the answer goes and who is signed in",
	Role:     suites.AS,
	Area:     suites.Consent,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 7.3.1", "MCP 2026-07-28, Security Best Practices"),
	Since:    suites.V20250326,
	Covers:   []string{"consent-shows-facts"},
	Remedy:   "Show the client's name or id, the host of the redirect URI, the resource and the account: what a user needs to notice that something is wrong.",
	Needs:    []suites.Need{aScreen},
	Faults:   []fault.Fault{fault.ConsentHidesClient, fault.ConsentHidesTarget, fault.ConsentHidesResource, fault.ConsentHidesUser},
	Specs: func(d *probes.Deployment) {
		shown := probes.Start(d, d.ShowConsent)
		shows := func(what string, names func(*probes.ConsentPage) []string) func(SpecContext) {
			return func(ctx SpecContext) {
				p := onConsent(ctx, shown)
				wanted := names(p)
				Expect(consentNames(p.Page.Text, wanted...)).To(BeTrue(), "the page does not name %s: none of %q is on it", what, wanted)
			}
		}

		It("who asks", shows("the client", func(p *probes.ConsentPage) []string { return []string{p.Name, p.Client.ID} }))
		It("where the answer goes", shows("where the answer goes", func(p *probes.ConsentPage) []string {
			host := consentHost(p.Client.RedirectURI)
			if host == "127.0.0.1" || host == "localhost" || host == "::1" {
				return []string{host, "this computer", "this device", "your computer", "your device", "loopback"}
			}
			return []string{host}
		}))
		It("for which resource", shows("the resource", func(p *probes.ConsentPage) []string { return []string{consentHost(p.Resource)} }))
		It("who is signed in", func(ctx SpecContext) {
			p := onConsent(ctx, shown)
			if p.User.Name == "" {
				suites.NotApplicable("nobody signs in by name")
			}
			Expect(consentNames(p.Page.Text, p.User.Name)).To(BeTrue(), "the page does not say who is signed in")
		})
	},
})

// The names that clients choose to deceive. The ends tell whether all of it is shown.
var (
	turnedName  = probes.ClientName + " \u202eegdub drawkcab\u202c app"
	endlessName = probes.ClientName + strings.Repeat(" and its friends", 120) + " endless-name-end"
)

var _ = suites.Register(suites.Check{
	ID:       "as-consent-client-name",
	Title:    "The name that a client gives itself cannot displace what the page says itself",
	Role:     suites.AS,
	Area:     suites.Consent,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 7.3.1", "RFC 7591, 5"),
	Since:    suites.V20250326,
	Covers:   []string{"consent-name-spoofing"},
	Remedy:   "Show client names on one line, shortened, without control characters and without those that turn the direction of writing.",
	Needs:    []suites.Need{suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.ConsentNameRaw, fault.ConsentNameEndless},
	Specs: func(d *probes.Deployment) {
		shows := func(name, mark, complaint string) func(SpecContext) {
			text := probes.Start(d, func(ctx context.Context) (string, error) { return d.ShowName(ctx, name) })
			return func(ctx SpecContext) {
				Expect(onConsent(ctx, text)).NotTo(ContainSubstring(mark), complaint)
			}
		}

		It("by turning the direction of writing", shows(turnedName, "\u202e", "the page shows the name with a right-to-left override in it"))
		It("by its length", shows(endlessName, "endless-name-end", "the page shows all of a name of 1,900 characters"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-consent-again",
	Title:    "A remembered approval covers no more than what was approved",
	Role:     suites.AS,
	Area:     suites.Consent,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 7.3.1", "MCP 2026-07-28, Security Best Practices"),
	Since:    suites.V20250326,
	Covers:   []string{"consent-again-when-more"},
	Remedy:   "Remember approvals by user, client, redirect URI, scopes and resource, and ask again for anything else.",
	Faults:   []fault.Fault{fault.ConsentScopeBlind, fault.ConsentResourceBlind, fault.ConsentRedirectBlind},
	Specs: func(d *probes.Deployment) {
		wider := probes.Start(d, d.AskForMore)
		silent := probes.Start(d, d.SilentRequests)
		remembered := func(ctx SpecContext, of func(*probes.Wider) *probes.Attempt, none string) (*probes.Wider, *probes.Attempt) {
			w, err := wider.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case !w.Same.Issued():
				suites.NotApplicable("the approval is not remembered: the user is asked each time")
			case of(w) == nil:
				suites.NotApplicable("%s", none)
			}
			s, err := silent.Await(ctx)
			if err == nil && !s.Asked {
				suites.NotApplicable("nobody is ever asked anything; as-redirect-automatic judges that")
			}
			if err == nil && s.New != nil && s.New.Issued() {
				suites.LeaveTo(d, "as-consent-silent-code", reports.AuthServer, "nothing has to be approved at all")
			}
			return w, of(w)
		}

		It("no other scopes", func(ctx SpecContext) {
			w, a := remembered(ctx, func(w *probes.Wider) *probes.Attempt { return w.Scope }, "there are no other scopes")
			if !a.Issued() {
				return
			}
			granted, stated := a.Tokens.Scopes()
			Expect(stated).To(BeTrue(), "all scopes were granted, and one was approved")
			for _, scope := range granted {
				Expect(w.Approved).To(ContainElement(scope), "a scope was granted that was not approved")
			}
		})
		It("no other resource", func(ctx SpecContext) {
			_, a := remembered(ctx, func(w *probes.Wider) *probes.Attempt { return w.Resource }, "there is no other resource")
			Expect(a).To(suites.BeRefused())
		})
		It("no other redirect URI", func(ctx SpecContext) {
			_, a := remembered(ctx, func(w *probes.Wider) *probes.Attempt { return w.Redirect }, "the client has one redirect URI")
			Expect(a).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-consent-memory",
	Title:    "What a user has approved cannot be written into a cookie by anybody else",
	Role:     suites.AS,
	Area:     suites.Consent,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("MCP 2026-07-28, Security Best Practices"),
	Since:    suites.V20250326,
	Covers:   []string{"consent-memory-not-forgeable"},
	Remedy:   "Remember approvals on the server. If it has to be a cookie, authenticate it, and bind it to the user and the client.",
	Needs:    []suites.Need{suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.ConsentCookiePlain, fault.ConsentCookieAnyUser},
	Specs: func(d *probes.Deployment) {
		reminders := probes.Start(d, d.ForgeReminders)
		found := func(ctx SpecContext) *probes.Reminders {
			r, err := reminders.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			return r
		}

		It("for another client", func(ctx SpecContext) {
			if r := found(ctx); r.Rewritten != nil {
				Expect(r.Rewritten).To(suites.BeRefused(), "the cookie %s was rewritten for a client that the user never approved", strings.Join(r.Names, ", "))
			}
		})
		It("for another user", func(ctx SpecContext) {
			if r := found(ctx); r.Moved != nil {
				Expect(r.Moved).To(suites.BeRefused(), "the cookie %s of one user counts for another", strings.Join(r.Names, ", "))
			}
		})
	},
})

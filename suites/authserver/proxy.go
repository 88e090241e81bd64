package authserver

import (
	"context"
	"net/http"
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

// proxyCites are where the duties of a proxy stand.
func proxyCites(section string, more ...string) []suites.Cite {
	return append([]suites.Cite{{Doc: "MCP Security Best Practices", Section: "Confused Deputy Problem, " + section}}, cited(more...)...)
}

// proxyAsked judges whether a user was asked about a client before the browser
// was sent on.
func proxyAsked(d *probes.Deployment, f *probes.Future[*probes.Deputy], who string) func(SpecContext) {
	return func(ctx SpecContext) {
		y, err := f.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		switch {
		case y.Asked():
			return
		case y.Sent.Hop == nil && y.Sent.Code == "":
			d.Note("the request of %s came to nothing: %s", who, y.Sent.Ended())
			return
		case y.Owned(d.Server()) && y.After.Landing.Consented:
			suites.Warn("the user is asked about %s only after the identity provider was visited", who)
		}
		code := y.Sent.Code
		if y.After != nil {
			code = y.After.Code
		}
		Expect(code).To(BeEmpty(), "%s got a code without the user having been asked", who)
		d.Note("the browser was sent on without a question about %s, but no code came of it", who)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-proxy-consent-before-upstream",
	Title:    "A proxy asks about every client before it sends the user to the identity provider",
	Role:     suites.AS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    proxyCites("Mitigation", "RFC 9700, 4.11.2", "RFC 9700, 4.15", "OAuth 2.1, 7.9", "MCP 2026-07-28, Confused Deputy Problem"),
	Since:    suites.V20250618,
	Covers:   []string{"proxy-per-client-consent", "consent-before-upstream", "proxy-consent-registry"},
	Remedy: "Show a consent page of your own for each client and user before you redirect to the identity provider. To it you are one client, " +
		"so its own consent, and its session, speak for every client of yours.",
	Needs:  []suites.Need{suites.Proxy, suites.DynamicRegistration},
	Faults: []fault.Fault{fault.ProxyConsentSkipped, fault.ProxyConsentPerUser, fault.ProxyConsentForAll, fault.ProxyConsentLate},
	Specs: func(d *probes.Deployment) {
		client, user := probes.Start(d, d.Confuse), probes.Start(d, func(ctx context.Context) (*probes.Deputy, error) {
			if len(d.Target.Users) < 2 {
				return nil, nil
			}
			return d.ConfuseUsers(ctx)
		})

		It("whichever client the user has approved", proxyAsked(d, client, "a client that is new to the user"))
		It("whoever else has approved it", func(ctx SpecContext) {
			if len(d.Target.Users) < 2 {
				suites.NotApplicable("needs a second user (users in the configuration)")
			}
			proxyAsked(d, user, "a client that another user has approved")(ctx)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-proxy-consent-details",
	Title:    "The consent page of a proxy says who asks, for what upstream, and where the answer goes",
	Role:     suites.AS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    proxyCites("Consent UI Requirements"),
	Since:    suites.V20251125,
	Covers:   []string{"proxy-consent-shows-details"},
	Remedy:   "Show the client's name, the scopes that you will ask the identity provider for, and the redirect URI.",
	Needs:    []suites.Need{suites.Proxy},
	Faults:   []fault.Fault{fault.ConsentHidesClient, fault.ProxyConsentHidesAddress, fault.ProxyConsentHidesScopes},
	Specs: func(d *probes.Deployment) {
		requests := probes.Start(d, d.UpstreamRequests)
		shown := func(judge func(*probes.SentOn, string)) func(SpecContext) {
			return func(ctx SpecContext) {
				all, err := requests.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				var text strings.Builder
				for _, p := range all[0].Own() {
					text.WriteString(p.Text + "\n")
				}
				if !all[0].Landing.Consented {
					suites.LeaveTo(d, "as-proxy-consent-before-upstream", reports.AuthServer, "there is no consent page before the identity provider")
				}
				judge(all[0], text.String())
			}
		}

		It("by the client's name", shown(func(s *probes.SentOn, text string) {
			name, ok := s.Request.Client.Metadata.String("client_name")
			if !ok {
				suites.NotApplicable("the client has no name that the server knows")
			}
			Expect(text).To(ContainSubstring(name), "the consent page does not name the client")
		}))
		It("by the redirect URI", shown(func(s *probes.SentOn, text string) {
			u, err := url.Parse(s.Request.RedirectURI())
			Expect(err).NotTo(HaveOccurred())
			if strings.Contains(text, s.Request.RedirectURI()) {
				return
			}
			Expect(text).To(ContainSubstring(u.Hostname()), "the consent page does not say where the answer goes")
			suites.Warn("the consent page names the host of the redirect URI, but not the URI")
		}))
		It("by the upstream scopes", shown(func(s *probes.SentOn, text string) {
			var missing []string
			for _, scope := range strings.Fields(s.Hop.Get("scope")) {
				if !strings.Contains(text, scope) {
					missing = append(missing, scope)
				}
			}
			if len(missing) > 0 {
				suites.Review("does the consent page say what these scopes of the identity provider mean? It does not name them: %s", strings.Join(missing, " "))
			}
		}))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-proxy-consent-forgery",
	Title:    "Nobody but the user can approve a client on the proxy's consent page",
	Role:     suites.AS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    proxyCites("Consent UI Requirements", "OAuth 2.1, 7.10"),
	Since:    suites.V20251125,
	Covers:   []string{"proxy-consent-csrf", "proxy-consent-no-framing"},
	Remedy:   "Tie the form to the browser that it was shown to, and forbid framing by frame-ancestors or X-Frame-Options.",
	Needs:    []suites.Need{suites.Proxy},
	Faults:   []fault.Fault{fault.ConsentAnySession, fault.PagesFramed},
	Specs: func(d *probes.Deployment) {
		form := probes.Start(d, d.StealApproval)
		shown := func(judge func(*probes.ConsentForm)) func(SpecContext) {
			return func(ctx SpecContext) {
				f, err := form.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				if f.Page == nil {
					suites.LeaveTo(d, "as-proxy-consent-before-upstream", reports.AuthServer, "there is no consent page before the identity provider")
				}
				judge(f)
			}
		}

		It("by its form in another browser", shown(func(f *probes.ConsentForm) {
			if f.Sent == nil {
				suites.NotApplicable("the page has no form that can be sent without its scripts")
			}
			Expect(f.Sent.Hop == nil && f.Sent.Code == "").To(BeTrue(), "an approval that was sent by another browser than the one it was asked in was taken")
		}))
		It("in a frame", shown(func(f *probes.ConsentForm) {
			policy := strings.ToLower(strings.Join(f.Page.Header.Values("Content-Security-Policy"), "; "))
			option := strings.ToUpper(f.Page.Header.Get("X-Frame-Options"))
			Expect(strings.Contains(policy, "frame-ancestors") || option == "DENY" || option == "SAMEORIGIN").To(BeTrue(),
				"the consent page forbids framing neither by frame-ancestors nor by X-Frame-Options")
		}))
	},
})

// proxyRemembered judges what approvals are remembered by.
func proxyRemembered(d *probes.Deployment, judge func(*probes.Remembered)) func(SpecContext) {
	remembered := probes.Start(d, d.RememberApproval)
	return func(ctx SpecContext) {
		m, err := remembered.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if !m.Skipped {
			suites.NotApplicable("approvals are not remembered: the user is asked every time")
		}
		judge(m)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-proxy-consent-cookie-flags",
	Title:    "A cookie that approvals are remembered by is for this host, TLS and the browser alone",
	Role:     suites.AS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    proxyCites("Consent Cookie Security"),
	Since:    suites.V20251125,
	Covers:   []string{"proxy-consent-cookie-flags"},
	Remedy:   "Name it with the prefix __Host- and set Secure, HttpOnly and SameSite=Lax.",
	Needs:    []suites.Need{suites.Proxy, suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.ProxyCookiePlain},
	Specs: func(d *probes.Deployment) {
		It("by its name and attributes", proxyRemembered(d, func(m *probes.Remembered) {
			var wrong []string
			for _, c := range m.Needed {
				if c.SameSite == http.SameSiteStrictMode {
					d.Note("the cookie %s has SameSite=Strict: the browser does not send it when a client sends the user", c.Name)
				}
				lax := c.SameSite == http.SameSiteLaxMode || c.SameSite == http.SameSiteStrictMode
				if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || !lax {
					wrong = append(wrong, c.Name)
				}
			}
			Expect(wrong).To(BeEmpty(), "these cookies lack the prefix __Host-, Secure, HttpOnly or SameSite")
		}))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-proxy-consent-cookie-bound",
	Title:    "Nobody can write a cookie that approves another client",
	Role:     suites.AS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    proxyCites("Consent Cookie Security", "RFC 9700, 4.15"),
	Since:    suites.V20251125,
	Covers:   []string{"proxy-consent-cookie-bound"},
	Remedy:   "Sign the cookie, or keep approvals on your side, and compare them with the client_id of the request.",
	Needs:    []suites.Need{suites.Proxy, suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.ProxyConsentCookie},
	Specs: func(d *probes.Deployment) {
		It("by putting its id into it", proxyRemembered(d, func(m *probes.Remembered) {
			var loose []string
			for _, c := range m.Loose {
				loose = append(loose, c.Name)
			}
			slices.Sort(loose)
			Expect(loose).To(BeEmpty(), "with another client's id in these cookies, that client needs no approval")
		}))
	},
})

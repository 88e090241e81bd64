package authserver

import (
	"context"
	"net/http"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// proxyFresh finds values of a parameter that upstream requests share.
func proxyFresh(all []*probes.SentOn, name string) (sent bool, repeated []string) {
	seen := map[string]bool{}
	for _, s := range all {
		value := s.Hop.Get(name)
		if value == "" {
			return false, nil
		}
		if seen[value] {
			repeated = append(repeated, value)
		}
		seen[value] = true
	}
	return true, repeated
}

// proxyVarying is the part of the last state in which it differs from the others.
func proxyVarying(all []*probes.SentOn) string {
	var states []*probes.Push
	for _, s := range all {
		states = append(states, &probes.Push{URI: s.Hop.Get("state")})
	}
	return parVarying(states)
}

// proxyRequests judges the authorization requests that a proxy makes.
func proxyRequests(f *probes.Future[[]*probes.SentOn], judge func([]*probes.SentOn)) func(SpecContext) {
	return func(ctx SpecContext) {
		all, err := f.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		judge(all)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-proxy-state-random",
	Title:    "The state that a proxy sends to the identity provider is new, random and its own",
	Role:     suites.AS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    proxyCites("OAuth State Parameter Validation", "RFC 9700, 2.1"),
	Since:    suites.V20251125,
	Covers:   []string{"proxy-state-random"},
	Remedy:   "Make a state of at least 128 random bits for every request that you send upstream.",
	Needs:    []suites.Need{suites.Proxy},
	Faults:   []fault.Fault{fault.ProxyStateCounter, fault.ProxyStateFromClient},
	Specs: func(d *probes.Deployment) {
		requests := probes.Start(d, d.UpstreamRequests)

		It("in enough characters", proxyRequests(requests, func(all []*probes.SentOn) {
			sent, repeated := proxyFresh(all, "state")
			Expect(sent).To(BeTrue(), "no state is sent upstream")
			Expect(repeated).To(BeEmpty(), "the same state is sent upstream more than once")
			Expect(len(proxyVarying(all))).To(BeNumerically(">=", parShortest), "the states differ in so few characters")
		}))
		It("and not the client's", proxyRequests(requests, func(all []*probes.SentOn) {
			for _, s := range all {
				Expect(s.Hop.Get("state")).NotTo(Equal(s.Request.Values.Get("state")), "the client's state is sent upstream as it is")
			}
		}))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-proxy-state-after-consent",
	Title:    "The browser gets the proxy's state only when the user has approved",
	Role:     suites.AS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    proxyCites("OAuth State Parameter Validation"),
	Since:    suites.V20251125,
	Covers:   []string{"proxy-state-set-after-consent"},
	Remedy:   "Make the state and its cookie when the approval is in, with the redirect to the identity provider: a browser that has it before can skip the approval.",
	Needs:    []suites.Need{suites.Proxy},
	Faults:   []fault.Fault{fault.ProxyStateBeforeConsent},
	Specs: func(d *probes.Deployment) {
		early := probes.Start(d, d.CookiesBeforeApproval)

		It("in no cookie before", func(ctx SpecContext) {
			e, err := early.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if e == nil {
				suites.NotApplicable("there is no consent page whose form could be sent before the identity provider")
			}
			state := e.Sent.Hop.Get("state")
			i := slices.IndexFunc(e.Before, func(c *http.Cookie) bool { return state != "" && probes.Carries(c.Value, state) })
			Expect(i).To(Equal(-1), "a cookie that was set before the approval carries the state")
		})
	},
})

// proxyReturn judges a way to come back from the identity provider.
func proxyReturn(f *probes.Future[*probes.Authorization], failing string) func(SpecContext) {
	return func(ctx SpecContext) {
		a, err := f.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Code).To(BeEmpty(), failing)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-proxy-callback",
	Title:    "A proxy takes nobody back from the identity provider but the browser that it sent there",
	Role:     suites.AS,
	Area:     suites.ConfusedDeputy,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites: proxyCites("OAuth State Parameter Validation", "RFC 9700, 2.1", "RFC 9700, 4.7.1", "OAuth 2.1, 7.12",
		"draft-ietf-oauth-security-topics-update, 2.3"),
	Since:  suites.V20251125,
	Covers: []string{"proxy-state-validated", "proxy-state-single-use", "consent-bound-to-browser", "authz-upstream-state-unforgeable"},
	Remedy: "Keep the request on your side under a random state, put the state into a cookie when the user approves, and take the browser " +
		"back once, within ten minutes, if its cookie and the state in the URL are the same.",
	Needs: []suites.Need{suites.Proxy},
	Faults: []fault.Fault{
		fault.ProxyStateIgnored, fault.ProxyStateUnbound, fault.ProxyStateReusable, fault.ProxyStateReadable,
	},
	Specs: func(d *probes.Deployment) {
		stateless, other := d.ComeBack(probes.ReturnWithoutState), d.ComeBack(probes.ReturnWithOtherState)
		again, elsewhere := d.ComeBack(probes.ReturnTwice), probes.Start(d, d.ComeBackElsewhere)
		forged := probes.Start(d, d.ForgeState)

		It("with its state", proxyReturn(stateless, "a code was issued although the identity provider's answer came without state"))
		It("and no other", proxyReturn(other, "a code was issued although the state is not the one in the browser"))
		It("with its cookie", proxyReturn(elsewhere, "one browser approved a client, another one signed in, and the client got the code of the second one's user"))
		It("once", proxyReturn(again, "the same answer of the identity provider led to a second code"))
		It("to a client that the state cannot change", func(ctx SpecContext) {
			f, err := forged.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !f.Readable {
				return // nothing in it to change
			}
			Expect(f.Code != "" && f.AnsweredAt(f.To)).To(BeFalse(), "the redirect URI in the state was replaced, and the code went to %s", f.To)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-proxy-upstream-pkce",
	Title:    "A proxy protects its own code flow with the identity provider",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 9700, 2.1", "RFC 9700, 2.1.1", "RFC 9700, 4.5.3.1"),
	Since:    suites.V20250618,
	Covers:   []string{"pkce-used-towards-upstream"},
	Remedy:   "Send a fresh code_challenge (S256), and with openid a fresh nonce, in each authorization request to the identity provider, and check them.",
	Needs:    []suites.Need{suites.Proxy},
	Faults:   []fault.Fault{fault.ProxyNoPKCE, fault.ProxyChallengeReused},
	Specs: func(d *probes.Deployment) {
		requests := probes.Start(d, d.UpstreamRequests)
		injected := probes.Start(d, func(ctx context.Context) (*probes.Authorization, error) {
			return d.ComeBack(probes.ReturnInjected).Await(ctx)
		})

		It("by a code challenge that is new each time", proxyRequests(requests, func(all []*probes.SentOn) {
			sent, repeated := proxyFresh(all, "code_challenge")
			Expect(sent).To(BeTrue(), "the requests to the identity provider have no code_challenge")
			Expect(repeated).To(BeEmpty(), "the same code_challenge is sent upstream more than once")
			Expect(all[0].Hop.Get("code_challenge_method")).To(Equal("S256"), "the code_challenge_method is not S256")
		}))
		It("so that a code of another flow is worth nothing", proxyReturn(injected, "the identity provider's code of one flow was accepted in another"))
	},
})

package resourceserver

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var everyRequest = []suites.Cite{
	{Doc: "MCP 2026-07-28", Section: "Authorization, Token Requirements"}, {Doc: "OAuth 2.1", Section: "5.2"},
}

// reached tells whether a request without a token got as far as one with a token:
// it was carried out, or the same error came from behind the guard.
func reached(p probes.Pair) bool {
	a := p.Anonymous
	if a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden {
		return false
	}
	return a.Served() || p.Sound.RPCCode != 0 && a.RPCCode == p.Sound.RPCCode && a.Status == p.Sound.Status
}

var _ = suites.Register(suites.Check{
	ID:       "rs-every-operation-guarded",
	Title:    "Every operation needs a token, also after the handshake",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    everyRequest,
	Since:    suites.V20250326,
	Covers: []string{
		"rs-authorization-on-every-request", "rs-all-methods-protected", "tu-anonymous-401", "rs-authenticates-all-connections", "rs-local-http-restricted",
	},
	Remedy: "Put the guard in front of the whole endpoint rather than into handlers; what comes later in a connection or session needs its own token.",
	Faults: []fault.Fault{fault.OnlyInitializeGuarded, fault.ToolCallUnguarded, fault.NotificationUnguarded},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.EveryMethod)
		pairs := func(ctx SpecContext, want func(probes.Pair) bool) []probes.Pair {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			return slices.DeleteFunc(slices.Clone(all), func(p probes.Pair) bool { return !want(p) })
		}
		isNotification := func(p probes.Pair) bool { return strings.HasPrefix(p.Name, "notifications/") }

		It("such as a list", func(ctx SpecContext) {
			called := pairs(ctx, func(p probes.Pair) bool { return p.Name == "tools/call" && reached(p) })
			for _, p := range pairs(ctx, func(p probes.Pair) bool { return strings.HasSuffix(p.Name, "/list") && p.Anonymous.Served() }) {
				if len(called) == 0 {
					suites.Warn("%s is carried out without a token, and tools/call is not: let anybody see what there is only on purpose", p.Name)
				}
				Fail(p.Name + " is carried out without a token")
			}
		})
		It("such as a tool call", func(ctx SpecContext) {
			for _, p := range pairs(ctx, func(p probes.Pair) bool { return p.Name == "tools/call" }) {
				Expect(reached(p)).To(BeFalse(), "%s is looked into without a token: %s", p.Name, p.Anonymous.Said())
			}
		})
		It("such as a notification", func(ctx SpecContext) {
			for _, p := range pairs(ctx, isNotification) {
				if p.Sound.Status >= 300 {
					suites.NotApplicable("%s with a sound token was answered %d", p.Name, p.Sound.Status)
				}
				accepted := p.Anonymous.Status < 300 && p.Anonymous.RPCCode == 0
				Expect(accepted).To(BeFalse(), "%s without a token is accepted (%d)", p.Name, p.Anonymous.Status)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-connection-not-remembered",
	Title:    "A token on a connection says nothing of later requests on it",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    everyRequest,
	Since:    suites.V20250326,
	Covers:   []string{"rs-authorization-on-every-request"},
	Remedy:   "Never keep who is calling with the connection; proxies send the requests of many users over one.",
	Faults:   []fault.Fault{fault.ConnectionRemembered},
	Specs: func(d *probes.Deployment) {
		second := probes.Start(d, d.SameConnection)

		It("which need their own", func(ctx SpecContext) {
			answer, err := second.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer).To(suites.BeRefused())
		})
	},
})

// opens tells whether an answer to a request without a token gives something
// away: an event stream or a JSON-RPC message. A page does not.
func opens(a *probes.Answer) bool {
	return a.Status < 300 && (a.MediaType() == "text/event-stream" || len(a.Result) > 0)
}

var _ = suites.Register(suites.Check{
	ID:       "rs-every-method-guarded",
	Title:    "Every HTTP method of the MCP endpoint needs a token",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    everyRequest,
	Since:    suites.V20250326,
	Covers:   []string{"rs-all-methods-protected", "tu-every-route-and-method"},
	Remedy:   "Guard the endpoint whatever the method; GET opens the stream of a session and DELETE ends it.",
	Faults:   []fault.Fault{fault.GetUnguarded, fault.DeleteUnguarded, fault.MethodsUnguarded},
	Specs: func(d *probes.Deployment) {
		methods := probes.Start(d, d.OtherMethods)
		session := probes.Start(d, d.AttackSession)
		attacked := func(ctx SpecContext) *probes.SessionAttack {
			if kept, err := d.HasSessions(ctx); err == nil && !kept {
				suites.NotApplicable("the server keeps no sessions")
			}
			x, err := session.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			return x
		}

		It("such as PUT, PATCH, OPTIONS and unknown ones", func(ctx SpecContext) {
			all, err := methods.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for method, a := range all {
				Expect(opens(a)).To(BeFalse(), "%s without a token is answered %d with %s", method, a.Status, a.MediaType())
			}
		})
		It("such as GET, for the stream of a session", func(ctx SpecContext) {
			Expect(opens(attacked(ctx).Stream)).To(BeFalse(), "whoever knows a session id can listen to the session without a token")
		})
		It("such as DELETE, for the end of a session", func(ctx SpecContext) {
			x := attacked(ctx)
			Expect(x.Afterward.Served()).To(BeTrue(), "whoever knows a session id can end the session without a token (DELETE was answered %d)", x.End.Status)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-path-variants-guarded",
	Title:    "The endpoint needs a token under every spelling of its path",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "5.2"}, {Doc: "RFC 3986", Section: "6.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-path-variants", "tu-every-route-and-method"},
	Remedy:   "Guard by the route that is served, not by a pattern of paths, or refuse paths that are not in normal form before both.",
	Faults:   []fault.Fault{fault.SlashUnguarded},
	Specs: func(d *probes.Deployment) {
		variants := d.PathVariants()
		tried := d.TryCalls(variants...)

		It("that leads to it", func(ctx SpecContext) {
			if len(variants) == 0 {
				suites.NotApplicable("the endpoint is at the root of its host, whose path has no other spelling")
			}
			expectRefused(ctx, d, tried, "the protected call is carried out without a token when the path is spelt otherwise")
		})
	},
})

// withHeader is a call without a token, with a header that only a gateway or a
// framework should set.
func withHeader(name, value string) probes.Variation {
	return probes.Variation{Name: name + ": " + value, Change: func(m *probes.Message, _ string) { m.Header.Set(name, value) }}
}

// internalHeaders make a request look as if a gateway had checked it.
func internalHeaders(d *probes.Deployment) []probes.Variation {
	user := "mcpassay"
	if len(d.Target.Users) > 0 {
		user = d.Target.Users[0].Name
	}
	var all []probes.Variation
	for _, name := range []string{
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Auth-Request-User", "X-Auth-Request-Email",
		"X-Remote-User", "Remote-User", "X-User", "X-User-Id", "X-User-Email", "X-Authenticated-User", "X-Authenticated-Userid",
		"X-Consumer-Id", "X-Consumer-Username", "X-WebAuth-User", "Cf-Access-Authenticated-User-Email", "X-Goog-Authenticated-User-Email",
		"X-Ms-Client-Principal-Name", "X-Token-Subject",
	} {
		all = append(all, withHeader(name, user))
	}
	path := d.Endpoint.EscapedPath()
	return append(all,
		withHeader("X-Forwarded-For", "127.0.0.1"), withHeader("X-Real-Ip", "127.0.0.1"),
		withHeader("X-Original-Url", "/health"), withHeader("X-Rewrite-Url", "/health"), withHeader("X-Original-Uri", path),
		withHeader("X-Middleware-Subrequest", strings.TrimSuffix(strings.Repeat("middleware:", 5), ":")),
		withHeader("X-Internal-Request", "true"), withHeader("X-Authenticated", "true"))
}

var _ = suites.Register(suites.Check{
	ID:       "rs-internal-headers-ignored",
	Title:    "Headers that gateways set do not stand in for a token",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "RFC 9700", Section: "4.13"}, {Doc: "OAuth 2.1", Section: "5.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-internal-headers", "tu-identity-only-from-token", "tu-every-route-and-method"},
	Remedy:   "Take the caller from the token alone. Behind a gateway, have it remove such headers from requests and let nobody else reach the server.",
	Faults:   []fault.Fault{fault.IdentityHeaderTrusted, fault.MethodOverridden},
	Specs: func(d *probes.Deployment) {
		identity := d.TryCalls(internalHeaders(d)...)
		var overrides []probes.Variation
		for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
			for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodHead} {
				overrides = append(overrides, withHeader(name, method))
			}
		}
		overridden := d.TryCalls(overrides...)

		It("nor for the user that one would name", func(ctx SpecContext) {
			expectRefused(ctx, d, identity, "the protected call is carried out without a token for a request with one of these headers")
		})
		It("nor make a call pass for a harmless method", func(ctx SpecContext) {
			expectRefused(ctx, d, overridden, "the protected call is carried out without a token for a request that claims another method")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-rejects-non-access-tokens",
	Title:    "What is no access token does not open the endpoint",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9068", Section: "4"}, {Doc: "RFC 8725", Section: "3.11"}, {Doc: "MCP 2026-07-28", Section: "Access Token Privilege Restriction"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-rejects-non-access-tokens", "tu-wrong-token-kinds"},
	Remedy:   "Check typ and aud of a JWT, and token_type of an introspection answer; that the issuer knows a string does not make it an access token.",
	Faults:   []fault.Fault{fault.RefreshTokenAccepted, fault.IDTokenAccepted, fault.GarbageAccepted},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.OtherKinds)
		judge := func(names ...string) func(SpecContext) {
			return func(ctx SpecContext) {
				all, err := tried.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				found := false
				for _, v := range all {
					if !slices.Contains(names, v.Name) {
						continue
					}
					found = true
					Expect(v.Served()).To(BeFalse(), "%s opens the protected call", v.Name)
				}
				if !found {
					suites.NotApplicable("the authorization server issues none to the client of this run")
				}
			}
		}

		It("such as a refresh token", judge("a refresh token"))
		It("such as an ID token", judge("an ID token"))
		It("such as a code or a registration's secret", judge("an authorization code", "a client secret", "a registration access token", "a client id"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-token-not-echoed",
	Title:    "A refusal does not repeat the token",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "7.1.3.1"}, {Doc: "RFC 6750", Section: "5.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"tu-token-not-echoed", "rs-error-detail-not-leaked"},
	Remedy:   "Keep tokens out of error texts and challenges: those are logged and shown.",
	Faults:   []fault.Fault{fault.TokenEchoed, fault.TokenInErrorBody},
	Specs: func(d *probes.Deployment) {
		refused := probes.Start(d, d.Refusals)

		It("in header or body", func(ctx SpecContext) {
			all, err := refused.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, r := range all {
				where := r.Echoed()
				Expect(where).To(BeEmpty(), "%s is repeated in %s", r.Name, where)
			}
		})
	},
})

// internals are marks of texts that are meant for developers, by what they show.
var internals = map[string][]string{
	"a stack trace": {"goroutine ", "runtime/debug.Stack", "Traceback (most recent call last)", "\tat ", "\n    at ", "\\n    at ", "node_modules/", ".go:", ".java:", "System.Web."},
	"a file path":   {"/usr/src/app", "/home/", "/app/dist/", "C:\\\\", "/node_modules"},
}

var _ = suites.Register(suites.Check{
	ID:       "rs-errors-tell-no-internals",
	Title:    "A refusal tells nothing of the server's inside",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "7.12"}, {Doc: "MCP 2026-07-28", Section: "Authorization Security Considerations"}},
	Since:    suites.V20251125,
	Covers:   []string{"rs-error-detail-not-leaked"},
	Remedy:   "Answer refusals with a fixed text and log the rest; switch off the development error pages of the framework.",
	Faults:   []fault.Fault{fault.VerboseErrors},
	Specs: func(d *probes.Deployment) {
		refused := probes.Start(d, d.Refusals)

		It("such as a stack trace", func(ctx SpecContext) {
			all, err := refused.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, r := range all {
				body := string(r.Body)
				for what, marks := range internals {
					shown := slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(body, mark) })
					Expect(shown).To(BeFalse(), "the refusal of %s shows %s", r.Name, what)
				}
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-answers-not-shared",
	Title:    "What one token may read is not left to shared caches",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 9111", Section: "3.5"}, {Doc: "RFC 9700", Section: "4.13"}},
	Since:    suites.V20250326,
	Covers:   []string{"tu-authenticated-responses-not-shared"},
	Remedy:   "Leave public and s-maxage out of answers to requests with a token, or say private or no-store.",
	Faults:   []fault.Fault{fault.AnswersCacheable},
	Specs: func(d *probes.Deployment) {
		sound := probes.Start(d, d.SoundCall)

		It("by Cache-Control", func(ctx SpecContext) {
			answer, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, directive := range strings.Split(strings.Join(answer.Header.Values("Cache-Control"), ","), ",") {
				name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
				Expect(name).NotTo(BeElementOf("public", "s-maxage"),
					fmt.Sprintf("an answer to a request with a token says Cache-Control: %s", strings.TrimSpace(directive)))
			}
		})
	},
})

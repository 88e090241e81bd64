package resourceserver

import (
	"context"
	"net/http"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// foreignOrigin is the origin of a page that has nothing to do with the server.
const foreignOrigin = "https://page.mcpassay.example"

var streamableHTTP = func(section string) suites.Cite {
	return suites.Cite{Doc: "MCP 2026-07-28", Section: "Streamable HTTP, " + section}
}

// sending is the change of a message that sets a header field; an empty value
// leaves it out.
func sending(name, value string) probes.MessageMutation {
	return func(m *probes.Message) {
		m.Header.Del(name)
		if value != "" {
			m.Header.Set(name, value)
		}
	}
}

// callFrom makes the protected call with a sound token as a page of the origin
// would, between two sound calls.
func callFrom(d *probes.Deployment, origin string) *probes.Future[*probes.Answer] {
	return d.TryCall(func(ctx context.Context, sound string) (*probes.Answer, error) {
		return d.Call(ctx, sound, sending("Origin", origin))
	})
}

func ownOrigin(d *probes.Deployment) string {
	return (&url.URL{Scheme: d.Endpoint.Scheme, Host: d.Endpoint.Host}).String()
}

var _ = suites.Register(suites.Check{
	ID:       "rs-origin-validated",
	Title:    "A request from a page of another origin is refused",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{streamableHTTP("Security & Endpoint")},
	Since:    suites.V20250326,
	Covers:   []string{"rs-origin-validated", "rs-browser-reachable-local"},
	Remedy:   "Compare Origin, when it is there, with the origins that may use the server, byte for byte. A server on loopback can be reached by every page that the user opens.",
	Faults:   []fault.Fault{fault.OriginIgnored, fault.OriginNullAllowed, fault.OriginPrefixMatch},
	Specs: func(d *probes.Deployment) {
		foreign, null := callFrom(d, foreignOrigin), callFrom(d, "null")
		lookalike := callFrom(d, ownOrigin(d)+".mcpassay.example")
		judge := func(ctx SpecContext, from *probes.Future[*probes.Answer]) {
			answer, err := from.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if answer.Served() && !probes.IsLoopback(d.Endpoint) {
				// Pages may be meant to use a public server: they bring a token of their own.
				suites.Warn("a request with this Origin was served: see whether pages of every origin are meant to use the server")
			}
			Expect(answer).To(suites.BeRefused())
		}

		It("whatever that is", func(ctx SpecContext) { judge(ctx, foreign) })
		It("even if the page hides it (null)", func(ctx SpecContext) { judge(ctx, null) })
		It("even if it begins like the server's own", func(ctx SpecContext) { judge(ctx, lookalike) })
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-origin-403",
	Title:    "A request of an origin that is not allowed is answered 403",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Must,
	Severity: suites.Info,
	Cites:    []suites.Cite{streamableHTTP("Security & Endpoint")},
	Since:    suites.V20251125,
	Covers:   []string{"rs-origin-invalid-403"},
	Remedy:   "Answer 403 with an empty body or a JSON-RPC error without an id.",
	Faults:   []fault.Fault{fault.OriginOtherStatus},
	Specs: func(d *probes.Deployment) {
		foreign := callFrom(d, foreignOrigin)

		It("and not otherwise", func(ctx SpecContext) {
			answer, err := foreign.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case answer.Status < 300:
				suites.NotApplicable("the request was not refused by its status")
			case answer.Status != http.StatusForbidden:
				suites.Warn("the request was refused, but with %d", answer.Status)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-origin-not-required",
	Title:    "A request without Origin is served: only browsers send it",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{streamableHTTP("Security & Endpoint"), {Doc: "RFC 6454", Section: "7.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-origin-validated"},
	Remedy:   "Look at Origin only when it is there; clients that are not browsers send none.",
	Faults:   []fault.Fault{fault.OriginRequired},
	Specs: func(d *probes.Deployment) {
		without := probes.Start(d, func(ctx context.Context) (*probes.Answer, error) { return d.CallBaseline(ctx) })
		with := probes.Start(d, func(ctx context.Context) (*probes.Answer, error) {
			return d.CallBaseline(ctx, sending("Origin", ownOrigin(d)))
		})

		It("with a sound token", func(ctx SpecContext) {
			answer, err := without.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if answer.Served() {
				return
			}
			fromPage, err := with.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !fromPage.Served() {
				suites.NotApplicable("the call is not served with an Origin either: %s", fromPage.Said())
			}
			Expect(answer).To(suites.BeAccepted(), "it is served with the server's own Origin and not without any")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-cors-credentials",
	Title:    "Pages of other origins may not read answers with the user's credentials",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 10017", Section: "6.3.3.4"}, {Doc: "Fetch standard", Section: "CORS protocol and credentials"}},
	Since:    suites.V20250326,
	Covers:   []string{"cors-resource-server"},
	Remedy:   "Leave Access-Control-Allow-Credentials out: tokens travel in a header that the page sets itself. Never reflect Origin together with it.",
	Faults:   []fault.Fault{fault.OriginReflected},
	Specs: func(d *probes.Deployment) {
		ask := func(method, origin string) *probes.Future[*probes.Answer] {
			return probes.Start(d, func(ctx context.Context) (*probes.Answer, error) {
				m := d.NewMessage()
				m.Header.Set("Origin", origin)
				if method == http.MethodOptions {
					m.HTTPMethod, m.Body = method, []byte{}
					m.Header.Set("Access-Control-Request-Method", http.MethodPost)
					m.Header.Set("Access-Control-Request-Headers", "authorization")
				}
				return d.Send(ctx, m)
			})
		}
		answers := []*probes.Future[*probes.Answer]{
			ask(http.MethodPost, foreignOrigin), ask(http.MethodPost, "null"), ask(http.MethodOptions, foreignOrigin),
		}

		It("of whatever origin", func(ctx SpecContext) {
			for _, answer := range answers {
				a, err := answer.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				allowed := a.Header.Get("Access-Control-Allow-Origin")
				reflected := allowed == foreignOrigin || allowed == "null"
				Expect(reflected && a.Header.Get("Access-Control-Allow-Credentials") == "true").To(BeFalse(),
					"%s allows the origin %s to read its answers with credentials", a.From, allowed)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-host-checked",
	Title:    "A server on loopback refuses requests for another host's name",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{streamableHTTP("Security Warning"), {Doc: "MCP Security Best Practices", Section: "Local MCP Server Compromise"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-browser-reachable-local", "rs-origin-validated"},
	Remedy:   "Refuse every Host that is not a name of this server. A page can rebind its own name to 127.0.0.1 and is then same-origin with the server.",
	Faults:   []fault.Fault{fault.HostIgnored},
	Specs: func(d *probes.Deployment) {
		if !probes.IsLoopback(d.Endpoint) {
			It("since a page can rebind its name", func() { suites.NotApplicable("the server is not on loopback") })
			return
		}
		rebound := d.TryCall(func(ctx context.Context, sound string) (*probes.Answer, error) {
			return d.Call(ctx, sound, sending("Host", "rebound.mcpassay.example:"+d.Endpoint.Port()))
		})

		It("since a page can rebind its name", func(ctx SpecContext) {
			Expect(rebound.Await(ctx)).To(suites.BeRefused())
		})
	},
})

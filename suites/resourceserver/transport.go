package resourceserver

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// The members of _meta that every modern request has.
const (
	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
)

// meta is the change of a modern message's request metadata.
func meta(change func(meta map[string]any)) probes.MessageMutation {
	return func(m *probes.Message) {
		if meta, ok := m.Params["_meta"].(map[string]any); ok {
			change(meta)
		}
	}
}

// mutated makes the protected call with a sound token and the changes, between
// two sound calls.
func mutated(d *probes.Deployment, mutations ...probes.MessageMutation) *probes.Future[*probes.Answer] {
	return d.TryCall(func(ctx context.Context, sound string) (*probes.Answer, error) {
		return d.Call(ctx, sound, mutations...)
	})
}

// refusedWith400 judges a request that is not served, and notes another status
// than the standard's.
func refusedWith400(ctx SpecContext, d *probes.Deployment, attack *probes.Future[*probes.Answer]) {
	answer, err := attack.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(answer).To(suites.BeRefused())
	if answer.Status != http.StatusBadRequest {
		d.Note("the refusal has status %d, not 400", answer.Status)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "rs-version-invalid",
	Title:    "A protocol version that does not exist is refused",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{streamableHTTP("Protocol Version Header")},
	Since:    suites.V20250618,
	Covers:   []string{"rs-version-header-invalid-400"},
	Remedy:   "Answer 400 to a version that the server does not speak, and name those that it does.",
	Faults:   []fault.Fault{fault.VersionIgnored},
	Specs: func(d *probes.Deployment) {
		const never = "1900-01-01"
		attack := mutated(d, func(m *probes.Message) {
			if m.Method != "initialize" {
				m.Header.Set("MCP-Protocol-Version", never)
			}
		}, meta(func(meta map[string]any) { meta[metaVersion] = never }))

		It("with 400", func(ctx SpecContext) { refusedWith400(ctx, d, attack) })
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-missing-meta",
	Title:    "A request without the metadata that every request needs is refused",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Base Protocol, _meta"}, {Doc: "MCP 2026-07-28", Section: "Base Protocol, Statelessness"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-missing-meta-400"},
	Remedy:   "Answer 400 with -32602. Whoever fills in what is missing takes it from earlier requests, and so from other callers.",
	Faults:   []fault.Fault{fault.MetaOptional},
	Specs: func(d *probes.Deployment) {
		bare := mutated(d, func(m *probes.Message) { delete(m.Params, "_meta") })
		noVersion := mutated(d, meta(func(meta map[string]any) { delete(meta, metaVersion) }))
		noCapabilities := mutated(d, meta(func(meta map[string]any) { delete(meta, metaCapabilities) }))

		It("with 400", func(ctx SpecContext) {
			refusedWith400(ctx, d, bare)
			refusedWith400(ctx, d, noVersion)
			refusedWith400(ctx, d, noCapabilities)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-header-body-mismatch",
	Title:    "A request whose header fields and body name different things is refused",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{streamableHTTP("Server Validation")},
	Since:    suites.V20260728,
	Covers:   []string{"rs-header-body-mismatch-400"},
	Remedy:   "Compare Mcp-Method and Mcp-Name with the body and answer 400 (-32020) when they differ or are missing; a gateway in front may have decided by them.",
	Faults:   []fault.Fault{fault.MirrorIgnored, fault.ScopeByHeader},
	Specs: func(d *probes.Deployment) {
		otherMethod, noMethod := mutated(d, sending("Mcp-Method", "ping")), mutated(d, sending("Mcp-Method", ""))
		names := probes.Start(d, func(ctx context.Context) (map[string]*probes.Answer, error) {
			return d.CallNamed(ctx, map[string]string{"another name": "mcpassay_other", "no name": ""})
		})

		It("when it is the method", func(ctx SpecContext) {
			refusedWith400(ctx, d, otherMethod)
			refusedWith400(ctx, d, noMethod)
		})
		It("when it is the tool", func(ctx SpecContext) {
			answers, err := names.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if answers == nil {
				suites.NotApplicable("no tool is known that may be called without harm (tool in the configuration)")
			}
			for _, said := range slices.Sorted(maps.Keys(answers)) {
				Expect(answers[said]).To(suites.BeRefused(), "Mcp-Name: %s", said)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-scope-by-body",
	Title:    "Which scopes a call needs is decided by the tool that is run",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{streamableHTTP("Server Validation"), {Doc: "MCP 2026-07-28", Section: "Authorization, Token Handling"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-header-body-mismatch-400", "rs-scope-enforced-per-operation"},
	Remedy:   "Authorize what the body names. The header field is the sender's word for it, and an attacker writes another there.",
	Faults:   []fault.Fault{fault.ScopeByHeader},
	Specs: func(d *probes.Deployment) {
		misnamed := probes.Start(d, d.CallMisnamed)

		It("not by the one that Mcp-Name names", func(ctx SpecContext) {
			answer, err := misnamed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if answer == nil {
				suites.NotApplicable("no token is known that opens one operation and not another (operations in the configuration)")
			}
			Expect(answer).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-unknown-method",
	Title:    "A method that is not implemented is answered 404",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Must,
	Severity: suites.Info,
	Cites:    []suites.Cite{streamableHTTP("Protocol Version Header")},
	Since:    suites.V20260728,
	Covers:   []string{"rs-unknown-method-404"},
	Remedy:   "Answer 404 with the JSON-RPC error -32601.",
	Faults:   []fault.Fault{fault.UnknownMethodStatus},
	Specs: func(d *probes.Deployment) {
		unknown := d.TryCall(func(ctx context.Context, sound string) (*probes.Answer, error) {
			return d.CallMethod(ctx, sound, "mcpassay/unknown", nil)
		})

		It("whatever it is", func(ctx SpecContext) {
			Expect(unknown.Await(ctx)).To(suites.HaveStatus(http.StatusNotFound))
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-server-discover",
	Title:    "server/discover tells which versions the server speaks",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Discovery"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-server-discover-implemented"},
	Remedy:   "Implement server/discover; clients ask it first.",
	Faults:   []fault.Fault{fault.DiscoverMissing},
	Specs: func(d *probes.Deployment) {
		discover := d.TryCall(func(ctx context.Context, sound string) (*probes.Answer, error) {
			return d.CallMethod(ctx, sound, "server/discover", nil)
		})

		It("with the newest among them", func(ctx SpecContext) {
			answer, err := discover.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer).To(suites.BeAccepted())
			var result struct {
				Versions []string `json:"supportedVersions"`
			}
			Expect(json.Unmarshal(answer.Result, &result)).To(Succeed(), "the result names no versions")
			Expect(result.Versions).To(ContainElement(probes.Modern))
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-no-modern-session",
	Title:    "Requests that stand alone get no session id, and one that they bring is ignored",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{streamableHTTP("Earlier Streamable HTTP Revisions")},
	Since:    suites.V20260728,
	Covers:   []string{"rs-modern-ignores-session-id"},
	Remedy:   "Issue session ids to nobody who did not send initialize.",
	Faults:   []fault.Fault{fault.ModernSession},
	Specs: func(d *probes.Deployment) {
		plain := mutated(d)
		invented := mutated(d, sending("Mcp-Session-Id", "mcpassay-invented"))

		It("in whatever answer", func(ctx SpecContext) {
			for _, call := range []*probes.Future[*probes.Answer]{plain, invented} {
				answer, err := call.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				Expect(answer).To(suites.BeAccepted())
				Expect(answer.Header.Values("Mcp-Session-Id")).To(BeEmpty(), "%s was answered with a session id", answer.From)
			}
		})
	},
})

// modernOnly skips unless the server refuses initialize.
func modernOnly(ctx SpecContext, initialize *probes.Future[*probes.Answer]) *probes.Answer {
	answer, err := initialize.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	if answer.Served() {
		suites.NotApplicable("the server speaks older revisions too")
	}
	return answer
}

var _ = suites.Register(suites.Check{
	ID:       "rs-modern-get-delete",
	Title:    "A server without sessions answers GET and DELETE with 405",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{streamableHTTP("Earlier Streamable HTTP Revisions")},
	Since:    suites.V20260728,
	Covers:   []string{"rs-modern-get-delete-405"},
	Remedy:   "Answer 405: there are no streams to open and no sessions to end.",
	Faults:   []fault.Fault{fault.ModernGetServed},
	Specs: func(d *probes.Deployment) {
		initialize := probes.Start(d, d.Initialize)
		with := func(method string) *probes.Future[*probes.Answer] {
			return d.TryCall(func(ctx context.Context, sound string) (*probes.Answer, error) {
				m := d.NewMessage()
				m.HTTPMethod, m.Body = method, []byte{}
				m.Header = http.Header{"Authorization": {"Bearer " + sound}, "Accept": {"text/event-stream"}}
				return d.Send(ctx, m)
			})
		}
		get, end := with(http.MethodGet), with(http.MethodDelete)

		It("with a sound token", func(ctx SpecContext) {
			modernOnly(ctx, initialize)
			Expect(get.Await(ctx)).To(suites.HaveStatus(http.StatusMethodNotAllowed))
			Expect(end.Await(ctx)).To(suites.HaveStatus(http.StatusMethodNotAllowed))
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-initialize-names-versions",
	Title:    "A server that refuses initialize says which versions it speaks",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Versioning, Backward Compatibility with Initialization-Based Versions"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-initialize-error-names-versions"},
	Remedy:   "Name the versions in the error, so that a user of an older client learns what is wrong.",
	Faults:   []fault.Fault{fault.InitializeUnexplained},
	Specs: func(d *probes.Deployment) {
		initialize := probes.Start(d, d.Initialize)

		It("in its error", func(ctx SpecContext) {
			answer := modernOnly(ctx, initialize)
			Expect(strings.Contains(string(answer.Body), probes.Modern)).To(BeTrue(), "the refusal does not mention %s", probes.Modern)
		})
	},
})

package resourceserver

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

var passthrough = []suites.Cite{
	{Doc: "MCP 2026-07-28", Section: "Authorization, Access Token Privilege Restriction"},
	{Doc: "MCP Security Best Practices", Section: "Token Passthrough"},
}

// visited awaits what reached the upstream. Nothing at all says nothing.
func visited(ctx SpecContext, d *probes.Deployment, visit *probes.Future[*probes.UpstreamVisit]) *probes.UpstreamVisit {
	v, err := visit.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	if len(v.Received) == 0 && !v.Answer.Served() {
		suites.BlockedBy(d, d.Unserved("", reports.Configuration, "the call of the tool that calls the upstream", v.Answer))
	}
	if v.Silent() {
		suites.NotApplicable("no credential was observed to reach the upstream")
	}
	return v
}

var _ = suites.Register(suites.Check{
	ID:       "rs-no-token-passthrough",
	Title:    "The client's token is never sent to the upstream",
	Role:     suites.RS,
	Area:     suites.Passthrough,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    passthrough,
	Since:    suites.V20250618,
	Covers:   []string{"rs-no-token-passthrough"},
	Remedy:   "Get a token of the server's own for the upstream: by token exchange (RFC 8693), on behalf of the user, or with the server's credentials. The upstream must never see a token that was issued for this server.",
	Needs:    []suites.Need{suites.UpstreamSeen},
	Faults: []fault.Fault{
		fault.CallerTokenForwarded, fault.CallerTokenInQuery, fault.CallerTokenEncoded, fault.CallerTokenInAnswer,
	},
	Specs: func(d *probes.Deployment) {
		visit := probes.Start(d, d.UpstreamVisit)
		asCredential := func(in string) bool { return in == "header Authorization" || in == "header Proxy-Authorization" }
		otherHeader := func(in string) bool { return strings.HasPrefix(in, "header") && !asCredential(in) }

		It("as the credential of the request", func(ctx SpecContext) {
			Expect(visited(ctx, d, visit).Carrying(asCredential)).To(BeEmpty(), "the client's own token reached the upstream")
		})
		It("in another header, even encoded", func(ctx SpecContext) {
			Expect(visited(ctx, d, visit).Carrying(otherHeader)).To(BeEmpty(), "the client's own token reached the upstream")
		})
		It("in the path, the query or the body", func(ctx SpecContext) {
			elsewhere := func(in string) bool { return !strings.HasPrefix(in, "header") }
			Expect(visited(ctx, d, visit).Carrying(elsewhere)).To(BeEmpty(), "the client's own token reached the upstream")
		})
		It("nor shown in what the tool answers, its error text included", func(ctx SpecContext) {
			v := visited(ctx, d, visit)
			Expect(probes.Carries(string(v.Answer.Body), v.Token)).To(BeFalse(), "the client's own token stands in the answer of the tool that calls the upstream")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-upstream-token-for-upstream",
	Title:    "What the server sends upstream is a token for the upstream, on behalf of the user",
	Role:     suites.RS,
	Area:     suites.Passthrough,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{passthrough[0], passthrough[1], {Doc: "RFC 8693", Section: "1.1"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-no-token-passthrough"},
	Remedy:   "Exchange the user's token for one whose audience is the upstream. With one key for all users the upstream cannot tell them apart, and this server alone has to keep them apart.",
	Needs:    []suites.Need{suites.UpstreamSeen},
	Faults:   []fault.Fault{fault.ServiceKeyUpstream},
	Specs: func(d *probes.Deployment) {
		visit := probes.Start(d, d.UpstreamVisit)

		It("and not one key for everybody", func(ctx SpecContext) {
			v := visited(ctx, d, visit)
			own := v.Own()
			if len(own) == 0 {
				suites.NotApplicable("nothing but the client's own token reached the upstream")
			}
			var opaque []string
			for _, c := range own {
				if jwt, ok := probes.DecodeJWT(c.Token); ok && d.Target.Upstream.Resource() != "" {
					Expect(jwt.Audience()).To(ContainElement(d.Target.Upstream.Resource()), "the token in %s is for another audience than the upstream", c.In)
					return
				}
				opaque = append(opaque, c.In)
			}
			if slices.ContainsFunc(own, v.Again) {
				suites.Review("the same credential reached the upstream with two tokens (%s): it looks like a key of the server's own. If it stands for every user, see who keeps users apart",
					strings.Join(opaque, ", "))
			}
			suites.Review("what reached the upstream (%s) is no JWT of the user, and another one with every token: see whether it is a token of this user's", strings.Join(opaque, ", "))
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-rejects-upstream-token",
	Title:    "A token issued for the upstream is not accepted by the server in front of it",
	Role:     suites.RS,
	Area:     suites.Passthrough,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{passthrough[1], {Doc: "MCP 2026-07-28", Section: "Authorization, Token Handling"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-rejects-upstream-token", "aud-upstream-token-refused"},
	Remedy:   "Accept only tokens whose audience is this server. Tokens of the upstream are in the hands of its other clients.",
	Needs:    []suites.Need{suites.UpstreamSeen},
	Faults:   []fault.Fault{fault.UpstreamTokenAccepted, fault.AcceptAnyAudience},
	Specs: func(d *probes.Deployment) {
		visit := probes.Start(d, d.UpstreamVisit)
		presented := probes.Start(d, d.CallWithUpstreamTokens)

		It("although it is genuine", func(ctx SpecContext) {
			visited(ctx, d, visit)
			answers, err := presented.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(answers) == 0 {
				suites.NotApplicable("no token that is for the upstream alone reached it")
			}
			for _, a := range answers {
				Expect(a).To(suites.BeRefused())
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-upstream-token-not-shown",
	Title:    "The server's token for the upstream is never shown to the client",
	Role:     suites.RS,
	Area:     suites.Passthrough,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Elicitation, URL Mode Elicitation for OAuth Flows"}, passthrough[1]},
	Since:    suites.V20251125,
	Covers:   []string{"rs-third-party-creds-not-to-client"},
	Remedy:   "Build tool results from the upstream's answer alone, and keep requests to the upstream out of errors and debugging output.",
	Needs:    []suites.Need{suites.UpstreamSeen},
	Faults:   []fault.Fault{fault.UpstreamTokenLeaked},
	Specs: func(d *probes.Deployment) {
		visit := probes.Start(d, d.UpstreamVisit)

		It("in the result of the tool that uses it", func(ctx SpecContext) {
			v := visited(ctx, d, visit)
			for _, c := range v.Own() {
				if len(c.Token) < 16 {
					continue // too short to tell it from chance
				}
				Expect(probes.Carries(string(v.Answer.Body), c.Token)).To(BeFalse(), "what the upstream got in %s stands in the tool's result", c.In)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-token-not-in-results",
	Title:    "Tools do not show the client's token",
	Role:     suites.RS,
	Area:     suites.Passthrough,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "7.1.2"}, passthrough[1]},
	Since:    suites.V20250326,
	Covers:   []string{"tu-token-not-echoed"},
	Remedy:   "Keep the request's headers away from tools. What a tool returns goes to a model, into its context and into logs.",
	Faults:   []fault.Fault{fault.CallerTokenShown},
	Specs: func(d *probes.Deployment) {
		shown := probes.Start(d, d.ToolsShowingToken)

		It("in a result or an error", func(ctx SpecContext) {
			tools, err := shown.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(tools) == 0 {
				suites.NotApplicable("no tool is known that may be called without harm (tool in the configuration)")
			}
			for name, shows := range tools {
				Expect(shows).To(BeFalse(), "the token stands in what %s returned", name)
			}
		})
	},
})

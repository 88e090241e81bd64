package resourceserver

import (
	"context"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var scopeSelection = []suites.Cite{
	{Doc: "MCP 2026-07-28", Section: "Authorization, Scope Selection Strategy"}, {Doc: "RFC 6750", Section: "3"},
}

// catalogue are the scopes that the metadata publishes.
func catalogue(x *probes.Discovery) []string {
	if x.PRM == nil {
		return nil
	}
	scopes, _ := x.PRM.Document.Strings("scopes_supported")
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

var _ = suites.Register(suites.Check{
	ID:       "rs-401-scope",
	Title:    "The challenge to a request without a token names the scopes to ask for",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    scopeSelection,
	Since:    suites.V20251125,
	Covers:   []string{"rs-401-scope-param"},
	Remedy:   "Add the scopes that basic use needs to the 401 challenge; without them clients ask for everything in the metadata.",
	Faults:   []fault.Fault{fault.ChallengeNoScope},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("in its scope parameter", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(catalogue(x)) == 0 && len(d.Target.Scopes) == 0 {
				suites.NotApplicable("nothing says that the resource uses scopes")
			}
			answer := &probes.Answer{Response: x.Anonymous}
			unauthorized(answer)
			challengesAtAll(ctx, discovery)
			Expect(answer.Challenged()).NotTo(BeEmpty(), "the challenge to %s names no scope, and the resource uses some", x.Anonymous.From)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-challenge-no-offline-access",
	Title:    "Challenges do not ask for refresh tokens by scope",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Refresh Tokens"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-challenge-scope-no-offline-access"},
	Remedy:   "Leave offline_access out of challenges: whether there are refresh tokens is between the client and the authorization server.",
	Faults:   []fault.Fault{fault.ChallengeOfflineAccess},
	Specs: func(d *probes.Deployment) {
		anonymous, scoping := anonymously(d), probes.Start(d, d.Scoping)

		It("when there is no token", func(ctx SpecContext) {
			answer, err := anonymous.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			unauthorized(answer)
			Expect(answer.Challenged()).NotTo(ContainElement("offline_access"), "the 401 challenge asks for offline_access")
		})
		It("when a scope is missing", func(ctx SpecContext) {
			for _, t := range lacking(ctx, scoping) {
				Expect(t.Answer.Challenged()).NotTo(ContainElement("offline_access"), "the challenge to %s asks for offline_access", t.Tell())
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-challenge-precise",
	Title:    "Challenges name what is needed now, not every scope there is",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "MCP Security Best Practices", Section: "Scope Minimization"}, insufficientScope[0]},
	Since:    suites.V20251125,
	Covers:   []string{"rs-scope-challenge-precise", "rs-challenge-scope-free-relation"},
	Remedy:   "Name in each challenge the scopes of the operation that was refused; users consent to whatever is named.",
	Faults:   []fault.Fault{fault.ChallengeEveryScope},
	Specs: func(d *probes.Deployment) {
		discovery, scoping := probes.Start(d, d.Discovery), probes.Start(d, d.Scoping)

		It("although fewer would do", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			all := catalogue(x)
			if len(all) < 2 {
				suites.NotApplicable("the metadata does not list several scopes")
			}
			challenges := []*probes.Answer{{Response: x.Anonymous}}
			for _, t := range lacking(ctx, scoping) {
				challenges = append(challenges, t.Answer)
			}
			for _, c := range challenges {
				if missing(all, c.Challenged()) {
					return // one at least was made for its operation
				}
			}
			for _, t := range tried(ctx, scoping).Trials {
				Expect(t.Answer.Served() && len(t.Small.Held) < len(all)).To(BeFalse(),
					"every challenge asks for %s, and %s does", strings.Join(all, " "), t.Tell())
			}
		})
	},
})

// missing tells whether named lacks one of all.
func missing(all, named []string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return !slices.Contains(named, s) })
}

var _ = suites.Register(suites.Check{
	ID:       "rs-challenge-consistent",
	Title:    "The same request is challenged for the same scopes every time",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    scopeSelection[:1],
	Since:    suites.V20251125,
	Covers:   []string{"rs-challenge-scope-consistent"},
	Remedy:   "Derive the scopes of a challenge from the operation alone, in one place.",
	Faults:   []fault.Fault{fault.ChallengeScopeVaries},
	Specs: func(d *probes.Deployment) {
		challenged := probes.Start(d, func(ctx context.Context) ([]string, error) { return d.ChallengeOften(ctx, 4) })

		It("in whatever order", func(ctx SpecContext) {
			seen, err := challenged.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, scopes := range seen[1:] {
				Expect(scopes).To(Equal(seen[0]), "the same request without a token was challenged for different scopes")
			}
		})
	},
})

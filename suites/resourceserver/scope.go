package resourceserver

import (
	"context"
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

// tried awaits what trying operations with few scopes showed.
func tried(ctx SpecContext, scoping *probes.Future[*probes.Scoping]) *probes.Scoping {
	s, err := scoping.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	return s
}

// lacking are the trials that were refused for a scope. Which operations need one
// is known from the configuration, or from tools that say they only read; without
// any there is nothing to judge.
func lacking(ctx SpecContext, scoping *probes.Future[*probes.Scoping]) []*probes.LimitedCall {
	refused := tried(ctx, scoping).Lacking()
	if len(refused) == 0 {
		suites.NotApplicable("no operation is known that a token with fewer scopes is refused (operations in the configuration)")
	}
	return refused
}

// forbidden are the trials that were answered 403.
func forbidden(ctx SpecContext, scoping *probes.Future[*probes.Scoping]) []*probes.LimitedCall {
	refused := slices.DeleteFunc(lacking(ctx, scoping), func(t *probes.LimitedCall) bool { return t.Answer.Status != http.StatusForbidden })
	if len(refused) == 0 {
		suites.NotApplicable("a token without the scope is not answered 403")
	}
	return refused
}

var _ = suites.Register(suites.Check{
	ID:       "rs-scope-enforced",
	Title:    "An operation is refused when the token's scopes do not cover it",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Token Handling"}, {Doc: "OAuth 2.1", Section: "5.2"}, {Doc: "RFC 6750", Section: "3.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-scope-enforced-per-operation", "scope-enforced-per-operation"},
	Remedy:   "Compare the token's scopes with those of the operation on every call, before the tool runs, and refuse what is not covered.",
	Faults:   []fault.Fault{fault.ScopeUnenforced},
	Specs: func(d *probes.Deployment) {
		scoping := probes.Start(d, d.Scoping)

		It("whichever scope is missing", func(ctx SpecContext) {
			known, got := 0, []string(nil)
			for _, t := range tried(ctx, scoping).Trials {
				missing := t.Lacks(t.Small.Held)
				if len(missing) == 0 {
					continue
				}
				known++
				if !t.Full.Served() {
					suites.BlockedBy(d, d.Unserved("", reports.Configuration, t.Name+" with every scope", t.Full))
				}
				if t.Answer.Served() {
					got = append(got, fmt.Sprintf("%s, which needs %s", t.Tell(), strings.Join(missing, " ")))
				}
			}
			if known == 0 {
				lacking(ctx, scoping) // what was refused shows as much
			}
			Expect(got).To(BeEmpty(), "the call was carried out without the scope it needs")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-scope-exact",
	Title:    "Scopes are compared whole and with regard to case",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "1.4.1"}, {Doc: "RFC 9068", Section: "2.2.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"scope-matching-exact"},
	Remedy:   "Split the scope claim at spaces and look for the needed value among the parts, byte for byte; never search within the string.",
	Needs:    []suites.Need{labTokens},
	Faults:   []fault.Fault{fault.ScopeSubstring, fault.ScopeCaseFolded},
	Specs: func(d *probes.Deployment) {
		lookalikes := probes.Start(d, d.ScopeLookalikes)
		judge := func(ctx SpecContext, folded bool) {
			all, err := lookalikes.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(all) == 0 {
				suites.NotApplicable("no operation is known that needs one scope alone")
			}
			var got []string
			for _, l := range all {
				if l.Folded == folded && l.Answer.Served() {
					got = append(got, fmt.Sprintf("%q where %q is needed", l.Scope, l.Needed))
				}
			}
			Expect(got).To(BeEmpty(), "a scope that only resembles the needed one opened the operation")
		}

		It("even if the needed name stands within another", func(ctx SpecContext) { judge(ctx, false) })
		It("even if it differs in case only", func(ctx SpecContext) { judge(ctx, true) })
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-scope-downscoped-accepted",
	Title:    "A token with the challenged scopes opens what needs no more",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "MCP Security Best Practices", Section: "Scope Minimization"}, {Doc: "MCP 2026-07-28", Section: "Authorization, Scope Selection Strategy"}},
	Since:    suites.V20251125,
	Covers:   []string{"rs-downscoped-token-accepted"},
	Remedy:   "Ask of each operation the scopes that it needs, not all that exist, and let lists and the handshake pass with any token for this server.",
	Faults:   []fault.Fault{fault.ScopeEverything},
	Specs: func(d *probes.Deployment) {
		answer := probes.Start(d, func(ctx context.Context) (*probes.Answer, error) { return d.CallBaseline(ctx) })

		It("such as the list of tools", func(ctx SpecContext) {
			a, err := answer.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !a.Served() && a.InsufficientScope() == nil {
				suites.LeaveTo(d, "rs-accepts-bearer-header", reports.ResourceServer, "the call was refused, but not for its scopes: %s", a.Said())
			}
			Expect(a).To(suites.BeAccepted(), "the token has what the first challenge asked for")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-scope-client-info-not-trusted",
	Title:    "What a client calls itself gives it no rights",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Base Protocol, _meta"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-client-info-not-trusted"},
	Remedy:   "Decide by the verified token alone. clientInfo is for logs: anybody can write anything into it.",
	Faults:   []fault.Fault{fault.IdentityFromClientInfo},
	Specs: func(d *probes.Deployment) {
		names := []string{"admin", "root", "system", "internal", "inspector"}
		disguised := probes.Start(d, func(ctx context.Context) (map[string]*probes.Answer, error) { return d.CallDisguised(ctx, names) })

		It("whatever name it chooses", func(ctx SpecContext) {
			answers, err := disguised.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if answers == nil {
				suites.NotApplicable("no operation is known that a token with fewer scopes is refused (operations in the configuration)")
			}
			var got []string
			for _, name := range names {
				if answers[name].Served() {
					got = append(got, name)
				}
			}
			Expect(got).To(BeEmpty(), "an operation that the token does not cover was carried out for a client that calls itself so")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-scope-list-stable",
	Title:    "The list of tools does not depend on the connection",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Tools, Capabilities"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-list-not-per-connection"},
	Remedy:   "Make the list from the request and its token alone; what was asked before on the connection must not matter.",
	Faults:   []fault.Fault{fault.ListByConnection},
	Specs: func(d *probes.Deployment) {
		lists := probes.Start(d, func(ctx context.Context) ([][]string, error) { return d.ListOften(ctx, 4) })

		It("for one and the same token", func(ctx SpecContext) {
			seen, err := lists.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, names := range seen[1:] {
				Expect(names).To(Equal(seen[0]), "the same token was shown different tools on different connections")
			}
		})
	},
})

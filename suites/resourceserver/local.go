package resourceserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "rs-bind-localhost",
	Title:    "A server that runs locally listens on loopback only",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{streamableHTTP("Security Warning")},
	Since:    suites.V20250326,
	Covers:   []string{"rs-bind-localhost"},
	Remedy:   "Listen on 127.0.0.1 and [::1], not on 0.0.0.0.",
	Needs:    []suites.Need{suites.LocalServer},
	Faults:   []fault.Fault{fault.BindsEverywhere},
	Specs: func(d *probes.Deployment) {
		elsewhere := probes.Start(d, d.Elsewhere)

		It("and on no address that others can reach", func(ctx SpecContext) {
			found, err := elsewhere.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(found).To(BeEmpty(), "the server answers at %v too", found)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-http-conforms",
	Title:    "What the server demands is what this specification describes, not a scheme of its own",
	Role:     suites.RS,
	Area:     suites.Communication,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Protocol Requirements"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-http-conforms"},
	Remedy:   "Challenge with Bearer and publish resource metadata; MCP clients know no other way to a token.",
	Faults:   []fault.Fault{fault.PrivateScheme},
	Specs: func(d *probes.Deployment) {
		found := probes.Start(d, d.Discovery)

		It("by its challenge or its metadata", func(ctx SpecContext) {
			x, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			known := x.PRM != nil || x.AS != nil || len(wire.Bearer(x.Challenges)) > 0
			Expect(known).To(BeTrue(), "a request without credentials is answered %d with WWW-Authenticate %q, and no metadata is published",
				x.Anonymous.Status, x.Anonymous.Header.Values("WWW-Authenticate"))
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-version-header-missing",
	Title:    "Clients of revision 2025-03-26, which send no MCP-Protocol-Version, are served where that revision is spoken",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.May,
	Levels:   map[suites.Revision]suites.Level{suites.V20250618: suites.Should, suites.V20260728: suites.May},
	Severity: suites.Info,
	Cites:    []suites.Cite{streamableHTTP("Protocol Version Header")},
	Since:    suites.V20250618,
	Until:    suites.V20260728, // leaves it to servers that speak older revisions besides
	Covers:   []string{"rs-version-header-missing-legacy"},
	Remedy:   "Take a request without the header for one of 2025-03-26, or do not agree on that revision in initialize.",
	Faults:   []fault.Fault{fault.VersionHeaderDemanded},
	Specs: func(d *probes.Deployment) {
		oldest := probes.Start(d, d.OldestClient)

		It("after the handshake", func(ctx SpecContext) {
			answer, err := oldest.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if answer == nil {
				suites.NotApplicable("the server does not speak revision 2025-03-26")
			}
			Expect(answer).To(suites.BeAccepted())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-scope-hierarchy",
	Title:    "A scope that implies the one needed is enough",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Step-Up Authorization Flow"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-scope-hierarchy"},
	Remedy:   "Expand the token's scopes by those that they imply before they are compared with what an operation needs.",
	Needs:    []suites.Need{suites.ImplyingScopes},
	Faults:   []fault.Fault{fault.ScopeHierarchyIgnored},
	Specs: func(d *probes.Deployment) {
		called := probes.Start(d, func(ctx context.Context) ([]probes.Broad, error) { return d.CallBroadly(ctx) })

		It("where nothing else was granted", func(ctx SpecContext) {
			all, err := called.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(all) == 0 {
				suites.NotApplicable("no operation is known that needs only what such a scope implies (operations in the configuration)")
			}
			for _, b := range all {
				Expect(b.Answer.Served()).To(BeTrue(), "%s needs %s and is refused with %s, which implies it: %s", b.Call.Name, b.Needed, b.Held, b.Answer.Said())
			}
		})
	},
})

package authserver

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-base-url-discovery",
	Title:    "Clients of 2025-03-26 find the authorization server from the MCP server's base URL",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("MCP 2025-03-26, Authorization Base URL", "MCP 2025-03-26, Server Metadata Discovery"),
	Since:    suites.V20250326,
	Until:    suites.V20250618,
	Covers:   []string{"as-0326-base-url-metadata"},
	Remedy:   "Serve the authorization server's metadata at /.well-known/oauth-authorization-server of the MCP server's host as well, or the endpoints at their default paths.",
	Needs:    []suites.Need{suites.OldestRevision},
	Faults:   []fault.Fault{fault.BaseURLSilent},
	Specs: func(d *probes.Deployment) {
		found := probes.Start(d, d.BaseURL)

		It("by its metadata, or by default paths", func(ctx SpecContext) {
			b, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(b.Metadata.Document != nil || len(b.Answers) > 0).To(BeTrue(), "there is neither metadata at %s nor an endpoint at /authorize, /token or /register", b.Metadata.URL)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-default-endpoints",
	Title:    "A server of 2025-03-26 without metadata has all its endpoints at the default paths",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("MCP 2025-03-26, Fallbacks for Servers without Metadata Discovery"),
	Since:    suites.V20250326,
	Until:    suites.V20250618,
	Covers:   []string{"as-0326-default-endpoints"},
	Remedy:   "Answer at /authorize, /token and /register of the base URL, or publish metadata there.",
	Needs:    []suites.Need{suites.OldestRevision},
	Faults:   []fault.Fault{fault.BaseURLIncomplete},
	Specs: func(d *probes.Deployment) {
		found := probes.Start(d, d.BaseURL)

		It("and not only some of them", func(ctx SpecContext) {
			b, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case b.Metadata.Document != nil:
				suites.NotApplicable("there is metadata at the base URL")
			case len(b.Answers) == 0:
				suites.NotApplicable("nothing answers at the base URL; as-base-url-discovery judges that")
			}
			Expect(b.Silent).To(BeEmpty(), "there is no metadata at the base URL, and nothing answers at these default paths")
		})
	},
})

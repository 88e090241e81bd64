package authserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// noDynamicRegistration needs an authorization server where clients do not
// register themselves.
func noDynamicRegistration(ctx context.Context, d *probes.Deployment) (bool, string) {
	metadata, err := d.Metadata(ctx)
	return err != nil || !metadata.Has("registration_endpoint"), "an authorization server without dynamic client registration"
}

var _ = suites.Register(suites.Check{
	ID:       "as-alternative-registration",
	Title:    "Without dynamic registration there is another way to become a client",
	Role:     suites.AS,
	Area:     suites.Preregistration,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    cited("MCP 2026-07-28, Pre-registration", "MCP 2025-06-18, Dynamic Client Registration"),
	Since:    suites.V20250326,
	Covers:   []string{"as-alternative-registration"},
	Remedy:   "Support client ID metadata documents, or say in the metadata (service_documentation) where people get a client id.",
	Needs:    []suites.Need{noDynamicRegistration},
	Faults:   []fault.Fault{fault.DocumentsUnsupported},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, d.Metadata)

		It("that a client can find", func(ctx SpecContext) {
			metadata, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			documents, _ := metadata.Bool("client_id_metadata_document_supported")
			switch {
			case documents:
			case metadata.Has("service_documentation"):
				d.Note("service_documentation is to say how clients are registered")
			case len(d.Target.Clients) > 0:
				d.Note("the configuration names a client, and nothing in the metadata says how others get one")
			default:
				Fail("the metadata names neither a registration endpoint nor client ID metadata documents nor service_documentation")
			}
		})
	},
})

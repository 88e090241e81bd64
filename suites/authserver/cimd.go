package authserver

import (
	"context"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// cimd is the section of the CIMD draft and of MCP's page on registration.
func cimd(section string) []suites.Cite {
	return []suites.Cite{
		{Doc: "OAuth Client ID Metadata Document", Section: section},
		{Doc: "MCP 2026-07-28", Section: "Client ID Metadata Documents"},
	}
}

// announced needs an authorization server that says it reads documents.
func announced(ctx context.Context, d *probes.Deployment) (bool, string) {
	offered, err := d.AnnouncesDocuments(ctx)
	return offered || err != nil, "an authorization server that announces client ID metadata documents"
}

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-supported",
	Title:    "Clients can identify themselves by a metadata document",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    cimd("5"),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-supported"},
	Remedy:   "Support client ID metadata documents and announce client_id_metadata_document_supported: true; a client that has no relationship with the server needs no registration then.",
	Faults:   []fault.Fault{fault.DocumentsUnsupported},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, d.Metadata)

		It("as the server's metadata says", func(ctx SpecContext) {
			metadata, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			offered, ok := metadata.Bool("client_id_metadata_document_supported")
			if !ok && metadata.Has("client_id_metadata_document_supported") {
				return // announced, if badly: that is another check's
			}
			Expect(offered).To(BeTrue(), "the metadata does not say client_id_metadata_document_supported: true")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-advertised",
	Title:    "Support for client ID metadata documents is announced as it should be",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cimd("5"),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-advertised"},
	Remedy:   "Put client_id_metadata_document_supported into the metadata as the JSON value true, as long as document URLs are accepted for client_id, and not otherwise.",
	Faults:   []fault.Fault{fault.DocumentsFlagText, fault.DocumentsUnadvertised},
	Specs: func(d *probes.Deployment) {
		metadata := probes.Start(d, d.Metadata)
		quiet := probes.Start(d, d.UnannouncedDocument)

		It("by a boolean", func(ctx SpecContext) {
			document, err := metadata.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !document.Has("client_id_metadata_document_supported") {
				suites.NotApplicable("the metadata says nothing of client_id_metadata_document_supported")
			}
			_, ok := document.Bool("client_id_metadata_document_supported")
			Expect(ok).To(BeTrue(), "client_id_metadata_document_supported is no boolean")
		})
		It("wherever documents are accepted", func(ctx SpecContext) {
			a, err := quiet.Await(ctx)
			if errors.Is(err, probes.ErrNoDocuments) {
				_ = d.TakeTrouble() // it is judged here
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(a).To(suites.BeRefused(), "documents are accepted, and the metadata does not say so")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-usable",
	Title:    "A client that announces itself by a metadata document gets tokens",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    cimd("5, 6"),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-fetches-document", "cimd-fetched-and-usable", "as-cimd-trust-policy"},
	Remedy:   "Fetch the document at the URL that stands in client_id, and go by it. A list of trusted hosts is legal: then let this run's document host be on it, or nothing can be said about the rest.",
	Needs:    []suites.Need{announced},
	Faults:   []fault.Fault{fault.DocumentsUnread},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, d.DocumentClient)

		It("once its document has been fetched", func(ctx SpecContext) {
			_, err := probe.Await(ctx)
			var refused *probes.DocumentRefused
			switch {
			case errors.As(err, &refused) && refused.Reachable:
				_ = d.TakeTrouble() // it is judged here
				Fail(refused.Why)
			case errors.Is(err, probes.ErrNoDocuments):
				_ = d.TakeTrouble() // it is judged here
				suites.NotApplicable("needs %v", err)
			}
			Expect(err).NotTo(HaveOccurred())
		})
	},
})

package authserver

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-no-redirects",
	Title:    "A document that redirects describes no client",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cimd("5"),
	Since:    suites.V20251125,
	Covers:   []string{"cimd-no-redirects"},
	Remedy:   "Tell the HTTP client to follow no redirect when it fetches a client ID metadata document, and take the 3xx for a failure: a redirect leads to where the URL alone would not have been allowed to.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.FetchRedirects},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, d.Redirections)

		It("nor is what it redirects to fetched", func(ctx SpecContext) {
			hops, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var followed []probes.RedirectedFetch
			for _, hop := range hops {
				if hop.Fetched || hop.Issued {
					followed = append(followed, hop)
				}
			}
			Expect(followed).To(BeEmpty(), "redirects were followed")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-size-limit",
	Title:    "What is read of a document has a limit to its size",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cimd("8.6"),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-size-limit", "cimd-size-and-time-limits"},
	Remedy:   "Stop reading after some kilobytes (the draft recommends 5), whatever Content-Length says: anybody can name a URL.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentUnbounded},
	Specs: func(d *probes.Deployment) {
		huge := probes.Start(d, d.Huge)

		It("far below 32 MB", func(ctx SpecContext) {
			read, err := huge.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(read.Attempt).To(suites.BeRefused(), "a document of 32 MB was taken")
			Expect(read.Bounded()).To(BeTrue(), "%d MB of a document were read", read.Taken>>20)
		})
	},
})

// patient needs leave to wait for as long as a reader may take to give up.
func patient(_ context.Context, d *probes.Deployment) (bool, string) {
	patience := d.Target.Documents.Patience
	return patience <= d.Target.Wait, "to wait for as long as a document may take, which is " + patience.String() + " (--wait)"
}

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-time-limit",
	Title:    "A document that does not end is given up",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cimd("8.7"),
	Since:    suites.V20251125,
	Covers:   []string{"cimd-size-and-time-limits", "as-cimd-size-limit"},
	Remedy:   "Give up after a few seconds, whatever still arrives, and bound how many documents are fetched at once.",
	Needs:    []suites.Need{suites.Documents, patient},
	Faults:   []fault.Fault{fault.DocumentUntimed},
	Specs: func(d *probes.Deployment) {
		slow := probes.Start(d, d.Slow)

		It("within seconds", func(ctx SpecContext) {
			waited, err := slow.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(waited).To(BeNumerically("<", d.Target.Documents.Patience*9/10), "a document that never ends was waited for as long as it lasted")
			d.Note("a document that never ends was given up after %v", waited.Round(100*time.Millisecond))
		})
	},
})

package authserver

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-spellings-apart",
	Title:    "Two spellings of a URL are two clients",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    append(cimd("3, 4"), cited("RFC 3986, 6.2.1")...),
	Since:    suites.V20251125,
	Covers:   []string{"cimd-identifiers-are-strings"},
	Remedy:   "Store and compare a client_id as the string it is; normalise it nowhere. Give registered clients ids that cannot be taken for the URL of a document.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentIDsJoined, fault.RegisterURLIDs},
	Specs: func(d *probes.Deployment) {
		borrowed := probes.Start(d, d.BorrowedCode)
		registered := probes.Start(d, func(ctx context.Context) (string, error) {
			c, err := d.Client(ctx)
			if err != nil || c.Metadata == nil {
				return "", err
			}
			return c.ID, nil
		})

		It("and neither redeems the other's code", func(ctx SpecContext) {
			Expect(borrowed.Await(ctx)).To(suites.BeRefused())
		})
		It("and registered clients are none of them", func(ctx SpecContext) {
			id, err := registered.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if id == "" {
				suites.NotApplicable("the run registered no client")
			}
			Expect(strings.HasPrefix(strings.ToLower(id), "https://")).To(BeFalse(), "a registered client has the id %s, which looks like a document's", id)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-one-snapshot",
	Title:    "A flow goes by one reading of a document",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    append(cimd("8"), cited("RFC 9700, 4.1")...),
	Since:    suites.V20251125,
	Covers:   []string{"cimd-one-snapshot-per-flow"},
	Remedy:   "Read the document when the flow begins and keep what was read with it: what users are shown, what the redirect URI is compared with and what keys count.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentReread},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, d.ChangeWithin)

		It("from the page that asks the user to the answer", func(ctx SpecContext) {
			s, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			a := s.Authorization
			if a.Code == "" {
				d.Note("a document that changed during the flow ended it: %s", a.Ended())
				return
			}
			shown := a.Shown()
			if a.To() == s.ListedLater {
				Expect(shown).NotTo(ContainSubstring(s.First), "the code was sent where the later reading says, and the earlier one was shown")
				return
			}
			Expect(shown).NotTo(ContainSubstring(s.Later), "the code was sent where the earlier reading says, and the later one was shown")
		})
	},
})

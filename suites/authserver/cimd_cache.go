package authserver

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-cache-headers",
	Title:    "Documents are kept for as long as their server says",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    append(cimd("5.2"), cited("RFC 9111, 4.2")...),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-cache-headers"},
	Remedy:   "Cache documents as Cache-Control says, within bounds of your own: not to do so makes every flow wait for another host, and to keep no-store documents for long keeps withdrawn redirect URIs alive.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentUncached, fault.DocumentCachedForever},
	Specs: func(d *probes.Deployment) {
		fetches := func(directive string) *probes.Future[int] {
			return probes.Start(d, func(ctx context.Context) (int, error) {
				_, again, err := d.Refetched(ctx, directive)
				return again, err
			})
		}
		kept, fresh := fetches("max-age=300"), fetches("no-store")

		It("and then not fetched again", func(ctx SpecContext) {
			again, err := kept.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(again).To(BeZero(), "fetches by the second flow, of a document with max-age=300")
		})
		It("but not if it forbids that", func(ctx SpecContext) {
			again, err := fresh.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(again).NotTo(BeZero(), "fetches by the second flow, of a document with no-store; a lower bound of the server's own is legal, and is to be short")
		})
	},
})

// endsSoon judges how long something withdrawn was gone by.
func endsSoon(d *probes.Deployment, kept *probes.Future[probes.StaleDocument], what string) func(SpecContext) {
	return func(ctx SpecContext) {
		k, err := kept.Await(ctx)
		if errors.Is(err, probes.ErrNoKeyClient) {
			_ = d.TakeTrouble() // it is judged here
			suites.NotApplicable("needs %v", err)
		}
		Expect(err).NotTo(HaveOccurred())
		if !k.End {
			Fail("a document with no-store was changed, and " + what + " worked " + k.String() + " after that; a lower bound of the server's own is legal, and is to be short")
		}
		if k.For > time.Second {
			d.Note("%s worked %v after it had been withdrawn", what, k)
		}
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-freshness",
	Title:    "What a document no longer says soon counts no more",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    append(cimd("5.2"), cited("RFC 9111, 4.2")...),
	Since:    suites.V20251125,
	Covers:   []string{"cimd-cache-freshness"},
	Remedy:   "Read a document again when its freshness is over, at the next flow: whoever lost a host name or a key withdraws it there.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentCachedForever},
	Specs: func(d *probes.Deployment) {
		redirect, key := probes.Start(d, d.RedirectWithdrawn), probes.Start(d, d.KeyWithdrawn)

		It("of redirect URIs", endsSoon(d, redirect, "its old redirect URI"))
		It("and of keys", endsSoon(d, key, "its old key"))
	},
})

// backOff is how long a server may refuse to look again at what was no good.
const backOff = time.Minute

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-errors-not-cached",
	Title:    "A document that was no good is read again",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cimd("5.2"),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-no-error-caching", "cimd-bad-results-not-cached"},
	Remedy:   "Keep no error response and no invalid document; to slow down whoever asks again and again, wait some seconds at most.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentErrorsCached},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, d.Recoveries)

		It("once it has been put right", func(ctx SpecContext) {
			all, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(all) == 0 {
				suites.NotApplicable("no document was refused after it had been fetched")
			}
			for _, r := range all {
				switch {
				case r.Works:
				case r.After < backOff:
					suites.Warn("%s: after it was put right the document was still refused for %v, and a server may hold back for some seconds (--wait %v decides)", r.Name, r.After.Round(time.Second), backOff)
				default:
					Fail(r.Name + ": after it was put right the document was refused for a minute")
				}
			}
		})
	},
})

package authserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// movingNames need names whose addresses the run chooses.
func movingNames(ctx context.Context, d *probes.Deployment) (bool, string) {
	return d.MovesNames(ctx), probes.ErrNoNames.Error()
}

var _ = suites.Register(suites.Check{
	ID:       "as-ssrf-dns-rebinding",
	Title:    "The address that was checked is the one that the server connects to",
	Role:     suites.AS,
	Area:     suites.SSRF,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    fetchSafety(),
	Since:    suites.V20251125,
	Covers:   []string{"ssrf-dns-rebinding"},
	Remedy:   "Resolve a name once and connect to the address that you have checked, or check in the hook that sees the address of each connection: a name can lead elsewhere the next time.",
	Needs:    []suites.Need{suites.Documents, movingNames},
	Faults:   []fault.Fault{fault.FetchResolvedTwice},
	Specs: func(d *probes.Deployment) {
		plain := only(d, plainlySpelt)
		moved := probes.Start(d, d.LuredByName)

		It("whatever its name leads to next", around(d, moved, plain, "the server refuses loopback addresses, and is led there by"))
	},
})

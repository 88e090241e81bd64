package suites

import (
	"fmt"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/forms"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
)

// BenchmarkGinkgoPerCheck measures what a check costs that asks nothing: the
// mechanism alone.
func BenchmarkGinkgoPerCheck(b *testing.B) {
	server, err := reference.Start(reference.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // nothing depends on it
	client := wire.NewClient(wire.Limits{}, nil)
	defer client.Close()
	d, err := probes.Open(b.Context(), probes.Reference(server), client, forms.New(client))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := d.Discovery(b.Context()); err != nil { // asked for once, and not here
		b.Fatal(err)
	}
	const number = 1000
	trivial := make([]*Check, number)
	for i := range trivial {
		trivial[i] = &Check{ID: fmt.Sprintf("trivial-%04d", i), Level: Must, Specs: func(*probes.Deployment) {
			ginkgo.It("holds", func(ginkgo.SpecContext) {})
		}}
	}
	var spent time.Duration
	for b.Loop() {
		start := time.Now()
		r := &run{ctx: b.Context(), d: d, report: &reports.Report{}, revision: V20260728, judged: map[string]*judged{}}
		r.judge(trivial)
		spent += time.Since(start)
		if n := r.report.Count(reports.Pass); n != number {
			b.Fatalf("%d of %d passed", n, number)
		}
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(number*b.N), "µs/check")
}

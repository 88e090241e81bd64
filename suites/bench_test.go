package suites_test

import (
	"runtime"
	"testing"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
)

// BenchmarkRun judges the sound reference by every check. A run ought to take
// about as long as its longest chain of dependent requests: wall/chain says how
// far it is from that.
func BenchmarkRun(b *testing.B) {
	b.Run("forms", func(b *testing.B) {
		measure(b, func() *reports.Report { return against(b, reference.Options{}, "") })
	})
	b.Run("auto", func(b *testing.B) {
		measure(b, func() *reports.Report { return sparingly(b, reference.Options{}, "") })
	})
	b.Run("browser", func(b *testing.B) {
		measure(b, func() *reports.Report { return inBrowser(b, reference.Options{}, "") })
	})
}

func measure(b *testing.B, run func() *reports.Report) {
	var wall, chain, requests, flows float64
	runs := 0
	for b.Loop() {
		r := run()
		if r.Stopped != nil || r.Has(reports.Fail) || r.Interrupted {
			b.Fatalf("stopped: %+v, %d failed", r.Stopped, r.Count(reports.Fail))
		}
		wall += r.Took.Seconds()
		chain += r.Chain.Seconds()
		requests += float64(r.Budget.Requests)
		flows += float64(r.Budget.Flows)
		runs++
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	n := float64(runs)
	b.ReportMetric(wall/chain, "wall/chain")
	b.ReportMetric(chain/n, "s-chain/op")
	b.ReportMetric(requests/n, "requests/op")
	b.ReportMetric(flows/n, "flows/op")
	b.ReportMetric(flows/wall, "flows/s")
	b.ReportMetric(float64(memory.Sys)/(1<<20), "MiB") // all that was ever taken from the system, the browser's apart
}

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/suites"
)

// asClient makes this program the bundled client, as one that is started anew for
// each situation.
const asClient = "MCPASSAY_BUNDLED_CLIENT"

func init() {
	if os.Getenv(asClient) == "" {
		return
	}
	o := testclient.Options{URL: os.Args[len(os.Args)-1], Revision: os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION")}
	if said := os.Getenv("MCP_CONFORMANCE_CONTEXT"); said != "" {
		if err := json.Unmarshal([]byte(said), &o.Context); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	if err := testclient.Run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// BenchmarkCoreSituations puts a compiled client into every situation with a single
// fault or oddity, all/slowest says how much longer that takes than the slowest of
// them takes alone.
func BenchmarkCoreSituations(b *testing.B) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	o := Options{
		Client: program{asClient + "=1 exec '" + exe + "'", 30 * time.Second}, Revision: suites.V20260728, Concurrency: DefaultConcurrency,
	}
	core := slices.DeleteFunc(o.needed(Catalogue()), func(s *Situation) bool { return s.Profile != "" || s.Nearby }) // nothing opens what it wants opened
	took := func(in []*Situation) float64 {
		start := time.Now()
		traces, troubles := o.collect(b.Context(), in)
		if len(traces) != len(in) || len(troubles) > 0 {
			b.Fatal(troubles)
		}
		for _, t := range traces {
			if want := t.Situation.described().Expected; t.cell() != want {
				b.Fatalf("%s: %s", t.Situation.ID, t.cell())
			}
		}
		return time.Since(start).Seconds()
	}
	var all, slowest float64
	runs, longest := 0, ""
	for b.Loop() {
		single := 0.0
		for _, s := range core {
			if d := took([]*Situation{s}); d > single {
				single, longest = d, s.ID
			}
		}
		slowest += single
		all += took(core)
		runs++
	}
	b.Log("the slowest is " + longest)
	b.ReportMetric(all/slowest, "all/slowest")
	b.ReportMetric(all/float64(runs), "s-all/op")
	b.ReportMetric(slowest/float64(runs), "s-slowest/op")
	b.ReportMetric(float64(len(core)), "situations")
}

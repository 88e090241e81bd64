package suites_test

import (
	"testing"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/reports"
)

// TestVariants shows that nothing is found wrong with a deployment that does
// things another legal way: nothing fails, nothing is inconclusive.
func TestVariants(t *testing.T) {
	for _, v := range variant.All() {
		t.Run(v.ID, func(t *testing.T) {
			judge := against
			if v == variant.ScriptedRedirect {
				judge = inBrowser // nothing else runs scripts
			}
			report := judge(t, reference.Options{Variants: []variant.Variant{v}}, "", func(target *probes.Target) {
				if v == variant.NoRegistration {
					target.Clients = registeredByHand
				}
			})
			if report.Stopped != nil {
				t.Fatalf("stopped: %+v", report.Stopped)
			}
			for i := range report.Results {
				switch r := &report.Results[i]; r.Outcome {
				case reports.Fail, reports.Inconclusive:
					t.Error(describe(r))
				}
			}
			if judged := report.Count(reports.Pass); judged < len(report.Results)/2 {
				t.Errorf("only %d of %d checks pass: a variant may not switch most of them off", judged, len(report.Results))
			}
		})
	}
}

// registeredByHand are clients of the reference that a configuration would name.
var registeredByHand = []probes.StaticClient{
	{ID: "preregistered-public", RedirectURI: probes.LoopbackRedirect},
}

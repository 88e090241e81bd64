package suites_test

import (
	"flag"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/reports"
)

// onlyInBrowser are the variants that run scripts, and which checks are judged on
// them: a browser is slow, and what it shows is that it finds its way.
var onlyInBrowser = map[variant.Variant]string{
	variant.ScriptedRedirect: "as-code-flow || redirect-uri || issuer-validation",
	variant.ScriptedLogin:    "as-code-flow || pkce || issuer-validation || resource-indicator",
}

// behindEdge are the variants where something before the server answers in its
// place. What was asked then remains undecided, and is nobody's fault.
var behindEdge = map[variant.Variant]bool{variant.Firewall: true, variant.RateLimited: true}

// TestVariants shows that nothing is found wrong with a deployment that does
// things another legal way: nothing fails, nothing is inconclusive but for an
// edge that answers in its place.
func TestVariants(t *testing.T) {
	share, sharded := thisShard(t)
	if all := !strings.Contains(flag.Lookup("test.run").Value.String(), "/"); all && !sharded {
		spread(t, "TestVariants")
		return
	}
	for i, v := range variant.All() {
		if sharded && !share.has(i) {
			continue
		}
		t.Run(v.ID, func(t *testing.T) {
			judge := against
			filter, scripted := onlyInBrowser[v]
			if scripted {
				judge = inBrowser
			}
			report := judge(t, reference.Options{Variants: []variant.Variant{v}}, filter, func(target *probes.Target) {
				if v == variant.NoRegistration {
					target.Clients = registeredByHand
				}
			})
			if report.Stopped != nil {
				t.Fatalf("stopped: %+v", report.Stopped)
			}
			for i := range report.Results {
				r := &report.Results[i]
				excused := behindEdge[v] && r.Owner == reports.Edge
				if r.Outcome == reports.Fail || r.Outcome == reports.Inconclusive && !excused {
					t.Error(describe(r))
				}
			}
			if judged := report.Count(reports.Pass); judged < len(report.Results)/2 && v != variant.RateLimited {
				t.Errorf("only %d of %d checks pass: a variant may not switch most of them off", judged, len(report.Results))
			}
			if v == variant.Firewall && report.Count(reports.Inconclusive) == 0 {
				t.Error("what the firewall answered passes for the server's own refusal")
			}
		})
	}
}

// registeredByHand are clients of the reference that a configuration would name.
var registeredByHand = []probes.StaticClient{
	{ID: "preregistered-public", RedirectURI: probes.LoopbackRedirect},
}

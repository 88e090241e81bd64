package suites_test

import (
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
)

// TestSteadyVerdicts judges the reference three times over: what a check finds
// must not depend on chance.
func TestSteadyVerdicts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three whole runs")
	}
	thrice(t, func() *reports.Report { return against(t, reference.Options{}, "") })
}

// TestSteadyOnReal judges one process of somebody else's three times over: nor may
// it depend on what an earlier run has left there.
func TestSteadyOnReal(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three whole runs")
	}
	which := trial{deployment: deployments.OIDCProvider}
	running := deployments.ForTest(t, which.deployment, deployments.Options{})
	defer running.Close() //nolint:errcheck // ForTest says so
	thrice(t, func() *reports.Report { return which.judge(t, running, "") })
}

// thrice compares three reports, verdict by verdict.
func thrice(t *testing.T, judge func() *reports.Report) {
	t.Helper()
	first := judge()
	if first.Stopped != nil {
		t.Fatalf("stopped: %+v", first.Stopped)
	}
	for range 2 {
		again := judge()
		if len(again.Results) != len(first.Results) {
			t.Errorf("%d results, then %d", len(first.Results), len(again.Results))
		}
		for i := range first.Results {
			r := &first.Results[i]
			other := again.Find(r.ID)
			switch {
			case other == nil:
				t.Errorf("%s is judged only sometimes", r.ID)
			case other.Outcome != r.Outcome || len(other.Facets) != len(r.Facets):
				t.Errorf("first\n%s\nthen\n%s", describe(r), describe(other))
			default:
				for k, facet := range r.Facets {
					if other.Facets[k].Outcome != facet.Outcome {
						t.Errorf("%s, %q: %s, then %s", r.ID, facet.Title, facet.Outcome, other.Facets[k].Outcome)
					}
				}
			}
		}
	}
}

package suites_test

import (
	"testing"

	"github.com/mcpassay/mcpassay/reference"
)

// TestSteadyVerdicts judges the reference three times over: what a check finds
// must not depend on chance.
func TestSteadyVerdicts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three whole runs")
	}
	first := against(t, reference.Options{}, "")
	for range 2 {
		again := against(t, reference.Options{}, "")
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

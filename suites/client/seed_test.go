package client

import (
	"slices"
	"testing"
)

// TestMatrixSeed shows that the matrix tries every quirk, and that equal seeds draw
// equal quirks.
func TestMatrixSeed(t *testing.T) {
	all := func(seed uint64) map[string][]string {
		drawn := map[string][]string{}
		o := Options{Seed: seed}
		for _, s := range Situations() {
			if s.Chance != (o.draw(s) != nil) {
				t.Errorf("%s: %v", s.ID, o.draw(s))
			}
			drawn[s.ID] = idsOf(o.draw(s))
		}
		return drawn
	}
	first, again, other := all(matrixSeed), all(matrixSeed), all(matrixSeed+1)
	tried, differs := []string{}, false
	for id := range first {
		tried = append(tried, first[id]...)
		if !slices.Equal(first[id], again[id]) {
			t.Errorf("%s: %v, then %v", id, first[id], again[id])
		}
		differs = differs || !slices.Equal(first[id], other[id])
	}
	for _, q := range quirks {
		if !slices.Contains(tried, q.id) {
			t.Errorf("the seed of the matrix never draws %s", q.id)
		}
	}
	if !differs {
		t.Error("another seed draws the same")
	}
}

package reports

import (
	"strings"
	"testing"
)

// TestGridGroups shows that deployments of real shapes have a group of their own,
// and that the grid tells how to draw the same quirks again.
func TestGridGroups(t *testing.T) {
	r := clientSample()
	for _, s := range []Situation{
		{ID: "anybody", Title: "is shaped like one", Profile: "open", Expected: CellWorks, Cell: CellRefuses, Declared: "it wants to"},
		{ID: "bad-day", Title: "is shaped like one, on a bad day", Profile: "open", Expected: CellWorks, Cell: CellGivesUp, Quirks: []string{"slow", "twice"}},
	} {
		s.Record(nil)
		if text := s.transcript; strings.Contains(text, "\nquirks    slow, twice\n") != (len(s.Quirks) > 0) || strings.Contains(text, "\ndeclared  it wants to\n") != (s.Declared != "") {
			t.Error(text)
		}
		r.Situations = append(r.Situations, s)
	}
	r.Seed = 4711
	got := grid(t, r, Style{Width: 120})
	single, shapes, found := strings.Cut(got, "\nshape ")
	if !found || strings.Contains(single, "anybody") || strings.Contains(shapes, "iss-wrong") ||
		!strings.Contains(shapes, "(slow, twice)") || !strings.Contains(shapes, "(declared: it wants to)") ||
		!strings.Contains(shapes, "--seed 4711 draws the same") {
		t.Error(got)
	}
	if got := grid(t, clientSample(), Style{}); strings.Contains(got, "seed") || strings.Contains(got, "\nshape ") {
		t.Error(got)
	}
}

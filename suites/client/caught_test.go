package client

import (
	"slices"

	"github.com/mcpassay/mcpassay/reports"
)

// caughtIn are the situations in which a run shows what is wrong with its client:
// by a cell of the grid or by a check that failed. What the sound deployment shows
// as well proves nothing of any other situation.
func caughtIn(report *reports.Report, grid Grid) []string {
	failed := map[string][]string{} // checks by situation
	for i := range report.Results {
		for _, f := range report.Results[i].Facets {
			if f.Outcome == reports.Fail || f.Outcome == reports.Warn {
				failed[f.Situation] = append(failed[f.Situation], report.Results[i].ID)
			}
		}
	}
	bad := func(c Cell) bool { return c == CellProceeds || c == CellGivesUp }
	var caught []string
	for id, cell := range grid {
		shownBySound := func(check string) bool { return id != Sound.ID && slices.Contains(failed[Sound.ID], check) }
		own := slices.DeleteFunc(slices.Clone(failed[id]), shownBySound)
		if len(own) > 0 || bad(cell) && (id == Sound.ID || !bad(grid[Sound.ID])) {
			caught = append(caught, id)
		}
	}
	return caught
}

// neverCaught are the situations of a revision that are not among those caught.
func neverCaught(o Options, caught map[string]bool) []string {
	var idle []string
	for _, s := range o.needed(Catalogue()) {
		if !caught[s.ID] {
			idle = append(idle, s.ID)
		}
	}
	return idle
}

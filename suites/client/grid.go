package client

import (
	"maps"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// A Cell is how far a client got in a situation.
type Cell = reports.Cell

// The cells of the grid.
const (
	CellWorks      = reports.CellWorks
	CellRefuses    = reports.CellRefuses
	CellProceeds   = reports.CellProceeds
	CellGivesUp    = reports.CellGivesUp
	CellNotReached = reports.CellNotReached
)

// settings are the situations that the client was put in, for the report.
func settings(traces map[string]*Trace) []reports.Situation {
	var all []reports.Situation
	for _, id := range slices.Sorted(maps.Keys(traces)) {
		t := traces[id]
		s := t.Situation.described()
		s.Quirks = t.Quirks
		s.Cell, s.Took, s.Ended = t.cell(), t.Exit.Took, strings.TrimLeft(t.ended(), ":, ")
		s.Record(t.evidence())
		all = append(all, s)
	}
	return all
}

// described is what a report says of the situation, whoever is put in it.
func (s *Situation) described() reports.Situation {
	expected := CellWorks
	if s.Ends == Refuses {
		expected = CellRefuses
	}
	return reports.Situation{ID: s.ID, Title: s.Doc, Profile: s.Profile, Expected: expected, Scenario: s.contract()}
}

// Scenarios is the whole set of checks and situations that this version judges in
// a revision.
func Scenarios(r suites.Revision) reports.ScenarioSet {
	whole := &reports.Report{Revision: string(r)}
	for _, c := range Catalogue() {
		whole.Results = append(whole.Results, reports.Result{ID: c.ID, Title: c.Title, Level: string(c.Level)})
	}
	o := Options{Revision: r}
	for _, s := range o.needed(Catalogue()) {
		whole.Situations = append(whole.Situations, s.described())
	}
	return whole.Scenarios()
}

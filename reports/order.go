package reports

import (
	"cmp"
	"slices"
)

// inOrder returns the results by role, area and id: the order of every file, so
// that two runs can be compared line by line.
func inOrder(results []Result) []*Result {
	sorted := make([]*Result, len(results))
	for i := range results {
		sorted[i] = &results[i]
	}
	slices.SortStableFunc(sorted, func(a, b *Result) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Area, b.Area), cmp.Compare(a.ID, b.ID))
	})
	return sorted
}

// severities from worst to mildest.
var severities = []string{"critical", "high", "medium", "low", "info"}

// byWeight returns the results with the outcome, the worst first.
func byWeight(results []*Result, o Outcome) []*Result {
	var found []*Result
	for _, r := range results {
		if r.Outcome == o {
			found = append(found, r)
		}
	}
	rank := func(r *Result) int {
		if i := slices.Index(severities, r.Severity); i >= 0 {
			return i
		}
		return len(severities)
	}
	slices.SortStableFunc(found, func(a, b *Result) int { return cmp.Compare(rank(a), rank(b)) })
	return found
}

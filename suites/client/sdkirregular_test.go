package client

import (
	"slices"

	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// sdkShapes are the situations of real shapes that the Go SDK's client stops in.
var sdkShapes = []string{"open-dcr", "open-dcr-bad-day", "phantom-token-pointer-in-description"}

// sdkIrregular are those that it stops in although it works with the shape, by wire.
var sdkIrregular = map[suites.Revision][]string{
	suites.V20251125: {"phantom-token-unbalanced-quote"},
	suites.V20260728: {"agent-identity-bad-day", "static-cimd-bad-day", "phantom-token-unbalanced-quote"},
}

// sdkPin is what is expected of a check in a revision.
func sdkPin(id string, r suites.Revision) (pin, bool) {
	if id == "client-copes-with-irregularities" {
		return pin{
			reports.Warn, sdkIrregular[r],
			"a challenge with a quotation mark too many ends it; after a 500 for metadata it goes on with initialize, which the newest wire does not have",
		}, true
	}
	p, pinned := sdkPins[id]
	p.in = slices.DeleteFunc(slices.Clone(p.in), func(in string) bool { return !FindSituation(in).binds(r) })
	return p, pinned
}

// sdkStops tells whether the grid says so.
func sdkStops(id string, r suites.Revision) bool {
	return slices.Contains(sdkShapes, id) || slices.Contains(sdkIrregular[r], id)
}

package client

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// matrixSeed draws every quirk in some situation.
const matrixSeed = 30

func judge(t *testing.T, r suites.Revision, defects ...testclient.Defect) (*reports.Report, Grid) {
	t.Helper()
	report, grid, err := examine(t.Context(), r, nil, defects...)
	if err != nil {
		t.Fatal(err)
	}
	return report, grid
}

// examine judges the bundled client by the checks with these ids; none: by all.
func examine(ctx context.Context, r suites.Revision, only []string, defects ...testclient.Defect) (*reports.Report, Grid, error) {
	host, err := publisher()
	if err != nil {
		return nil, nil, err
	}
	return Run(ctx, Options{
		Client: bundled(defects), Name: "bundled", Revision: r, Only: only, Seed: matrixSeed, Concurrency: 4, Hosted: true,
		Redirects: []string{"http://127.0.0.1/callback", host.origin + "/page"}, Documents: host.lab,
	})
}

func describe(r *reports.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", r.ID, r.Outcome, r.Message)
	for _, f := range r.Facets {
		fmt.Fprintf(&b, "\n\t%s: %s: %s", f.Outcome, f.Title, f.Message)
	}
	return b.String()
}

// TestSoundClient shows that a client without a defect passes every check in every
// situation, in each revision.
func TestSoundClient(t *testing.T) {
	for _, revision := range []suites.Revision{suites.V20250326, suites.V20251125, suites.V20260728} {
		report, grid := judge(t, revision)
		for i := range report.Results {
			if r := &report.Results[i]; r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable {
				t.Errorf("%s: %s", revision, describe(r))
			}
		}
		all := &Options{Revision: revision}
		for _, s := range all.needed(Catalogue()) {
			want := map[Ending]Cell{Works: CellWorks, Refuses: CellRefuses}[s.Ends]
			if grid[s.ID] != want {
				t.Errorf("%s: before a deployment that %s: %q, want %q", revision, s.Doc, grid[s.ID], want)
			}
		}
	}
}

// TestDefects shows that every check notices each defect that it claims, that no
// other fails unless the defect's declaration names it, and that there is no
// situation that shows nothing of any defect. MCPASSAY_DEFECT keeps to the defects
// whose id contains a word.
func TestDefects(t *testing.T) {
	m := matrix{claims: map[testclient.Defect][]string{}, caught: map[string]bool{}}
	for _, c := range Catalogue() {
		for _, d := range c.Defects {
			m.claims[d] = append(m.claims[d], c.ID)
		}
	}
	var all sync.WaitGroup
	turns := make(chan struct{}, 2*runtime.NumCPU()) // clients mostly wait
	for _, d := range testclient.All() {
		if !strings.Contains(d.ID, os.Getenv("MCPASSAY_DEFECT")) {
			continue
		}
		if len(m.claims[d]) == 0 {
			t.Errorf("no check claims to catch a client that %s", d.Doc)
		}
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			m.try(t, d)
		})
	}
	all.Wait()
	if os.Getenv("MCPASSAY_DEFECT") != "" {
		return
	}
	for _, id := range neverCaught(Options{Revision: suites.V20260728}, m.caught) {
		t.Errorf("no defect shows in the situation %s", id)
	}
	t.Logf("%d checks, %d situations, %d defects: %d kills", len(Catalogue()), len(Situations()), len(testclient.All()), m.kills)
}

// A matrix is what the checks say of each defect.
type matrix struct {
	claims map[testclient.Defect][]string // ids of checks

	mu     sync.Mutex
	kills  int
	caught map[string]bool // situations that show some defect
}

// try judges a client with one defect.
func (m *matrix) try(t *testing.T, d testclient.Defect) {
	report, grid, err := examine(t.Context(), suites.V20260728, around(d, m.claims[d]), d)
	if err != nil {
		t.Errorf("a client that %s: %v", d.Doc, err)
		return
	}
	kills := 0
	for i := range report.Results {
		r := &report.Results[i]
		for _, f := range r.Facets {
			if f.Outcome == reports.Fail && grid[f.Situation] == CellRefuses {
				t.Errorf("%s fails on a client that %s, of which the grid says that it refuses correctly", r.ID, d.Doc)
			}
		}
		claimed := slices.Contains(m.claims[d], r.ID)
		if c := Find(r.ID); c.Until != "" && claimed {
			older, _, err := examine(t.Context(), c.Until, []string{c.ID}, d)
			if err != nil {
				t.Errorf("a client that %s: %v", d.Doc, err)
				continue
			}
			r = older.Find(r.ID)
		}
		if claimed && noticed(r, d) {
			kills++
		}
		if wrong := unexpected(r, d, claimed); wrong != "" {
			t.Errorf("%s a client that %s\n%s", wrong, d.Doc, describe(r))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kills += kills
	for _, id := range caughtIn(report, grid) {
		m.caught[id] = true
	}
}

// around are the ids of the checks that a defect is tried on: all if the whole
// matrix is wanted (make mutants), else those that are to fail on it and all of
// their areas, where false findings are most to be feared.
func around(d testclient.Defect, claimed []string) []string {
	if d == testclient.DoesNothing || os.Getenv("MCPASSAY_MATRIX") == "all" || os.Getenv("MCPASSAY_DEFECT") != "" {
		return nil
	}
	areas := map[suites.Area]bool{}
	for _, id := range slices.Concat(claimed, d.AlsoFails()) {
		areas[Find(id).Area] = true
	}
	var ids []string
	for _, c := range Catalogue() {
		if areas[c.Area] {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// noticed tells whether a result shows that something is wrong.
func noticed(r *reports.Result, d testclient.Defect) bool {
	return r.Outcome == reports.Fail || r.Outcome == reports.Warn || d == testclient.DoesNothing && r.Outcome == reports.Inconclusive
}

// unexpected is what a check wrongly does with a defect; empty: nothing.
func unexpected(r *reports.Result, d testclient.Defect, claimed bool) string {
	switch bad := noticed(r, d); {
	case bad && claimed:
		return ""
	case claimed:
		return "does not notice"
	case bad && d != testclient.DoesNothing && !slices.Contains(d.AlsoFails(), r.ID):
		return "fails, though the defect does not name it, on"
	case d == testclient.DoesNothing && r.Outcome == reports.Pass:
		return "passes"
	}
	return ""
}

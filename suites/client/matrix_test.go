package client

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// matrixSeed draws every quirk in some situation.
const matrixSeed = 30

func judge(t *testing.T, r suites.Revision, defects ...testclient.Defect) (*reports.Report, Grid) {
	t.Helper()
	host, err := publisher()
	if err != nil {
		t.Fatal(err)
	}
	report, grid, err := Run(t.Context(), Options{
		Client: bundled(defects), Name: "bundled", Revision: r, Seed: matrixSeed, Concurrency: 4, Hosted: true,
		Redirects: []string{"http://127.0.0.1/callback", host.origin + "/page"}, Documents: host.lab,
	})
	if err != nil {
		t.Fatal(err)
	}
	return report, grid
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
	claims := map[testclient.Defect][]string{}
	for _, c := range Catalogue() {
		for _, d := range c.Defects {
			claims[d] = append(claims[d], c.ID)
		}
	}
	kills, caught := 0, map[string]bool{}
	for _, d := range testclient.All() {
		if !strings.Contains(d.ID, os.Getenv("MCPASSAY_DEFECT")) {
			continue
		}
		claimed := claims[d]
		if len(claimed) == 0 {
			t.Errorf("no check claims to catch a client that %s", d.Doc)
		}
		report, grid := judge(t, suites.V20260728, d)
		for _, id := range caughtIn(report, grid) {
			caught[id] = true
		}
		for i := range report.Results {
			r := &report.Results[i]
			for _, f := range r.Facets {
				if f.Outcome == reports.Fail && grid[f.Situation] == CellRefuses {
					t.Errorf("%s fails on a client that %s, of which the grid says that it refuses correctly", r.ID, d.Doc)
				}
			}
			if c := Find(r.ID); c.Until != "" && slices.Contains(claimed, r.ID) {
				older, _ := judge(t, c.Until, d)
				r = older.Find(r.ID)
			}
			bad := r.Outcome == reports.Fail || r.Outcome == reports.Warn ||
				d == testclient.DoesNothing && r.Outcome == reports.Inconclusive
			expected := slices.Contains(claimed, r.ID)
			switch {
			case bad && expected:
				kills++
			case expected:
				t.Errorf("does not notice a client that %s\n%s", d.Doc, describe(r))
			case bad && d != testclient.DoesNothing && !slices.Contains(d.AlsoFails(), r.ID):
				t.Errorf("fails on a client that %s, which does not name it\n%s", d.Doc, describe(r))
			case d == testclient.DoesNothing && r.Outcome == reports.Pass:
				t.Errorf("passes a client that does nothing\n%s", describe(r))
			}
		}
	}
	if os.Getenv("MCPASSAY_DEFECT") != "" {
		return
	}
	for _, id := range neverCaught(Options{Revision: suites.V20260728}, caught) {
		t.Errorf("no defect shows in the situation %s", id)
	}
	t.Logf("%d checks, %d situations, %d defects: %d kills", len(Catalogue()), len(Situations()), len(testclient.All()), kills)
}

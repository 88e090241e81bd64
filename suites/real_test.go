package suites_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/probes/forms"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// A pin is a verdict other than pass on a deployment that nobody here wrote, and
// why it is true: somebody looked at the deployment by hand.
type pin struct {
	Outcome reports.Outcome
	Why     string
}

// A trial is how one of those deployments is judged, and what came of it when a
// person looked.
type trial struct {
	deployment deployments.Deployment
	browser    bool // its pages are gone through in a browser first; else as plain forms alone
	slow       bool // not judged under -short

	// shards are labels of checks that are judged in a run of their own, against
	// a process of their own: some deployments limit how much may be asked of a
	// process. Each takes what those before it have left, and one more takes the
	// rest.
	shards [][]string

	other string // another resource that the authorization server serves, if the deployment has none

	pins map[string]pin // by check
	left []string       // kinds of what a run cannot remove
}

// filters are the label filters of the shards.
func (which *trial) filters() []string {
	var filters, taken []string
	for _, labels := range which.shards {
		filter := "(" + strings.Join(labels, " || ") + ")"
		filters = append(filters, strings.Join(append([]string{filter}, taken...), " && "))
		taken = append(taken, "!"+filter)
	}
	return append(filters, strings.Join(taken, " && "))
}

// onReal starts a deployment, and judges it by the checks that filter selects.
func onReal(t *testing.T, which trial, filter string) *reports.Report {
	t.Helper()
	running := deployments.ForTest(t, which.deployment, deployments.Options{})
	defer running.Close() //nolint:errcheck // ForTest says so
	return which.judge(t, running, filter)
}

// judge judges the deployment while it runs.
func (which *trial) judge(t *testing.T, running *deployments.Running, filter string) *reports.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	client := wire.NewClient(wire.Limits{Patience: time.Second}, nil)
	defer client.Close()
	agent, name := probes.UserAgent(forms.New(client)), "forms"
	if which.browser {
		b, err := browser.Launch(ctx, browser.Options{})
		switch {
		case err == nil:
			defer b.Close() //nolint:errcheck // nothing depends on it
			agent, name = probes.Sparing(agent, b), "auto"
		case os.Getenv("MCPASSAY_REQUIRE_BROWSER") != "":
			t.Fatal(err)
		default:
			t.Logf("goes through plain forms: %v", err)
		}
	}
	other := running.OtherEndpoint
	if other == "" {
		other = which.other
	}
	var origins []string
	if running.Upstream != "" {
		origins = []string{running.Upstream}
	}
	d, err := probes.Open(ctx, probes.Target{
		Origins: origins,
		URL:     running.Endpoint, OtherResource: other, Disturb: true, Wait: 2 * time.Second,
		Users:            []probes.User{{Name: running.User.Name, Password: running.User.Password}},
		MaxRegistrations: 200, VisitTimeout: 2 * time.Minute, // the machine may be busy
	}, client, agent)
	if err != nil {
		t.Fatal(err)
	}
	report, err := suites.Run(ctx, d, suites.Options{Filter: filter, Agent: name})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// keep writes the report where the tester wants to read it.
func keep(t *testing.T, report *reports.Report, name string) {
	t.Helper()
	dir := os.Getenv("MCPASSAY_REPORTS")
	if dir == "" {
		return
	}
	dir = filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := reports.WriteFolder(dir, report, false); err != nil {
		t.Error(err)
	}
}

// TestRealDeployments judges deployments that nobody here wrote. Every verdict
// other than pass and not applicable is pinned with the reason why it is true;
// whatever is not pinned, or is pinned and not found, is an error of a check or
// news about the deployment.
func TestRealDeployments(t *testing.T) {
	for _, which := range trials {
		t.Run(which.deployment.Name, func(t *testing.T) {
			if which.slow && testing.Short() {
				t.Skip("takes long")
			}
			verdicts := map[string]reports.Result{}
			left := map[string]bool{}
			for i, filter := range which.filters() {
				report := onReal(t, which, filter)
				keep(t, report, filepath.Join(which.deployment.Name, strconv.Itoa(i)))
				if report.Stopped != nil {
					t.Fatalf("stopped: %+v", report.Stopped)
				}
				for _, r := range report.Results {
					if _, twice := verdicts[r.ID]; twice {
						t.Errorf("%s is in two shards", r.ID)
					}
					verdicts[r.ID] = r
				}
				for _, r := range report.Residue {
					left[r.Kind] = true
				}
				t.Logf("%d results in %v, chain %v, %+v, left %+v",
					len(report.Results), report.Took, report.Chain, report.Budget, report.Residue)
			}
			compare(t, which, verdicts)
			if kinds := slices.Sorted(maps.Keys(left)); !slices.Equal(kinds, which.left) {
				t.Errorf("left behind: %v, want %v", kinds, which.left)
			}
		})
	}
}

// compare holds the verdicts against the pins.
func compare(t *testing.T, which trial, verdicts map[string]reports.Result) {
	t.Helper()
	for _, c := range suites.Catalogue() {
		r, judged := verdicts[c.ID]
		if !judged {
			t.Errorf("no shard selects %s", c.ID)
			continue
		}
		pinned, known := which.pins[c.ID]
		sound := r.Outcome == reports.Pass || r.Outcome == reports.NotApplicable
		switch {
		case !known && !sound:
			t.Errorf("not pinned: %s", describe(&r))
		case known && pinned.Outcome != r.Outcome:
			t.Errorf("pinned as %s, since %s\n%s", pinned.Outcome, pinned.Why, describe(&r))
		}
	}
	for id := range which.pins {
		if suites.Find(id) == nil {
			t.Errorf("a pin is for %s, which is no check", id)
		}
	}
}

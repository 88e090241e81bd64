package suites_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// onReal judges a deployment that nobody here wrote, through a browser.
func onReal(t *testing.T, which deployments.Deployment) *reports.Report {
	t.Helper()
	running := deployments.ForTest(t, which, deployments.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	b, err := browser.Launch(ctx, browser.Options{})
	if err != nil {
		if os.Getenv("MCPASSAY_REQUIRE_BROWSER") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	defer b.Close() //nolint:errcheck // nothing depends on it
	client := wire.NewClient(wire.Limits{Patience: time.Second}, nil)
	defer client.Close()
	d, err := probes.Open(ctx, probes.Target{
		URL: running.Endpoint, OtherResource: running.OtherEndpoint, Disturb: true, Wait: 2 * time.Second,
		Users: []probes.User{{Name: running.User.Name, Password: running.User.Password}}, MaxRegistrations: 200,
	}, client, b)
	if err != nil {
		t.Fatal(err)
	}
	report, err := suites.Run(ctx, d, suites.Options{Agent: "browser"})
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("MCPASSAY_REPORTS"); dir != "" {
		if err := reports.WriteFolder(filepath.Join(dir, which.Name), report, false); err != nil {
			t.Error(err)
		}
	}
	return report
}

func TestRealDeployments(t *testing.T) {
	for _, which := range deployments.All() {
		t.Run(which.Name, func(t *testing.T) {
			report := onReal(t, which)
			if report.Stopped != nil {
				t.Fatalf("stopped: %+v", report.Stopped)
			}
			for i := range report.Results {
				if r := &report.Results[i]; r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable {
					t.Log(describe(r))
				}
			}
			t.Logf("%d results, %v, chain %v, %+v, residue %+v", len(report.Results), report.Took, report.Chain, report.Budget, report.Residue)
		})
	}
}

package client

import (
	"context"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// TestOldestClient shows that nobody is blamed for knowing no resource metadata
// under the revision that has none.
func TestOldestClient(t *testing.T) {
	client := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
		if err := testclient.Run(ctx, testclient.Options{URL: o.URL, Revision: string(o.Revision), Context: o.Context, BaseURL: true}); err != nil {
			return &launch.Exit{Code: 1, Output: err.Error()}, nil //nolint:nilerr // it is how the client ended
		}
		return &launch.Exit{}, nil
	})
	report, grid, err := Run(t.Context(), Options{Client: client, Revision: suites.V20250326, Concurrency: 4})
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Results {
		if r := &report.Results[i]; r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable {
			t.Error(describe(r))
		}
	}
	for id, cell := range grid {
		if cell != CellWorks && cell != CellRefuses {
			t.Errorf("%s: %s", id, cell)
		}
	}
}

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
	report, grid, err := Run(t.Context(), Options{Client: client, Revision: suites.V20250326, Concurrency: 4, Only: []string{
		"client-0326-base-url-discovery", "client-0326-version-header-on-discovery", "client-asm-issuer-validated", "client-authz-code-flow",
		"client-pkce-refuses-unadvertised", "client-pkce-s256", "client-redirect-uri-https-or-localhost", "client-redirect-uri-registered",
		"client-state-verified", "client-token-endpoint-auth", "client-token-every-request", "client-token-opaque",
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Results {
		if r := &report.Results[i]; r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable {
			t.Error(describe(r))
		}
	}
	for _, in := range []*Situation{Sound, baseDocument, baseDefaults, opaque, tokenDies} {
		if cell := grid[in.ID]; cell != CellWorks {
			t.Errorf("%s: %s", in.ID, cell)
		}
	}
}

package client

import (
	"context"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// TestNoFalseGreens shows that a client that does nothing passes nothing, however
// it ends.
func TestNoFalseGreens(t *testing.T) {
	for name, client := range map[string]program{
		"ends well":               {"true", 10 * time.Second},
		"ends badly":              {"sh -c 'exit 3'", 10 * time.Second},
		"is ended by a signal":    {"sh -c 'kill -SEGV $$'", 10 * time.Second},
		"hangs":                   {"sh -c 'exec sleep 60'", 50 * time.Millisecond},
		"leaves a child running":  {"sh -c 'sleep 60 & true'", 10 * time.Second},
		"reads its input":         {"sh -c 'cat'", 50 * time.Millisecond},
		"does not exist":          {"/nonexistent/client", 10 * time.Second},
		"talks to something else": {"sh -c 'echo 14 passed'", 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			report, grid, err := Run(t.Context(), Options{Client: client, Concurrency: 4})
			if err != nil {
				t.Fatal(err)
			}
			for i := range report.Results {
				r := &report.Results[i]
				if r.Outcome != reports.Inconclusive && (r.Outcome != reports.NotApplicable || Find(r.ID).situations(suites.V20260728) != nil) {
					t.Error(describe(r))
				}
			}
			for id, cell := range grid {
				if cell != CellNotReached {
					t.Errorf("%s: %s", id, cell)
				}
			}
			if code := report.Exit(false); code != reports.ExitUndecided {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// TestEndingCounts shows that a client that did everything and then ends badly has
// not passed.
func TestEndingCounts(t *testing.T) {
	for name, exit := range map[string]launch.Exit{
		"exit code": {Code: 3}, "signal": {Code: -1, Signal: "segmentation fault"}, "hangs": {Code: -1, TimedOut: true},
	} {
		t.Run(name, func(t *testing.T) {
			client := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
				if _, err := bundled(nil).Connect(ctx, o); err != nil {
					return nil, err
				}
				return &exit, nil
			})
			report, _, err := Run(t.Context(), Options{Client: client, Only: []string{"client-gets-through"}})
			if err != nil {
				t.Fatal(err)
			}
			if r := report.Find("client-gets-through"); r.Outcome != reports.Fail || report.Exit(false) == reports.ExitPassed {
				t.Error(describe(r))
			}
		})
	}
}

type connector func(context.Context, Offer) (*launch.Exit, error)

func (c connector) Connect(ctx context.Context, o Offer) (*launch.Exit, error) { return c(ctx, o) }

// TestInsecureClient shows that defects do not hide one another.
func TestInsecureClient(t *testing.T) {
	report, _ := judge(t, suites.V20260728,
		testclient.NoState, testclient.VerifierReused, testclient.IssUnchecked, testclient.ScopeAll, testclient.TokenInQuery,
		testclient.NoResourceAtToken, testclient.CodeTwice, testclient.NoApplicationType)
	for _, id := range []string{
		"client-state-fresh", "client-pkce-verifier-fresh", "client-rejects-iss-mismatch", "client-scope-from-challenge",
		"client-token-not-in-query", "client-resource-in-token-request", "client-redeems-code-once", "client-dcr-application-type",
	} {
		if r := report.Find(id); r.Outcome != reports.Fail && r.Outcome != reports.Warn {
			t.Error(describe(r))
		}
	}
	if report.Exit(false) != reports.ExitFailed {
		t.Errorf("exit code %d", report.Exit(false))
	}
}

// TestInventedToken shows that a token is not taken for what it looks like.
func TestInventedToken(t *testing.T) {
	report, grid := judge(t, suites.V20260728, testclient.TokenInvented)
	if r := report.Find("client-only-tokens-given"); r.Outcome != reports.Fail {
		t.Error(describe(r))
	}
	for id, cell := range grid {
		if cell == CellWorks {
			t.Errorf("%s: %s", id, cell)
		}
	}
}

// TestOwnDocument shows that clients need not have the URL that test fixtures have
// built in, even where theirs cannot be read.
func TestOwnDocument(t *testing.T) {
	client := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
		if err := testclient.Run(ctx, testclient.Options{
			URL: o.URL, Revision: string(o.Revision), Context: o.Context, Document: "https://127.0.0.1:9/client.json",
		}); err != nil {
			return &launch.Exit{Code: 1, Output: err.Error()}, nil //nolint:nilerr // it is how the client ended
		}
		return &launch.Exit{}, nil
	})
	only := []string{"client-gets-through", "client-cimd-supported", "client-cimd-url-rules", "client-obtains-client-id"}
	report, grid, err := Run(t.Context(), Options{Client: client, Only: only})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range only {
		if r := report.Find(id); r.Outcome != reports.Pass {
			t.Error(describe(r))
		}
	}
	if grid[documents.ID] != CellWorks {
		t.Errorf("%s", grid[documents.ID])
	}
}

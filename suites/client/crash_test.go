package client

import (
	"context"
	"testing"

	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/reports"
)

// TestRefusedRegistrationKills shows that a client that the refusal of its
// registration brings down has not survived it.
func TestRefusedRegistrationKills(t *testing.T) {
	client := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
		if _, err := bundled(nil).Connect(ctx, o); err != nil {
			return nil, err
		}
		return &launch.Exit{Code: -1, Signal: "segmentation fault", Output: "registration failed"}, nil
	})
	const id = "client-dcr-rejection-handled"
	report, _, err := Run(t.Context(), Options{Client: client, Only: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	if r := report.Find(id); r.Outcome != reports.Fail {
		t.Error(describe(r))
	}
}

// TestUnheard shows that nothing is said of the words of a client that nobody can
// hear.
func TestUnheard(t *testing.T) {
	client := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
		if _, err := bundled(nil).Connect(ctx, o); err != nil {
			return nil, err
		}
		return &launch.Exit{Unheard: true}, nil
	})
	ids := []string{"client-dcr-rejection-surfaced", "client-iss-on-error-responses", "client-prereg-mismatch-error"}
	report, _, err := Run(t.Context(), Options{Client: client, Only: ids})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if r := report.Find(id); r.Outcome != reports.Review {
			t.Error(describe(r))
		}
	}
}

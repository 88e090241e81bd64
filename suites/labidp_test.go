package suites_test

import (
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// TestLabProvider puts our identity provider behind an authorization server that
// others wrote, and sees that this never asks again about a user who has signed in.
func TestLabProvider(t *testing.T) {
	provider, err := reference.StartProvider(reference.ProviderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close() //nolint:errcheck // nothing depends on it
	client := provider.Client()
	running := deployments.ForTest(t, deployments.WorkersProxy, deployments.Options{
		Issuer: provider.Issuer(), ClientID: client.ID, ClientSecret: client.Secret,
	})
	defer running.Close() //nolint:errcheck // ForTest says so
	target := probes.Target{URL: running.Endpoint, OtherResource: running.OtherEndpoint, Spec: string(suites.V20250326)}.WithProvider(provider)
	target.Contract.RevocationMax = time.Second
	report := judgeTarget(t, target, "as-third-party-session || as-code-flow || as-proxy-upstream-pkce", nil)
	for id, want := range map[string]reports.Outcome{
		"as-code-flow":           reports.Pass,
		"as-proxy-upstream-pkce": reports.NotApplicable, // binds in newer revisions
		// Its application keeps nothing of what the identity provider gave, as its guide
		// does not either.
		"as-third-party-session": reports.Fail,
	} {
		if r := report.Find(id); r == nil || r.Outcome != want {
			t.Errorf("want %s: %s", want, describe(r))
		}
	}
}

package suites_test

import (
	"testing"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
)

// TestLaxAuthServers reproduces what made another tool pass authorization servers:
// PKCE that is not enforced, a response without iss, metadata that is no good, and
// checks that were skipped. The gate is to fail on each.
func TestLaxAuthServers(t *testing.T) {
	for f, judged := range map[fault.Fault]string{
		fault.PKCENotRequired:        "as-pkce-required-public",
		fault.IssMissing:             "as-iss-advertised",
		fault.DiscoveryIssuerForeign: "as-metadata-issuer-identical",
	} {
		report := against(t, reference.Options{Faults: []fault.Fault{f}}, judged)
		if code := report.Exit(false); code != reports.ExitFailed {
			t.Errorf("a deployment that %s: exit code %d\n%s", f.Doc, code, describe(report.Find(judged)))
		}
	}
	skipped := against(t, reference.Options{}, "as-code-lifetime").Find("as-code-lifetime")
	if skipped.Outcome != reports.NotApplicable || skipped.Message == "" {
		t.Errorf("what was not judged is not said to be: %s", describe(skipped))
	}
}

// TestConfidentialClients reproduces what made another tool fail a sound
// authorization server: it gives only scopes that are asked for, and it lists none
// among the methods of authentication while the client has a secret.
func TestConfidentialClients(t *testing.T) {
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		server, err := reference.Start(reference.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close() //nolint:errcheck // nothing depends on it
		target := probes.Reference(server)
		target.Clients = nil
		for _, c := range server.AuthServer.Clients() {
			if c.AuthMethod == method && len(c.RedirectURIs) > 0 && target.Clients == nil {
				target.Clients = []probes.StaticClient{{ID: c.ID, Secret: c.Secret, Method: method, RedirectURI: c.RedirectURIs[0]}}
			}
		}
		if target.Clients == nil {
			t.Fatalf("no client is known that uses %s", method)
		}
		report := judgeTarget(t, target, "as-code-flow", nil)
		if r := report.Find("as-code-flow"); r == nil || r.Outcome != reports.Pass {
			t.Errorf("%s: %s", method, describe(r))
		}
	}
}

package suites_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
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
// authorization server: it gives nothing to a client that asks for no scope, and it
// lists none among the methods of authentication while the client has a secret.
func TestConfidentialClients(t *testing.T) {
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		server, err := reference.Start(reference.Options{Variants: []variant.Variant{variant.ScopeRequired}})
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
		r := judgeTarget(t, target, "as-code-flow", nil).Find("as-code-flow")
		if r == nil || r.Outcome != reports.Pass {
			t.Fatalf("%s: %s", method, describe(r))
		}
		if got := methodsUsed(r, target.Clients[0].ID); !slices.Equal(got, []string{method}) {
			t.Errorf("the flow of a client with %s authenticated by %q", method, got)
		}
	}
}

// methodsUsed are the methods of authentication (RFC 6749, section 2.3.1) in the
// token requests of a client that a result rests on.
func methodsUsed(r *reports.Result, id string) []string {
	var used []string
	for _, x := range r.Evidence {
		if x.Method != http.MethodPost || !strings.HasSuffix(x.URL, "/token") {
			continue
		}
		form, err := url.ParseQuery(x.Request.Body)
		switch {
		case err != nil:
			used = append(used, err.Error())
		case strings.HasPrefix(x.Request.Header.Get("Authorization"), "Basic "):
			used = append(used, "client_secret_basic")
		case form.Get("client_id") == id && form.Has("client_secret"):
			used = append(used, "client_secret_post")
		default:
			used = append(used, "none")
		}
	}
	return used
}

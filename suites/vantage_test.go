package suites_test

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/forms"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// judgeTarget judges a target by the checks that filter selects, through plain forms.
func judgeTarget(t *testing.T, target probes.Target, filter string, config *tls.Config) *reports.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	client := wire.NewClient(wire.Limits{Patience: time.Second}, config)
	defer client.Close()
	target.MaxRegistrations, target.Wait = 200, 2*time.Second
	d, err := probes.Open(ctx, target, client, forms.New(client))
	if err != nil {
		t.Fatal(err)
	}
	report, err := suites.Run(ctx, d, suites.Options{Filter: filter, Agent: "forms"})
	if err != nil {
		t.Fatal(err)
	}
	if report.Stopped != nil {
		t.Fatalf("stopped: %+v", report.Stopped)
	}
	return report
}

// pinsOf are those of the pins that are about one party.
func pinsOf(pins map[string]pin, role suites.Role) map[string]pin {
	kept := maps.Clone(pins)
	maps.DeleteFunc(kept, func(id string, _ pin) bool {
		c := suites.Find(id)
		return c == nil || c.Role != role
	})
	return kept
}

// compareParty holds the verdicts on one party against the pins, and wants none
// on the other.
func compareParty(t *testing.T, report *reports.Report, role suites.Role, pins map[string]pin) {
	t.Helper()
	verdicts := map[string]reports.Result{}
	judged := 0
	for _, r := range report.Results {
		verdicts[r.ID] = r
		switch {
		case suites.Role(r.Role) != role && r.Outcome != reports.NotApplicable:
			t.Errorf("about a party that is ours: %s", describe(&r))
		case r.Outcome != reports.NotApplicable:
			judged++
		}
	}
	if judged < 20 {
		t.Errorf("only %d checks say something", judged)
	}
	compare(t, trial{pins: pins}, verdicts)
}

// TestAuthServerAlone finds on oidc-provider alone what it finds on it behind its
// own resource server.
func TestAuthServerAlone(t *testing.T) {
	running := deployments.ForTest(t, deployments.OIDCProvider, deployments.Options{})
	scopes := []string{"mcp:read", "mcp:write"}
	ours, err := reference.StartStandIn(reference.StandInOptions{Issuer: running.Issuer, Resource: running.Endpoint, Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close() //nolint:errcheck // nothing depends on it
	target := probes.BehindStandIn(ours, running.Issuer, nil)
	target.Users = []probes.User{{Name: running.User.Name, Password: running.User.Password}}
	target.OtherResource, target.Disturb = running.OtherEndpoint, true
	pins := pinsOf(oidcProvider, suites.AS)
	maps.Copy(pins, withoutBrowser)
	report := judgeTarget(t, target, "", nil)
	compareParty(t, report, suites.AS, pins)
	leaks := report.Find("as-pages-leak-nothing")
	if leaks == nil || !slices.ContainsFunc(leaks.Facets, func(f reports.Facet) bool {
		return f.Title == "by what they load" && f.Outcome == reports.NotApplicable
	}) {
		t.Errorf("says what pages load without having looked: %s", describe(leaks))
	}
}

// withoutBrowser is what is said, where there is none, of what only a browser
// shows: nothing, whatever the pages of oidc-provider are like.
var withoutBrowser = map[string]pin{
	"as-consent-facts":      {reports.NotApplicable, "Only a browser knows what a page shows."},
	"as-pages-not-framed":   {reports.NotApplicable, "Only a browser shows frames."},
	"as-pages-leak-nothing": {reports.Pass, "No page says a Referrer-Policy; the font is loaded by a style sheet, which only a browser reads."},
}

// TestOwnAuthServerAlone finds nothing wrong with the reference's authorization
// server behind our stand-in, whether that verifies tokens or introspects them.
func TestOwnAuthServerAlone(t *testing.T) {
	for _, variants := range [][]variant.Variant{nil, {variant.OpaqueTokens}, {variant.TLS}} {
		server, err := reference.Start(reference.Options{Variants: variants})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close() //nolint:errcheck // nothing depends on it
		o := reference.StandInOptions{
			Issuer: server.AuthServer.Issuer(), Resource: server.ResourceServer.Endpoint(), Scopes: []string{"notes.read"}, Roots: server.Roots(),
		}
		for _, c := range server.AuthServer.Clients() {
			if c.ID == "reference-resource-server" && len(variants) > 0 && variants[0] == variant.OpaqueTokens {
				o.ClientID, o.Secret = c.ID, c.Secret
			}
		}
		ours, err := reference.StartStandIn(o)
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close() //nolint:errcheck // nothing depends on it
		target := probes.BehindStandIn(ours, o.Issuer, nil)
		for _, u := range server.Users() {
			target.Users = append(target.Users, probes.User(u))
		}
		target.OtherResource, target.Disturb = server.ResourceServer.OtherEndpoint(), true
		compareParty(t, judgeTarget(t, target, "", trusting(server)), suites.AS, nil)
	}
}

// labAndStub starts what surrounds an MCP server that is tested alone, and the
// MCP server of the official SDK as that.
func labAndStub(t *testing.T, credential string) (probes.Target, *reference.Lab) {
	t.Helper()
	stub, err := reference.StartStub("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stub.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	endpoint := "http://" + free.Addr().String() + "/mcp"
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	lab, err := reference.StartLab(reference.LabOptions{Endpoint: endpoint, Upstream: stub.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lab.Close() })
	client := lab.ResourceServerClient()
	running := deployments.ForTest(t, deployments.ResourceServer, deployments.Options{
		Port: port, Issuer: lab.Issuer(), Upstream: stub.URL(), Credential: credential, ClientID: client.ID, ClientSecret: client.Secret,
	})
	tool := probes.ToolCall{Name: "profile"}
	target := probes.Target{
		URL: running.Endpoint, Upstream: &probes.StubbedUpstream{Stub: stub, Call: tool, Identifier: stub.URL()},
		Operations: []probes.Operation{{ToolCall: tool, Scopes: []string{"mcp:read"}}},
	}
	return target.WithLab(lab), lab
}

// TestResourceServerAlone finds on the MCP server of the official SDK alone what
// it finds on it behind oidc-provider, and what only the key of its authorization
// server can show.
func TestResourceServerAlone(t *testing.T) {
	target, lab := labAndStub(t, "exchanged")
	client := wire.NewClient(wire.Limits{}, nil)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := probes.AwaitTrust(ctx, client, target.URL, lab); err != nil {
		t.Fatal(err)
	}
	compareParty(t, judgeTarget(t, target, "", nil), suites.RS, resourceServerAlone())
}

// TestUpstreamStub shows what is said of each kind of credential that an MCP
// server can send on.
func TestUpstreamStub(t *testing.T) {
	for credential, want := range map[string]map[string]reports.Outcome{
		"caller": {"rs-no-token-passthrough": reports.Fail, "rs-upstream-token-for-upstream": reports.NotApplicable},
		"exchanged": {
			"rs-no-token-passthrough": reports.Pass, "rs-upstream-token-for-upstream": reports.Pass,
			"rs-rejects-upstream-token": reports.Pass, "rs-upstream-token-not-shown": reports.Pass,
		},
		"service": {"rs-no-token-passthrough": reports.Pass, "rs-upstream-token-for-upstream": reports.Review},
		"":        {"rs-no-token-passthrough": reports.NotApplicable, "rs-upstream-token-for-upstream": reports.NotApplicable},
	} {
		t.Run("credential "+credential, func(t *testing.T) {
			target, _ := labAndStub(t, credential)
			report := judgeTarget(t, target, "token-passthrough", nil)
			for id, outcome := range want {
				if r := report.Find(id); r == nil || r.Outcome != outcome {
					t.Errorf("want %s: %s", outcome, describe(r))
				}
			}
		})
	}
}

// resourceServerAlone is what is true of the MCP server of the official SDK with
// jose, whoever issues the tokens.
func resourceServerAlone() map[string]pin {
	pins := pinsOf(oidcProvider, suites.RS)
	pins["rs-subject-required"] = pin{reports.Warn, "jose's jwtVerify asks for no sub, and the tools list is the same for everybody."}
	pins["rs-keys-come-and-go"] = pin{reports.Review, "jose's createRemoteJWKSet fetches the key set at most every 30 seconds (cooldownDuration), and the run waits for two: " +
		"a token of the new key is refused as of an unknown one until then."}
	return pins
}

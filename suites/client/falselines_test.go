package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// The tests of this file and of false_test.go reproduce what made another tool say
// that all is well where it is not, or the other way round.

// alone makes one check on a client.
func alone(t *testing.T, client Client, o Options) (*reports.Report, Grid) {
	t.Helper()
	o.Client, o.Concurrency, o.Seed = client, 4, matrixSeed
	report, grid, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report, grid
}

// TestOtherWire shows that a client of the older wire, which ends in failure before
// a server of the newer one once it has a token, is not taken for one that passes.
func TestOtherWire(t *testing.T) {
	old := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
		o.Revision = suites.V20251125
		return bundled(nil).Connect(ctx, o)
	})
	report, grid := alone(t, old, Options{Only: []string{"client-gets-through"}})
	if r := report.Find("client-gets-through"); r.Outcome != reports.Fail || report.Exit(false) != reports.ExitFailed || grid[Sound.ID] != CellGivesUp {
		t.Error(grid[Sound.ID], describe(r))
	}
}

// TestWarningIsOneThing shows that a warning is no failure, alone and among others,
// unless warnings are to fail the gate.
func TestWarningIsOneThing(t *testing.T) {
	for _, o := range []Options{
		{Only: []string{"client-step-up-retry-limit"}},
		{Only: []string{"client-step-up-retry-limit", "client-state-fresh", "client-pkce-s256"}},
	} {
		report, _ := alone(t, bundled{testclient.StepUpForEver}, o)
		if r := report.Find("client-step-up-retry-limit"); r.Outcome != reports.Warn {
			t.Error(describe(r))
		}
		if lenient, strict := report.Exit(false), report.Exit(true); lenient != reports.ExitPassed || strict != reports.ExitFailed {
			t.Errorf("%d checks: exit code %d, and %d if strict", len(report.Results), lenient, strict)
		}
	}
}

// TestTokenUnused shows that a client that obtains a token and never shows it to
// the server has not passed.
func TestTokenUnused(t *testing.T) {
	report, _ := alone(t, bundled{testclient.TokenUnused}, Options{Only: []string{"client-gets-through", "client-only-tokens-given", "client-token-every-request"}})
	for _, r := range report.Results {
		if r.Outcome == reports.Pass {
			t.Error(describe(&r))
		}
	}
}

// careless does everything wrong that one client can do at once, before the sound
// deployment, and nothing elsewhere.
func careless(ctx context.Context, o Offer) (*launch.Exit, error) {
	if o.Situation != Sound.ID {
		return &launch.Exit{}, nil
	}
	http := &http.Client{
		Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	send := func(method, address, mediaType, body string) (document map[string]any) {
		req, err := newRequest(ctx, method, address, body)
		if err != nil {
			return nil
		}
		req.Header.Set("Content-Type", mediaType)
		res, err := http.Do(req)
		if err != nil {
			return nil
		}
		defer res.Body.Close() //nolint:errcheck // read to its end
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		_ = json.Unmarshal(text, &document) // nil if it is something else
		return document
	}
	message := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`
	send("POST", o.URL, "application/json", message)
	resource := send("GET", strings.Replace(o.URL, "/mcp", "/.well-known/oauth-protected-resource/mcp", 1), "", "")
	issuer := resource["authorization_servers"].([]any)[0].(string)
	server := send("GET", issuer+"/.well-known/oauth-authorization-server", "", "")
	send("POST", server["registration_endpoint"].(string), "application/json",
		`{"redirect_uris":["http://localhost:3000/callback"],"grant_types":["implicit","password"],"response_types":["token"]}`)
	send("GET", server["authorization_endpoint"].(string)+"?"+url.Values{
		"response_type": {"token"}, "client_id": {"somebody"}, "redirect_uri": {"http://evil.example/"},
		"code_challenge": {"ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs"}, "code_challenge_method": {"S256"},
	}.Encode(), "", "")
	send("POST", server["token_endpoint"].(string), "application/x-www-form-urlencoded", url.Values{
		"grant_type": {"authorization_code"}, "code": {"made-up"}, "redirect_uri": {"http://elsewhere.example/"},
		"client_id": {"somebody-else"}, "code_verifier": {"a"},
	}.Encode())
	send("POST", o.URL+"?access_token=test-token-1", "application/json", message)
	return &launch.Exit{}, nil
}

func newRequest(ctx context.Context, method, address, body string) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
}

// TestCarelessClient shows that no mistake hides another.
func TestCarelessClient(t *testing.T) {
	sought := map[string]reports.Outcome{
		"client-authz-code-flow": reports.Fail, "client-state-fresh": reports.Warn, "client-pkce-verifier-fresh": reports.Fail,
		"client-redirect-uri-registered": reports.Fail, "client-obtains-client-id": reports.Fail,
		"client-resource-in-authorization": reports.Fail, "client-resource-in-token-request": reports.Fail,
		"client-dcr-application-type": reports.Fail,
	}
	report, _ := alone(t, connector(careless), Options{Only: append(keys(sought), "client-gets-through")})
	for id, outcome := range sought {
		if r := report.Find(id); r.Outcome != outcome {
			t.Errorf("%s was expected: %s", outcome, describe(r))
		}
	}
	if r := report.Find("client-gets-through"); r.Outcome == reports.Pass || report.Exit(false) != reports.ExitFailed {
		t.Errorf("exit code %d: %s", report.Exit(false), describe(r))
	}
}

func keys(m map[string]reports.Outcome) []string {
	var all []string
	for key := range m {
		all = append(all, key)
	}
	return all
}

// TestScopesBeyondTheChallenge shows that a superset is not taken for the least.
func TestScopesBeyondTheChallenge(t *testing.T) {
	report, _ := alone(t, bundled{testclient.ScopeAll}, Options{Only: []string{"client-scope-from-challenge"}})
	if r := report.Find("client-scope-from-challenge"); r.Outcome != reports.Warn {
		t.Error(describe(r))
	}
}

// TestRootMetadataToo shows that a client may look at the root as well, once it has
// the metadata that the challenge points at.
func TestRootMetadataToo(t *testing.T) {
	curious := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
		exit, err := bundled(nil).Connect(ctx, o)
		if err != nil {
			return nil, err
		}
		u, err := url.Parse(o.URL)
		if err != nil {
			return nil, err
		}
		req, err := newRequest(ctx, http.MethodGet, u.Scheme+"://"+u.Host+"/.well-known/oauth-protected-resource", "")
		if err != nil {
			return nil, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		return exit, res.Body.Close()
	})
	report, _ := alone(t, curious, Options{Only: []string{"client-prefers-header-url", "client-wellknown-fallback-order", "client-prm-resource-validated"}})
	for _, r := range report.Results {
		if r.Outcome != reports.Pass {
			t.Error(describe(&r))
		}
	}
}

// TestStrictClients shows that clients that refuse more than they need can say so,
// and that it hides nothing else.
func TestStrictClients(t *testing.T) {
	for _, d := range []struct {
		defects bundled
		bad     []string
	}{
		{bundled{testclient.IssRequired, testclient.OpenIDIgnored}, nil},
		{bundled{testclient.IssRequired, testclient.OpenIDIgnored, testclient.NoState}, []string{"client-state-fresh"}},
	} {
		o := Options{Only: []string{"client-gets-through", "client-proceeds-without-iss", "client-asm-both-mechanisms", "client-state-fresh"}}
		report, grid := alone(t, d.defects, o)
		if report.Exit(false) != reports.ExitFailed || grid[issUnpromised.ID] != CellGivesUp || grid[openIDOnly.ID] != CellGivesUp {
			t.Errorf("undeclared: exit code %d", report.Exit(false))
		}
		o.Declared = map[string]string{}
		for id, cell := range grid {
			if cell == CellGivesUp {
				o.Declared[id] = "it works only with servers that send iss and have RFC 8414 metadata"
			}
		}
		report, grid = alone(t, d.defects, o)
		for i := range report.Results {
			r := &report.Results[i]
			failed := r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable
			if failed != (len(d.bad) > 0 && r.ID == d.bad[0]) {
				t.Error(describe(r))
			}
		}
		if grid[issUnpromised.ID] != CellRefuses || grid[openIDOnly.ID] != CellRefuses {
			t.Error(grid)
		}
	}
	for _, wrong := range []map[string]string{{"sound": "lazy"}, {"nowhere": "lazy"}, {"state-dropped": "lazy"}, {"openid-only": ""}} {
		if _, _, err := Run(t.Context(), Options{Client: bundled(nil), Declared: wrong}); err == nil {
			t.Errorf("%v was accepted", wrong)
		}
	}
}

// TestDeclaredCrash shows that no declaration, nor one that is not needed, makes up
// for a client that crashes.
func TestDeclaredCrash(t *testing.T) {
	crashes := func(in ...string) Client {
		return connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
			if len(in) > 0 && !slices.Contains(in, o.Situation) {
				return bundled(nil).Connect(ctx, o)
			}
			return &launch.Exit{Code: -1, Signal: "segmentation fault"}, knock(ctx, o.URL)
		})
	}
	const id = "client-proceeds-without-iss"
	for name, o := range map[string]Options{
		"nothing is declared":     {},
		"declared where it is":    {Declared: map[string]string{issUnpromised.ID: "it works only with servers that send iss"}},
		"declared somewhere else": {Declared: map[string]string{openIDOnly.ID: "it reads RFC 8414 metadata alone"}},
	} {
		o.Only = []string{"client-gets-through", id}
		for where, client := range map[string]Client{"everywhere": crashes(), "there": crashes(issUnpromised.ID)} {
			report, grid := alone(t, client, o)
			if code := report.Exit(false); code != reports.ExitFailed || grid[issUnpromised.ID] == CellRefuses {
				t.Errorf("%s, it crashes %s: exit code %d, %s\n%s", name, where, code, grid[issUnpromised.ID], describe(report.Find(id)))
			}
		}
	}
}

// knock sends a request without a token, as every client does first.
func knock(ctx context.Context, address string) error {
	req, err := newRequest(ctx, http.MethodPost, address, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// TestScopeRefusedToWorkload shows that a workload that asks for a scope which it is
// refused, and so comes to no token, has not passed, whatever its exit code.
func TestScopeRefusedToWorkload(t *testing.T) {
	for _, code := range []int{0, 1} {
		client := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
			err := testclient.Run(ctx, testclient.Options{URL: o.URL, Revision: string(o.Revision), Context: o.Context, Scopes: []string{"billing.write"}})
			if err == nil {
				return nil, errors.New("the scope was granted")
			}
			return &launch.Exit{Code: code, Output: err.Error()}, nil
		})
		report, grid := alone(t, client, Options{Only: []string{"client-gets-through"}})
		i := slices.IndexFunc(report.Find("client-gets-through").Facets, func(f reports.Facet) bool { return f.Situation == workloadPlain.ID })
		if report.Exit(false) != reports.ExitFailed || grid[workloadPlain.ID] != CellGivesUp || i < 0 || report.Find("client-gets-through").Facets[i].Outcome != reports.Fail {
			t.Errorf("exit code %d: %s\n%s", code, grid[workloadPlain.ID], describe(report.Find("client-gets-through")))
		}
	}
}

// TestMoreScopesThanListed shows that asking for offline_access where the server
// does not list it is no failure: at most a warning.
func TestMoreScopesThanListed(t *testing.T) {
	client := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
		err := testclient.Run(ctx, testclient.Options{URL: o.URL, Revision: string(o.Revision), Context: o.Context, Scopes: []string{"offline_access"}})
		if err != nil {
			return &launch.Exit{Code: 1, Output: err.Error()}, nil //nolint:nilerr // it is how the client ended
		}
		return &launch.Exit{}, nil
	})
	report, _ := alone(t, client, Options{Only: []string{
		"client-scope-from-challenge", "client-authz-code-flow", "client-step-up-attempted", "client-offline-access-conditional",
	}})
	for i := range report.Results {
		r := &report.Results[i]
		warned := r.Outcome == reports.Warn && strings.Contains(r.Message, "offline_access")
		if r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable && !warned {
			t.Error(describe(r))
		}
	}
	if code := report.Exit(false); code != reports.ExitPassed {
		t.Errorf("exit code %d", code)
	}
}

// TestOneCheckAlone shows that a check says alone what it says among all others.
func TestOneCheckAlone(t *testing.T) {
	for _, id := range []string{"client-authz-code-flow", "client-redeems-code-once", "client-mix-up-fails"} {
		report, _ := alone(t, bundled(nil), Options{Only: []string{id}})
		if r := report.Find(id); r.Outcome != reports.Pass || report.Exit(true) != reports.ExitPassed {
			t.Error(describe(r))
		}
	}
}

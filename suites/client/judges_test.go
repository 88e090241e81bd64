package client

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/reports"
)

// TestLeads shows by what an answer takes a browser elsewhere.
func TestLeads(t *testing.T) {
	page := http.Header{"Content-Type": {"text/html"}}
	const refresh = `<meta http-equiv="refresh" content="0;url=http://redirected.mcpassay.invalid/">`
	for name, c := range map[string]struct {
		answer launch.Answer
		how    string
	}{
		"redirect":       {launch.Answer{Status: 303, Header: http.Header{"Location": {"http://redirected.mcpassay.invalid/x"}}}, "a redirect"},
		"no redirect":    {launch.Answer{Status: 200, Header: http.Header{"Location": {"http://redirected.mcpassay.invalid/x"}}}, ""},
		"refresh":        {launch.Answer{Status: 200, Header: http.Header{"Refresh": {"0; URL=http://redirected.mcpassay.invalid/"}}}, "a Refresh header"},
		"meta":           {launch.Answer{Status: 200, Header: page, Body: []byte(refresh)}, "a page that refreshes"},
		"meta as a text": {launch.Answer{Status: 200, Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte(refresh)}, ""},
		"a page":         {launch.Answer{Status: 200, Header: page, Body: []byte("<title>Done</title>")}, ""},
	} {
		if _, how := leads(c.answer); how != c.how {
			t.Errorf("%s: %q, want %q", name, how, c.how)
		}
	}
}

// TestRunsScripts shows which policies keep scripts within a page from running.
func TestRunsScripts(t *testing.T) {
	for policy, runs := range map[string]bool{
		"":                   true,
		"default-src 'none'": false,
		"default-src 'self'": false,
		"img-src 'self'":     true,
		"script-src 'self' 'unsafe-inline'; default-src 'none'": true,
		"script-src 'unsafe-inline' 'nonce-abc'":                false,
		"script-src 'unsafe-inline', default-src 'none'":        false,
		"SCRIPT-SRC 'SELF'":                                     false,
		"default-src 'none'; script-src-elem 'unsafe-inline'":   true,
		"sandbox":               false,
		"sandbox allow-scripts": true,
		"script-src 'self'; script-src 'unsafe-inline'":             false,
		"default-src https: 'unsafe-inline' 'strict-dynamic' http:": false,
	} {
		h := http.Header{}
		if policy != "" {
			h.Set("Content-Security-Policy", policy)
		}
		if got := runsScripts(h); got != runs {
			t.Errorf("%q: %t", policy, got)
		}
	}
}

// TestRedirectURIs shows when a redirect URI is one of a document.
func TestRedirectURIs(t *testing.T) {
	for used, listed := range map[string]bool{
		"http://127.0.0.1:1234/callback": true, "http://127.0.0.1/callback": true, "http://localhost:1234/callback": false,
		"http://127.0.0.1:1234/other": false, "https://127.0.0.1:1234/callback": false, "http://127.0.0.1:1/callback?x=1": false, "": false,
	} {
		if sameRedirect("http://127.0.0.1/callback", used) != listed {
			t.Errorf("%q", used)
		}
	}
	if sameRedirect("http://client.example/callback", "http://client.example:1/callback") {
		t.Error("the port is free on loopback only")
	}
}

// TestStillWaiting shows that a client which is stopped while it reads a document
// that comes byte by byte did not give up.
func TestStillWaiting(t *testing.T) {
	for took, want := range map[time.Duration]reports.Outcome{5 * time.Second: reports.Inconclusive, 20 * time.Second: reports.Warn} {
		client := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
			exit, err := bundled(nil).Connect(ctx, o)
			if o.Situation == dripFed.ID {
				exit = &launch.Exit{Code: -1, TimedOut: true, Here: true, Took: took}
			}
			return exit, err
		})
		report, _, err := Run(t.Context(), Options{Client: client, Only: []string{"client-documents-bounded"}})
		if err != nil {
			t.Fatal(err)
		}
		r := report.Find("client-documents-bounded")
		i := slices.IndexFunc(r.Facets, func(f reports.Facet) bool { return f.Situation == dripFed.ID })
		if i < 0 || r.Facets[i].Outcome != want {
			t.Errorf("after %v, want %s: %s", took, want, describe(r))
		}
	}
}

// TestNobodyLooked shows that what was not watched is not passed: a client without
// an opener of ours, and one that is somewhere else.
func TestNobodyLooked(t *testing.T) {
	client := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
		exit, err := bundled(nil).Connect(ctx, o)
		if err != nil {
			return nil, err
		}
		return &launch.Exit{Code: exit.Code, Took: exit.Took}, nil
	})
	only := []string{
		"client-opener-schemes", "client-authz-url-scheme-allowlist", "client-authz-url-no-shell", "client-callback-own-response",
		"client-no-open-redirector", "client-callback-escapes", "client-external-user-agent", "client-ssrf-private-addresses",
		"client-ssrf-redirects",
	}
	report, _, err := Run(t.Context(), Options{Client: client, Only: only, Hosted: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range only {
		if r := report.Find(id); r.Outcome != reports.Inconclusive {
			t.Error(describe(r))
		}
	}
}

// TestNotOnServer shows that a client on its user's machine is not blamed for
// reaching that machine.
func TestNotOnServer(t *testing.T) {
	only := []string{"client-ssrf-private-addresses", "client-ssrf-redirects"}
	report, _, err := Run(t.Context(), Options{Client: bundled(nil), Only: only})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range only {
		if r := report.Find(id); r.Outcome != reports.NotApplicable {
			t.Error(describe(r))
		}
	}
}

// TestGuardedPage shows that a web application whose pages have a policy passes.
func TestGuardedPage(t *testing.T) {
	host, err := publisher()
	if err != nil {
		t.Fatal(err)
	}
	client := connector(func(ctx context.Context, o Offer) (*launch.Exit, error) {
		_ = testclient.Run(ctx, testclient.Options{ // how it ends is not looked at
			URL: o.URL, Revision: string(o.Revision), Page: host.origin + "/guarded", Defects: []testclient.Defect{testclient.WebWithoutPolicy},
		})
		return &launch.Exit{}, nil
	})
	report, _, err := Run(t.Context(), Options{Client: client, Only: []string{"client-web-csp"}, Documents: host.lab})
	if err != nil {
		t.Fatal(err)
	}
	if r := report.Find("client-web-csp"); r.Outcome != reports.Pass {
		t.Error(describe(r))
	}
}

package browser_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/pages"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/probes/rehearsal"
)

// launch starts a browser for a test. Without one the test is skipped, unless
// MCPASSAY_REQUIRE_BROWSER is set.
func launch(t testing.TB, opts browser.Options) *browser.Browser {
	t.Helper()
	b, err := browser.Launch(t.Context(), opts)
	if errors.Is(err, browser.ErrNoBrowser) && os.Getenv("MCPASSAY_REQUIRE_BROWSER") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// serve serves one of the sites.
func serve(t testing.TB, name string) *httptest.Server {
	t.Helper()
	site, ok := pages.Find(name)
	if !ok {
		t.Fatalf("no site is called %q", name)
	}
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	return server
}

func TestSites(t *testing.T) {
	rehearsal.Run(t, launch(t, browser.Options{}), true)
}

func TestClients(t *testing.T) {
	rehearsal.Clients(t, launch(t, browser.Options{}),
		"status-302", "fragment", "meta-refresh", "link", "script", "form-post", "popup")
}

func TestRefusedCredentials(t *testing.T) {
	rehearsal.Refused(t, launch(t, browser.Options{}), "plain", "name-first", "single-page")
}

func TestConfiguredSteps(t *testing.T) {
	b := launch(t, browser.Options{})
	steps := []probes.LoginStep{
		{WaitFor: "h1"}, {Fill: "input[name=username]", Value: "{username}"},
		{Fill: "input[name=password]", Value: "{password}"}, {Click: "form button"},
	}
	v := rehearsal.Visit(serve(t, "plain").URL, rehearsal.Client)
	v.Steps = steps
	landing, err := b.Authorize(t.Context(), v)
	if err != nil || landing.Params().Get("code") != pages.Code || !landing.LoggedIn || !landing.Consented {
		t.Errorf("landed at %+v: %v", landing, err)
	}

	v.Steps = []probes.LoginStep{steps[0], {Fill: "#nowhere", Value: "x"}}
	if _, err := b.Authorize(t.Context(), v); !errors.Is(err, probes.ErrStuck) {
		t.Errorf("a step without its element: %v, want %v", err, probes.ErrStuck)
	}

	v = rehearsal.Visit(serve(t, "error-page").URL, rehearsal.Client)
	v.Steps = steps[1:]
	if landing, err = b.Authorize(t.Context(), v); err != nil || landing.Page == nil || landing.Page.Status != 400 {
		t.Errorf("an error page in place of the login page: %+v, %v", landing, err)
	}
}

func TestVisitsShareNothing(t *testing.T) {
	b := launch(t, browser.Options{})
	server := serve(t, "plain")
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			landing, err := b.Authorize(t.Context(), rehearsal.Visit(server.URL, rehearsal.Client))
			if err != nil || !landing.LoggedIn || !landing.Consented {
				t.Errorf("one of several visits at once: %+v, %v", landing, err)
			}
		})
	}
	all.Wait()
}

func BenchmarkAuthorize(bench *testing.B) {
	b := launch(bench, browser.Options{})
	server := serve(bench, "plain")
	flow := func(bench *testing.B) {
		if _, err := b.Authorize(bench.Context(), rehearsal.Visit(server.URL, rehearsal.Client)); err != nil {
			bench.Error(err)
		}
	}
	bench.Run("one at a time", func(bench *testing.B) {
		for bench.Loop() {
			flow(bench)
		}
		bench.ReportMetric(float64(bench.N)/bench.Elapsed().Seconds(), "flows/s")
	})
	bench.Run("several at once", func(bench *testing.B) {
		bench.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				flow(bench)
			}
		})
		bench.ReportMetric(float64(bench.N)/bench.Elapsed().Seconds(), "flows/s")
	})
}

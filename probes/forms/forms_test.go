package forms_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/pages"
	"github.com/mcpassay/mcpassay/probes/forms"
	"github.com/mcpassay/mcpassay/probes/rehearsal"
)

func TestSites(t *testing.T) {
	rehearsal.Run(t, forms.New(http.DefaultTransport), false)
}

func TestRefusedCredentials(t *testing.T) {
	rehearsal.Refused(t, forms.New(http.DefaultTransport), "plain", "name-first")
}

func BenchmarkAuthorize(bench *testing.B) {
	site, _ := pages.Find("plain")
	server := httptest.NewServer(site)
	defer server.Close()
	agent := forms.New(http.DefaultTransport)
	for bench.Loop() {
		if _, err := agent.Authorize(bench.Context(), rehearsal.Visit(server.URL, rehearsal.Client)); err != nil {
			bench.Fatal(err)
		}
	}
	bench.ReportMetric(float64(bench.N)/bench.Elapsed().Seconds(), "flows/s")
}

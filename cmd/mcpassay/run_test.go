package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/reports"
)

// runAgainst runs the whole command against a handler and returns its exit code,
// what it wrote to standard output, and the report.
func runAgainst(t *testing.T, url string, args ...string) (int, string, *reports.Document) {
	t.Helper()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := execute(append([]string{"run", url, "--out", dir}, args...), &stdout, &stderr)
	text, err := os.ReadFile(filepath.Join(dir, reports.JSONFile))
	if err != nil {
		t.Fatalf("exit code %d, %v\n%s", code, err, stderr.String())
	}
	var report reports.Document
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	return code, stdout.String(), &report
}

func wantStop(t *testing.T, report *reports.Document, owner reports.Owner, part string) {
	t.Helper()
	if report.Stopped == nil || report.Stopped.Owner != owner || !strings.Contains(report.Stopped.Message, part) {
		t.Errorf("stopped: %+v, want %q owned by %s", report.Stopped, part, owner)
	}
	if len(report.Results) > 0 {
		t.Errorf("%d checks were judged all the same", len(report.Results))
	}
}

func TestNotAnMCPServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<title>It works!</title>") //nolint:errcheck // a test
	}))
	defer server.Close()
	code, stdout, report := runAgainst(t, server.URL+"/")
	if code != reports.ExitUsage || !strings.Contains(stdout, "is not an MCP endpoint") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	wantStop(t, report, reports.Configuration, "is not an MCP endpoint")
}

func TestUntrustedCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	defer server.Close()
	code, _, report := runAgainst(t, server.URL+"/mcp")
	if code != reports.ExitUndecided {
		t.Errorf("exit code %d", code)
	}
	wantStop(t, report, reports.Network, "certificate")
}

// TestNoAuthorization runs against an MCP server that asks nobody for a token.
func TestNoAuthorization(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			ID     any    `json:"id"`
			Method string `json:"method"`
		}
		if r.Method != http.MethodPost || json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&call) != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": call.ID, "result": map[string]any{ //nolint:errcheck // a test
			"resultType": "complete", "tools": []any{}, "protocolVersion": "2026-07-28", "supportedVersions": []string{"2026-07-28"},
		}})
	}))
	defer server.Close()
	code, stdout, report := runAgainst(t, server.URL+"/mcp")
	if report.Stopped != nil {
		t.Fatalf("stopped: %+v", report.Stopped)
	}
	if n := report.Counts[reports.NotApplicable]; n == 0 || n != len(report.Results) {
		t.Errorf("%d of %d checks do not apply\n%s", n, len(report.Results), stdout)
	}
	if code != reports.ExitUndecided {
		t.Errorf("exit code %d: a gate that judged nothing has not passed", code)
	}
}

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
	"github.com/mcpassay/mcpassay/reports"
)

// freeAddr is an address of loopback that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing depends on it
	return l.Addr().String()
}

// await waits until somebody answers at the URL.
func await(t *testing.T, url string) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for range 500 {
		if res, err := http.Get(url); err == nil {
			_ = res.Body.Close()
			return
		}
		<-poll.C
	}
	t.Fatalf("nobody answers at %s", url)
}

// TestServerAlone tests an MCP server that is started, and made to trust the lab,
// while the command waits for it.
func TestServerAlone(t *testing.T) {
	if err := deployments.Missing(); err != nil && os.Getenv(deployments.RequireVariable) == "" {
		t.Skip(err)
	}
	lab, stub, server := freeAddr(t), freeAddr(t), freeAddr(t)
	config := filepath.Join(t.TempDir(), "mcpassay.yaml")
	text := fmt.Sprintf("lab_as: {addr: %q, wait: 1m}\nupstream: {stub: %q, tool: {name: profile}}\n", lab, stub)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	ended := make(chan int)
	go func() {
		ended <- execute([]string{
			"run", "http://" + server + "/mcp", "--config", config, "--user-agent", "forms", "--out", t.TempDir(),
			"--filter", "rs-no-token-passthrough || rs-audience-validated || as-code-flow",
		}, &stdout, &stderr)
	}()
	await(t, "http://"+lab+"/.well-known/openid-configuration")
	_, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	o := deployments.Options{Issuer: "http://" + lab, Upstream: "http://" + stub, Credential: "service"}
	if _, err := fmt.Sscan(port, &o.Port); err != nil {
		t.Fatal(err)
	}
	deployments.ForTest(t, deployments.ResourceServer, o)
	if code := <-ended; code != reports.ExitPassed {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(stdout.String(), "2 passed, 0 failed, 0 warned, 0 undecided, 1 not applicable") ||
		!strings.Contains(stderr.String(), "call this upstream: http://"+stub) {
		t.Errorf("%s\n%s", stdout.String(), stderr.String())
	}
}

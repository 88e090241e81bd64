package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/fixtures/testclient"
)

// said is what a command writes, to be read while it runs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// await waits for a match of an expression with a group, and returns that.
func (s *said) await(t *testing.T, line *regexp.Regexp) string {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for limit := time.After(20 * time.Second); ; {
		s.mu.Lock()
		text := s.text.String()
		s.mu.Unlock()
		if found := line.FindStringSubmatch(text); found != nil {
			return found[1]
		}
		select {
		case <-again.C:
		case <-limit:
			t.Fatalf("%v does not match %q", line, text)
		}
	}
}

// certificateFiles writes a certificate for the names, and its key.
func certificateFiles(t *testing.T, names ...string) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	authority, err := certs.New()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := authority.Issue(names...)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	var chain []byte
	for _, der := range issued.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	for name, data := range map[string][]byte{cert: chain, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, authority.Pool()
}

// TestServeWithCertificate serves under a public host name with the user's
// certificate, takes a client there, and verifies the statement that comes of it.
func TestServeWithCertificate(t *testing.T) {
	cert, key, roots := certificateFiles(t, "assay.example", "*.assay.example")
	c := &serveCommand{
		Listen: "127.0.0.1:0", PublicURL: "https://Assay.example/", TLSCert: cert, TLSKey: key,
		Tenants: 2, Lifetime: time.Hour, Idle: time.Hour, Spec: "2026-07-28",
	}
	ctx, cancel := context.WithCancel(t.Context())
	var out said
	ended := make(chan error, 1)
	go func() { ended <- c.serve(ctx, &output{&out, io.Discard}) }()
	at := out.await(t, regexp.MustCompile(`listening at (\S+)\n`))
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) { // as DNS would have it
			return (&net.Dialer{}).DialContext(ctx, network, at)
		},
	}
	defer transport.CloseIdleConnections()
	visitor := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	ask := func(res *http.Response, err error) (*http.Response, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close() //nolint:errcheck // read to its end
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s is answered %d: %v", res.Request.URL, res.StatusCode, err)
		}
		return res, string(body)
	}
	arrived, _ := ask(visitor.PostForm("https://assay.example/tenants", url.Values{"name": {"Ferry"}, "revision": {"2026-07-28"}, "consent": {"none"}}))
	tenant := arrived.Request.URL.String()
	_, page := ask(visitor.PostForm(tenant+"s/sound/start", nil))
	shown := regexp.MustCompile(`id="url">([^<]+)<`).FindStringSubmatch(page)
	if shown == nil || !regexp.MustCompile(`^https://mcp-[a-z0-9]{26}\.assay\.example/mcp$`).MatchString(shown[1]) {
		t.Fatalf("the page shows the URL %v", shown)
	}
	if err := testclient.Run(t.Context(), testclient.Options{URL: shown[1], Revision: c.Spec, Transport: transport}); err != nil {
		t.Error(err)
	}
	if _, page = ask(visitor.PostForm(tenant+"s/sound/finish", nil)); !strings.Contains(page, `class="verdict good">works<`) {
		t.Errorf("the page says %s", page)
	}
	_, archive := ask(visitor.Get(tenant + "report/mcpassay-report.zip"))
	verified(t, archive)
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end")
	}
	if conn, err := net.Dial("tcp", at); err == nil {
		_ = conn.Close()
		t.Error("it listens after its end")
	}
}

// verified verifies the statement in an archive against the report beside it.
func verified(t *testing.T, archive string) {
	t.Helper()
	files, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := execute([]string{"verify", filepath.Join(dir, "statement.jws"), "--report", filepath.Join(dir, "report.json")}, &stdout, &stderr)
	if code != 0 || !strings.Contains(stdout.String(), "Ferry") {
		t.Errorf("verify: exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
}

func TestServeRefuses(t *testing.T) {
	cert, key, _ := certificateFiles(t, "assay.example")
	for name, x := range map[string]struct {
		args []string
		says string
	}{
		"an address for all, and no name":        {[]string{"--listen", "0.0.0.0:0"}, "--public-url"},
		"half a certificate":                     {[]string{"--tls-cert", cert}, "go together"},
		"a key that is none":                     {[]string{"--tls-cert", cert, "--tls-key", cert}, "the certificate"},
		"a certificate without a wildcard":       {[]string{"--public-url", "https://assay.example", "--tls-cert", cert, "--tls-key", key}, "--ports"},
		"a certificate for another host":         {[]string{"--public-url", "https://other.example", "--ports", "8401-8499", "--tls-cert", cert, "--tls-key", key}, "not for other.example"},
		"a public URL with a path":               {[]string{"--public-url", "https://assay.example/x"}, "no URL of a host"},
		"a public URL without TLS, where it is":  {[]string{"--public-url", "http://assay.example", "--tls-cert", cert, "--tls-key", key}, "https://"},
		"ports that are none":                    {[]string{"--ports", "8499-8401"}, "--ports"},
		"too few ports":                          {[]string{"--ports", "8401-8403"}, "--ports"},
		"nobody":                                 {[]string{"--tenants", "0"}, "--tenants"},
		"a name for the pages that is in use":    {[]string{"--listen", "nowhere.invalid:1"}, "--listen"},
		"a key for statements that is no key":    {[]string{"--statement-key", cert}, "key for the statement"},
		"an argument that belongs to the client": {[]string{"x"}, "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"client", "serve", "--listen", "127.0.0.1:0"}, x.args...)
			var stdout, stderr bytes.Buffer
			if code := execute(args, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), x.says) {
				t.Errorf("exit code %d, %s", code, stderr.String())
			}
		})
	}
}

// TestServeIsACommand shows that a client that is called so can be tested all the
// same.
func TestServeIsACommand(t *testing.T) {
	for line, want := range map[string]string{
		"client serve --listen x": "client serve|--listen|x", "client -- serve x": "client|--|serve|x", "client --spec 2025-11-25 serve": "client|--spec|2025-11-25|serve",
		"client": "client", "run x": "run|x",
	} {
		if got := strings.Join(joined(strings.Fields(line)), "|"); got != want {
			t.Errorf("%s: %s", line, got)
		}
	}
}

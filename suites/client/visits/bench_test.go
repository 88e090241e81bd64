package visits

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A bench is a running server, and how to reach it and its deployments.
type bench struct {
	*Server
	base   string
	client *http.Client // follows no redirects
	keys   []string     // by which browsers know the certificates
}

// run serves for a test. With names it speaks TLS, under a certificate that it was
// given; else every server has a port.
func run(t *testing.T, named bool, change func(*Options)) *bench {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	o := Options{Base: &url.URL{Scheme: "http", Host: "localhost:" + port}, Ports: &Ports{Address: "127.0.0.1"}, Tool: "mcpassay test"}
	var config *tls.Config
	var roots *x509.CertPool
	var keys []string
	if named {
		o.Base, o.Ports, o.Remote = &url.URL{Scheme: "https", Host: "assay.localhost:" + port}, nil, true
		config, roots, keys = certified(t, "assay.localhost", "*.assay.localhost")
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l, config) }()
	// Names below localhost lead here, whatever the resolver thinks.
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(address); host != "localhost" {
			address = l.Addr().String()
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &bench{s, o.Base.String(), &http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, keys}
}

func certified(t *testing.T, hosts ...string) (*tls.Config, *x509.CertPool, []string) {
	t.Helper()
	authority, err := certs.New()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Issue(hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, authority.Pool(), []string{authority.KeyDigest()}
}

// get fetches a page.
func (b *bench) get(t *testing.T, path string) (int, string) {
	t.Helper()
	res, err := b.client.Get(b.base + path)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

// post sends a form, as the pages do.
func (b *bench) post(t *testing.T, path string, form url.Values) (int, string, string) {
	t.Helper()
	res, err := b.client.PostForm(b.base+path, form)
	if err != nil {
		t.Fatal(err)
	}
	status, body := read(t, res)
	return status, res.Header.Get("Location"), body
}

func read(t *testing.T, res *http.Response) (int, string) {
	t.Helper()
	defer res.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// arriveAs makes a tenant and returns the path of its pages.
func (b *bench) arriveAs(t *testing.T, name string, revision suites.Revision) *tenant {
	t.Helper()
	status, at, body := b.post(t, "/tenants", url.Values{"name": {name}, "revision": {string(revision)}, "consent": {"none"}})
	if status != http.StatusSeeOther {
		t.Fatalf("arriving was answered %d: %s", status, body)
	}
	tenant := b.tenant(strings.Trim(strings.TrimPrefix(at, "/t/"), "/"))
	if tenant == nil {
		t.Fatalf("%s leads to no tenant", at)
	}
	return tenant
}

// take takes the bundled client to a situation, and has it judged.
func (b *bench) take(t *testing.T, to *tenant, in *client.Situation, defects ...testclient.Defect) *visit {
	t.Helper()
	if status, _, body := b.post(t, to.situationPath(in)+"/start", nil); status != http.StatusSeeOther {
		t.Fatalf("starting %s was answered %d: %s", in.ID, status, body)
	}
	v := to.visit(in)
	b.connect(t, v, defects...)
	if status, _, body := b.post(t, to.situationPath(in)+"/finish", nil); status != http.StatusSeeOther {
		t.Fatalf("finishing %s was answered %d: %s", in.ID, status, body)
	}
	return v
}

// connect is the person who connects the bundled client to what the page shows.
func (b *bench) connect(t *testing.T, v *visit, defects ...testclient.Defect) {
	t.Helper()
	_ = testclient.Run(t.Context(), testclient.Options{ // how it ended is for the checks to say
		URL: v.offer.URL, Revision: string(v.offer.Revision), Context: v.offer.Context, Defects: defects, Transport: b.client.Transport,
	})
}

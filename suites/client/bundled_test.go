package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/probes/opener"
	"github.com/mcpassay/mcpassay/reference"
)

// bundled is the test client, within this process.
type bundled []testclient.Defect

func (b bundled) Connect(ctx context.Context, o Offer) (*launch.Exit, error) {
	host, err := publisher()
	if err != nil {
		return nil, err
	}
	visit := opener.Follow
	options := testclient.Options{
		URL: o.URL, Revision: string(o.Revision), Context: o.Context, Defects: b, Document: host.origin + "/sound.json", Page: host.origin + "/page",
	}
	if len(b) > 0 {
		options.Document = host.origin + "/" + b[0].ID + ".json"
	}
	if roots := x509.NewCertPool(); roots.AppendCertsFromPEM(o.Authority) {
		visit, options.Roots = opener.Following(roots), roots
	}
	if o.Proxy != "" {
		if options.Proxy, err = url.Parse(o.Proxy); err != nil {
			return nil, err
		}
	}
	user := opener.Within(visit)
	user.Lead(o.Callbacks)
	options.Open = user.Browse
	exit, start := &launch.Exit{Here: true, Intercepted: true}, time.Now()
	if err := testclient.Run(ctx, options); err != nil {
		exit.Code, exit.Output = 1, err.Error()
	}
	exit.Opened, err = user.Close()
	exit.Answers, exit.Took = user.Answers(), time.Since(start)
	return exit, err
}

// A publication is where the test client's documents and pages are.
type publication struct {
	origin string
	lab    reference.DocumentLab
}

// publisher starts it once. It ends with the process.
var publisher = sync.OnceValues(func() (*publication, error) {
	authority, err := certs.New()
	if err != nil {
		return nil, err
	}
	certificate, err := authority.Issue("127.0.0.1")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &publication{"https://" + l.Addr().String(), reference.DocumentLab{
		Addresses: []netip.AddrPort{netip.MustParseAddrPort(l.Addr().String())}, Roots: authority.Pool(),
	}}
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})) //nolint:errcheck // always ErrServerClosed
	return p, nil
})

func (p *publication) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, isDocument := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/"), ".json")
	if !isDocument || id == testclient.DocumentPage.ID {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path == "/guarded" {
			w.Header().Set("Content-Security-Policy", "script-src 'self'")
		}
		return
	}
	d, _ := testclient.Find(id) // of a sound client there is none
	document := testclient.Document(p.origin+r.URL.Path, d)
	if document == nil {
		http.NotFound(w, r)
		return
	}
	if listed, ok := document["redirect_uris"].([]string); ok && d != testclient.DocumentElsewhere {
		document["redirect_uris"] = append(listed, p.origin+"/page", "http://localhost:3000/callback")
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document) // the client has gone: nobody to tell
}

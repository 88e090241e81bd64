package probes

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	urlpath "path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/reference"
)

// Documents says where a run publishes documents for the authorization server to
// fetch: Client ID Metadata Documents and what they name. Without it they are on
// loopback, where an authorization server on loopback can reach them.
type Documents struct {
	Listen      string           // address to listen on; empty: a free port of 127.0.0.1
	URL         string           // https URL under which the authorization server reaches it
	Certificate *tls.Certificate // nil: of a throw-away authority

	// Trust tells an authorization server on loopback to trust the documents; nil:
	// nobody can.
	Trust func(reference.DocumentLab)

	// Names says that whoever is told to trust the documents also asks the run for
	// the addresses of its names.
	Names bool

	// Patience is how long a document may take before its reader ought to have
	// given up; default 10 s.
	Patience time.Duration
}

// ErrNoDocuments is wrapped when the run cannot act as a client that a document
// describes: the authorization server does not read them, or not ours.
var ErrNoDocuments = errors.New("an authorization server that reads the client ID metadata documents of this run")

// A Document is something that the run publishes under a URL of its own.
type Document struct {
	URL string

	mu      sync.Mutex
	answer  Answering
	fetches []Fetch
}

// An Answering answers the n-th request for a document, counted from 1.
type Answering func(w http.ResponseWriter, r *http.Request, n int)

// A Fetch is a request for a document.
type Fetch struct {
	At     time.Time
	Target string // path and query
	Header http.Header
	Ended  time.Duration // how long it took to answer, or until the other side left; 0 while it lasts
	Left   bool          // the other side left before the end
}

// ByBrowser tells whether a user agent sent it rather than a server: browsers say
// so (Fetch Metadata Request Headers, W3C).
func (f *Fetch) ByBrowser() bool { return f.Header.Get("Sec-Fetch-Mode") != "" }

// Serve changes what is published.
func (x *Document) Serve(a Answering) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.answer = a
}

// Fetches are the requests of servers so far.
func (x *Document) Fetches() []Fetch {
	x.mu.Lock()
	defer x.mu.Unlock()
	var all []Fetch
	for _, f := range x.fetches {
		if !f.ByBrowser() {
			all = append(all, f)
		}
	}
	return all
}

// AsJSON answers with a JSON document. What may be done with it, caches are told
// by the directives; none: not kept.
func AsJSON(members map[string]any, directives ...string) Answering {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		body, _ := json.Marshal(members) // of what is written in the program
		if len(directives) == 0 {
			directives = []string{"no-store"}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", strings.Join(directives, ", "))
		_, _ = w.Write(body) // the other side has gone: recorded
	}
}

// As answers with a status, a media type and a body, not to be kept.
func As(status int, media string, body []byte) Answering {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Content-Type", media)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write(body) // the other side has gone: recorded
	}
}

// A documentHost serves documents, and remembers who fetched what.
type documentHost struct {
	base      *url.URL // https, with a certificate that the server was told to trust
	plain     *url.URL // http; nil if there is none
	untrusted *url.URL // https with a certificate that nobody vouches for; nil if there is none

	connected atomic.Int64
	names     movingNames

	mu        sync.Mutex
	documents map[string]*Document // by path
}

// documentHost starts the host, when it is first asked for.
func (d *Deployment) documentHost(ctx context.Context) (*documentHost, error) {
	return Once(d, "document host", func(ctx context.Context) (*documentHost, error) {
		return d.view(ctx).startDocuments(ctx)
	}).Get(ctx)
}

func (d *Deployment) startDocuments(ctx context.Context) (*documentHost, error) {
	settings := d.Target.Documents
	local := d.LocalServer(ctx)
	if !local && (settings.Listen == "" || settings.URL == "") {
		return nil, fmt.Errorf("%w: it is not on loopback and cannot reach them; say where it can (documents in the configuration)", ErrNoDocuments)
	}
	h := &documentHost{documents: map[string]*Document{}}
	lab := reference.DocumentLab{}
	listen := func(address, scheme string, certificate *tls.Certificate) (*url.URL, error) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("listen for requests of documents: %w", err)
		}
		if at, ok := l.Addr().(*net.TCPAddr); ok {
			lab.Addresses = append(lab.Addresses, netip.AddrPortFrom(at.AddrPort().Addr().Unmap(), at.AddrPort().Port()))
		}
		h.serve(d.bench, l, certificate)
		return &url.URL{Scheme: scheme, Host: l.Addr().String()}, nil
	}
	authority, err := certs.New()
	if err != nil {
		return nil, err
	}
	stranger, err := certs.New()
	if err != nil {
		return nil, err
	}
	lab.Roots, lab.Resolve = authority.Pool(), h.names.resolve
	certificate := settings.Certificate
	if certificate == nil {
		own, err := authority.Issue("127.0.0.1", "localhost", "::1", "*"+movingZone)
		if err != nil {
			return nil, err
		}
		certificate = &own
	}
	address := settings.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	if h.base, err = listen(address, "https", certificate); err != nil {
		return nil, err
	}
	if settings.URL != "" {
		if h.base, err = url.Parse(settings.URL); err != nil || h.base.Scheme != "https" || h.base.Host == "" {
			return nil, fmt.Errorf("%w: %q is not an https URL (documents in the configuration)", ErrNoDocuments, settings.URL)
		}
		h.base.Path = strings.TrimSuffix(h.base.Path, "/")
	}
	if !local {
		return h, nil
	}
	if h.plain, err = listen("127.0.0.1:0", "http", nil); err != nil {
		return nil, err
	}
	unknown, err := stranger.Issue("127.0.0.1", "localhost")
	if err != nil {
		return nil, err
	}
	if h.untrusted, err = listen("127.0.0.1:0", "https", &unknown); err != nil {
		return nil, err
	}
	if settings.Trust != nil {
		settings.Trust(lab)
	}
	return h, nil
}

// serve answers what comes in, until the run is over.
func (h *documentHost) serve(b *bench, l net.Listener, certificate *tls.Certificate) {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // handshakes that fail are the other side's affair
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				h.connected.Add(1)
			}
		},
	}
	b.afterwards(func() { _ = server.Close() })
	if certificate != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12})
	}
	go server.Serve(l) //nolint:errcheck // always ErrServerClosed
}

// publish makes a new document. Its place is relative to the host, and is a
// place of its own if it is empty.
func (h *documentHost) publish(place string, answer Answering) *Document {
	if place == "" {
		place = "/" + strings.ToLower(rand.Text()[:12]) + "/client.json"
	}
	x := &Document{URL: h.base.String() + place, answer: answer}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.documents[urlpath.Clean(h.base.Path+place)] = x
	return x
}

// ServeHTTP answers with the document at a path, however it is spelt.
func (h *documentHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	x := h.documents[urlpath.Clean("/"+r.URL.Path)]
	h.mu.Unlock()
	if x == nil {
		http.NotFound(w, r)
		return
	}
	began := time.Now()
	x.mu.Lock()
	n, answer := len(x.fetches), x.answer
	x.fetches = append(x.fetches, Fetch{At: began, Target: r.URL.RequestURI(), Header: r.Header.Clone()})
	x.mu.Unlock()
	answer(w, r, n+1)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fetches[n].Ended, x.fetches[n].Left = time.Since(began), r.Context().Err() != nil
}

// LocalServer tells whether the authorization server is on loopback, and so can
// reach what the run serves there.
func (d *Deployment) LocalServer(ctx context.Context) bool {
	endpoint, err := d.ServerEndpoint(ctx, "authorization_endpoint")
	if err != nil {
		return false
	}
	u, err := url.Parse(endpoint)
	return err == nil && IsLoopback(u)
}

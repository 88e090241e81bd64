package client

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpassay/mcpassay/reference"
)

// The surroundings of a deployment are what a client is to leave alone: addresses
// of this machine, a proxy that leads nowhere, a file that only a shell would make.
type surroundings struct {
	canary   *http.Server
	port     string // of the canary, on each of its addresses
	proxy    *httpProxy
	dir      string // for the file
	streamed atomic.Int64
	waited   atomic.Bool

	handshaking sync.Mutex
	handshakes  map[reference.Party]int
}

// PartyCanary is whoever listens where no client has any business.
const PartyCanary reference.Party = "another address of this machine"

// thisMachine is what no proxy is asked for.
const thisMachine = "localhost,127.0.0.1,127.0.0.2,::1"

// ourHeaderTime bounds how long a client may take for the header of a request.
const ourHeaderTime = 10 * time.Second

// surround makes what the lab asks for.
func (s *Stage) surround() error {
	s.handshakes = map[reference.Party]int{}
	s.Lab.ForClients.Hello = func(p reference.Party) {
		s.handshaking.Lock()
		defer s.handshaking.Unlock()
		s.handshakes[p]++
	}
	var err error
	if s.Lab.Canary != nil {
		err = errors.Join(err, s.listen())
	}
	if s.Lab.Proxied {
		s.proxy, err = startProxy()
	}
	if s.Lab.Marked {
		var made error
		s.dir, made = os.MkdirTemp("", "mcpassay-mark")
		err = errors.Join(err, made)
	}
	if err == nil && s.Lab.Ready != nil {
		s.Lab.Ready(s)
	}
	return err
}

// listen starts the canary on one port of several addresses. A machine need not
// have them all.
func (s *Stage) listen() error {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, s.port, err = net.SplitHostPort(first.Addr().String()); err != nil {
		return errors.Join(err, first.Close())
	}
	listeners := []net.Listener{first}
	for _, host := range []string{"127.0.0.2", "::1"} {
		if l, err := net.Listen("tcp", net.JoinHostPort(host, s.port)); err == nil {
			listeners = append(listeners, l)
		}
	}
	s.canary = &http.Server{Handler: s.Lab.Observed(PartyCanary, s.Lab.Canary), ReadHeaderTimeout: ourHeaderTime}
	for _, l := range listeners {
		go s.canary.Serve(l) //nolint:errcheck // always ErrServerClosed
	}
	return nil
}

// at is the origin of the canary under one of its names.
func (s *Stage) at(host string) string { return "http://" + host + ":" + s.port }

// mark is the file that only a shell would make.
func (s *Stage) mark() string { return filepath.Join(s.dir, "mark") }

func (s *surroundings) clear() error {
	var errs []error
	if s.canary != nil {
		errs = append(errs, s.canary.Close())
	}
	if s.proxy != nil {
		errs = append(errs, s.proxy.server.Close())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// offer says what the client has to be told of its surroundings.
func (s *Stage) offer(o *Offer, in *Situation) {
	o.Authority, o.Callbacks = s.Server.Authority(), in.Callbacks
	if s.proxy != nil {
		o.Proxy = s.proxy.url
	}
}

// tell adds to the trace what was noticed beside the deployment.
func (s *Stage) tell(t *Trace) {
	s.handshaking.Lock()
	t.Handshakes = maps.Clone(s.handshakes)
	s.handshaking.Unlock()
	t.Streamed, t.Waited = s.streamed.Load(), s.waited.Load()
	if s.proxy != nil {
		t.Proxied = s.proxy.sought()
	}
	if s.dir != "" {
		_, err := os.Stat(s.mark())
		t.Marked = err == nil
	}
}

// An httpProxy hears what clients want to reach, and leads nowhere.
type httpProxy struct {
	server *http.Server
	url    string

	mu   sync.Mutex
	seen []string
}

func startProxy() (*httpProxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p := &httpProxy{url: (&url.URL{Scheme: "http", Host: l.Addr().String()}).String()}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: ourHeaderTime}
	go p.server.Serve(l) //nolint:errcheck // always ErrServerClosed
	return p, nil
}

// maxSought bounds what is kept of a client that never stops asking.
const maxSought = 100

func (p *httpProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wanted := r.URL.String()
	if r.Method == http.MethodConnect {
		wanted = "https://" + r.Host
	}
	p.mu.Lock()
	if len(p.seen) < maxSought {
		p.seen = append(p.seen, wanted)
	}
	p.mu.Unlock()
	http.Error(w, "this proxy leads nowhere", http.StatusForbidden)
}

func (p *httpProxy) sought() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

package visits

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A lease is an origin that a server of a deployment has for a while.
type lease struct {
	origin, host string
	handler      atomic.Pointer[http.Handler] // nil until the server is there
	end          func() error
}

func (l *lease) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := l.handler.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	http.Error(w, "nobody is here yet", http.StatusServiceUnavailable)
}

// A lessor has origins to lease.
type lessor interface {
	// lease gives away an origin, whose host name begins with the word if there is
	// a choice.
	lease(word string) (*lease, error)
}

// names leases hosts below one that is ours. Nobody can guess them.
type names struct {
	base *url.URL

	mu     sync.Mutex
	leased map[string]*lease // by host
}

func (n *names) lease(word string) (*lease, error) {
	host := word + "-" + strings.ToLower(rand.Text()) + "." + n.base.Host
	l := &lease{origin: n.base.Scheme + "://" + host, host: host}
	l.end = func() error {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.leased, host)
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leased[host] = l
	return l, nil
}

// find returns the lease of a host, or nil.
func (n *names) find(host string) *lease {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.leased[host]
}

// Ports are the ports that deployments are reached at where they have no names of
// their own.
type Ports struct {
	Address   string // to listen at, without a port
	From, To  int    // ports to use; 0: any that is free
	TLSConfig *tls.Config
}

// ports leases ports of one host, that which was free for the longest time first:
// who still believes an earlier server there meets nobody for a while.
type ports struct {
	Ports
	base *url.URL

	mu   sync.Mutex
	free []int
}

func newPorts(base *url.URL, p Ports) *ports {
	all := &ports{Ports: p, base: base}
	for port := p.From; port <= p.To && p.From > 0; port++ {
		all.free = append(all.free, port)
	}
	return all
}

// errNoPort says that every port is in use.
var errNoPort = errors.New("every port is in use")

func (p *ports) lease(string) (*lease, error) {
	listener, port, err := p.listen()
	if err != nil {
		return nil, err
	}
	host := net.JoinHostPort(p.base.Hostname(), strconv.Itoa(port))
	l := &lease{origin: p.base.Scheme + "://" + host, host: host}
	server := newServer(l)
	l.end = func() error {
		err := server.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.From > 0 {
			p.free = append(p.free, port)
		}
		return err
	}
	if p.TLSConfig != nil {
		server.TLSConfig = p.TLSConfig.Clone()
		go server.ServeTLS(listener, "", "") //nolint:errcheck // always ErrServerClosed
	} else {
		go server.Serve(listener) //nolint:errcheck // always ErrServerClosed
	}
	return l, nil
}

// listen listens at a free port.
func (p *ports) listen() (net.Listener, int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.From == 0 {
		l, err := net.Listen("tcp", net.JoinHostPort(p.Address, "0"))
		if err != nil {
			return nil, 0, err
		}
		return l, l.Addr().(*net.TCPAddr).Port, nil
	}
	var last error
	for i, port := range p.free {
		l, err := net.Listen("tcp", net.JoinHostPort(p.Address, strconv.Itoa(port)))
		if err == nil {
			p.free = append(p.free[:i:i], p.free[i+1:]...)
			return l, port, nil
		}
		last = err
	}
	return nil, 0, fmt.Errorf("%w: %w", errNoPort, cmp.Or(last, errors.New("none is left")))
}

// newServer has the limits of every server here. There is none on how long an
// answer takes: MCP servers send streams.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: log.New(io.Discard, "", 0), // of broken handshakes, which strangers cause
	}
}

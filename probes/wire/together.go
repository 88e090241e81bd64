package wire

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// Together sends all the requests and lets go of their last bytes at one moment,
// each on a connection of its own that was opened and used before: none has a
// head start by the network. Each has an answer or an error. Whatever the target
// answers is an answer: nobody is asked twice. No more requests can go together
// than may be under way at once.
func (c *Client) Together(ctx context.Context, requests []*http.Request) ([]*Response, []error) {
	gate := newGate(len(requests), c.limits.Timeout/2)
	answers, errs := make([]*Response, len(requests)), make([]error, len(requests))
	var group sync.WaitGroup
	for i, req := range requests {
		racer := c.racer(gate)
		own := context.WithValue(ctx, transportKey{}, http.RoundTripper(racer.transport))
		own = context.WithValue(own, chainKey{}, nil) // they run side by side
		group.Go(func() {
			defer racer.transport.CloseIdleConnections()
			racer.warm(c, own, req)
			racer.arm()
			answers[i], errs[i] = c.once(req.WithContext(own))
			racer.arrive() // nothing is held back if no connection could be made
		})
	}
	group.Wait()
	var longest time.Duration
	for _, res := range answers {
		if res != nil {
			longest = max(longest, res.Took)
		}
	}
	Spend(ctx, longest)
	return answers, errs
}

// A racer is a transport of one connection, which can be made to hold back the
// last byte of what it sends next.
type racer struct {
	transport *http.Transport
	gate      *gate
	arrived   sync.Once
	mu        sync.Mutex
	armed     bool
}

func (c *Client) racer(g *gate) *racer {
	r := &racer{gate: g}
	r.transport = c.base.(*http.Transport).Clone()
	r.transport.MaxConnsPerHost = 1
	// Streams of one HTTP/2 connection could not be held back one by one.
	r.transport.ForceAttemptHTTP2 = false
	r.transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	dial := r.transport.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	r.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &heldConn{conn, r}, nil
	}
	return r
}

// warm opens the connection with a request that asks for nothing in particular.
// If it fails, so will what follows, and that says more.
func (r *racer) warm(c *Client, ctx context.Context, to *http.Request) { //nolint:revive // ctx is what the request is sent in
	u := *to.URL
	u.Path, u.RawPath, u.RawQuery = "/.well-known/oauth-authorization-server", "", ""
	req, err := http.NewRequestWithContext(For(ctx, "control"), http.MethodGet, u.String(), nil)
	if err == nil {
		_, _ = c.once(req)
	}
}

func (r *racer) arm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed = true
}

// fires tells, once, whether what is written now is to be held back.
func (r *racer) fires() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	fires := r.armed
	r.armed = false
	return fires
}

// A heldConn holds back the last byte of one write until the gate opens.
type heldConn struct {
	net.Conn
	racer *racer
}

func (c *heldConn) Write(p []byte) (int, error) {
	if len(p) < 2 || !c.racer.fires() {
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(p[:len(p)-1])
	if err != nil {
		return n, err
	}
	c.racer.arrive()
	c.racer.gate.wait()
	last, err := c.Conn.Write(p[len(p)-1:])
	return n + last, err
}

func (r *racer) arrive() { r.arrived.Do(r.gate.arrive) }

// settling is how long after the last arrival the gate stays closed, so that what
// was sent so far has got to where it goes and is being read there.
const settling = 20 * time.Millisecond

// A gate opens when everybody has arrived, or when that takes too long.
type gate struct {
	mu       sync.Mutex
	missing  int
	open     chan struct{}
	patience time.Duration
}

func newGate(n int, patience time.Duration) *gate {
	return &gate{missing: n, open: make(chan struct{}), patience: patience}
}

func (g *gate) arrive() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.missing--; g.missing == 0 {
		time.AfterFunc(settling, func() { close(g.open) })
	}
}

func (g *gate) wait() {
	timer := time.NewTimer(g.patience)
	defer timer.Stop()
	select {
	case <-g.open:
	case <-timer.C:
	}
}

package probes

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/reports"
)

// A Canary is a place that nobody has a reason to connect to unless somebody
// else told them: whoever connects was made to. It stands on loopback, beside an
// authorization server that is there too, in the place of whatever only that
// server can reach.
type Canary struct {
	Port string

	mu   sync.Mutex
	hits []string // the beginning of what each connection sent
}

// ErrNoCanary says that there is no place on the server's own network.
var ErrNoCanary = errors.New("an authorization server on loopback, beside which the run can listen: whether others fetch internal addresses shows on their own network only")

// canaryRead is how much is read of what reaches a canary, in bytes.
const canaryRead = 4 << 10

// Canary puts up a canary of its own for each thing that is tried, so that each
// hit has one cause.
func (d *Deployment) Canary(ctx context.Context) (*Canary, error) {
	if !d.LocalServer(ctx) {
		return nil, ErrNoCanary
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, &Blocked{Owner: reports.Mcpassay, Err: err}
	}
	c := &Canary{}
	c.at(d.bench, l)
	// Every name of loopback leads here, as far as the system has them.
	for _, address := range []string{"[::1]:" + c.Port, "127.0.0.2:" + c.Port} {
		if more, err := net.Listen("tcp", address); err == nil {
			c.at(d.bench, more)
		}
	}
	return c, nil
}

func (c *Canary) at(b *bench, l net.Listener) {
	_, c.Port, _ = net.SplitHostPort(l.Addr().String())
	b.afterwards(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.answer(conn)
		}
	}()
}

// answer notes a connection. To HTTP it says that nothing is here.
func (c *Canary) answer(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // it was only looked at
	c.mu.Lock()
	n := len(c.hits)
	c.hits = append(c.hits, "")
	c.mu.Unlock()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second)) // or it is closed at once
	buffer := make([]byte, canaryRead)
	got, _ := conn.Read(buffer) // nothing is as good
	c.mu.Lock()
	if len(c.hits) <= 1000 {
		c.hits[n] = string(buffer[:got])
	}
	c.mu.Unlock()
	_, _ = conn.Write([]byte("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")) // the other side may have gone
}

// Hits are the connections of servers so far. A browser says that it is one.
func (c *Canary) Hits() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, hit := range c.hits {
		if !strings.Contains(strings.ToLower(hit), "\nsec-fetch-") {
			n++
		}
	}
	return n
}

// Under is a URL of the canary.
func (c *Canary) Under(scheme, host string) string {
	return scheme + "://" + host + ":" + c.Port + "/canary.json"
}

// A Lure is something by which a server was given the URL of a canary.
type Lure struct {
	What string
	Hit  bool
}

// lure tries what leads to a canary of its own.
func (d *Deployment) lure(ctx context.Context, what string, try func(*Canary) error) (Lure, error) {
	c, err := d.Canary(ctx)
	if err != nil {
		return Lure{}, err
	}
	if err := try(c); err != nil {
		return Lure{}, err
	}
	hit := c.Hits() > 0
	if hit {
		d.wire.RecordArrival(ctx, time.Now(), "connected to the canary: "+what)
	}
	return Lure{what, hit}, nil
}

// Addresses are spellings of loopback. The first is the plain one.
var loopbackSpellings = []string{
	"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "127.1", "2130706433",
	"0x7f000001", "0177.0.0.1", "127.0.0.2", "localhost.", "LOCALHOST", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
}

// LuredByClientID gives the URL of a canary as a client id, in each spelling of
// its address, between sound flows.
func (d *Deployment) LuredByClientID(ctx context.Context) ([]Lure, error) {
	return Once(d, "lured by client id", func(ctx context.Context) ([]Lure, error) {
		d := d.view(ctx)
		return WithDocuments(ctx, d, func(ctx context.Context) ([]Lure, error) {
			var all []Lure
			for _, host := range loopbackSpellings {
				l, err := d.lure(ctx, host, func(c *Canary) error {
					id := c.Under("https", host)
					_, err := d.Attempt(ctx, &Client{ID: id, Method: "none", RedirectURI: LoopbackRedirect, RedirectURIs: []string{LoopbackRedirect}}, nil, nil)
					return err
				})
				if err != nil {
					return nil, err
				}
				all = append(all, l)
			}
			return all, nil
		})
	}).Get(ctx)
}

// LuredByRedirect publishes documents that redirect to a canary.
func (d *Deployment) LuredByRedirect(ctx context.Context) ([]Lure, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) ([]Lure, error) {
		var all []Lure
		for _, scheme := range []string{"https", "http"} {
			for _, status := range []int{302, 307} {
				l, err := d.lure(ctx, "a redirect "+strconv.Itoa(status)+" to "+scheme, func(c *Canary) error {
					p, err := d.published(ctx, Publication{Serve: func([]byte) Answering {
						return func(w http.ResponseWriter, _ *http.Request, _ int) {
							w.Header().Set("Location", c.Under(scheme, "127.0.0.1"))
							w.WriteHeader(status)
						}
					}})
					if err != nil {
						return err
					}
					_, err = d.Attempt(ctx, p.Client, nil, nil)
					return err
				})
				if err != nil {
					return nil, err
				}
				all = append(all, l)
			}
		}
		return all, nil
	})
}

package probes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/mcpassay/mcpassay/reports"
)

// movingZone is where the names are that only the run resolves.
const movingZone = ".documents.test"

// movingNames are names of the host of documents whose addresses the run chooses,
// anew each time that somebody asks.
type movingNames struct {
	mu    sync.Mutex
	names map[string]*movingName
}

// A movingName leads to the first address once, and to the other one ever after.
type movingName struct {
	first, then netip.Addr
	asked       int
}

func (m *movingNames) add(first, then netip.Addr) string {
	host := strings.ToLower(rand.Text()[:12]) + movingZone
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names == nil {
		m.names = map[string]*movingName{}
	}
	m.names[host] = &movingName{first: first, then: then}
	return host
}

// resolve answers whoever asks for a name's addresses.
func (m *movingNames) resolve(host string) ([]netip.Addr, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := m.names[strings.ToLower(strings.TrimSuffix(host, "."))]
	if name == nil {
		return nil, strings.HasSuffix(host, movingZone)
	}
	name.asked++
	if name.asked == 1 {
		return []netip.Addr{name.first}, true
	}
	return []netip.Addr{name.then}, true
}

// settle has a name lead to its first address again, so that what was granted
// under it can be cleaned up. It returns how often the name was asked for.
func (m *movingNames) settle(host string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := m.names[host]
	name.then = name.first
	return name.asked
}

// rebound is the address of the trap: loopback, but not where documents are.
var rebound = netip.MustParseAddr("127.0.0.2")

// ErrNoNames says that nobody would ask the run for an address.
var ErrNoNames = errors.New("a host name whose address the run controls, and an authorization server that resolves it: who can publish one shows by it whether the address that was checked is the one that is used")

// MovesNames tells whether the authorization server resolves names of the run.
func (d *Deployment) MovesNames(ctx context.Context) bool {
	return d.Target.Documents.Names && d.LocalServer(ctx)
}

// LuredByName publishes a document under a name that leads to the document at
// first, and to a trap at the same port from the second time on that anybody asks.
// The same under a name that stays where it is has to work.
func (d *Deployment) LuredByName(ctx context.Context) ([]Lure, error) {
	host, err := d.documentHost(ctx)
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddrPort(host.base.Host)
	if err != nil {
		return nil, fmt.Errorf("%w: the documents are not on loopback", ErrNoNames)
	}
	l, err := net.Listen("tcp4", netip.AddrPortFrom(rebound, at.Port()).String())
	if err != nil {
		return nil, &Blocked{Owner: reports.Mcpassay, Err: err}
	}
	trap := &Trap{}
	trap.at(d.bench, l)
	return WithDocuments(ctx, d, func(ctx context.Context) ([]Lure, error) {
		steady, err := d.underName(ctx, at.Port(), host.names.add(at.Addr(), at.Addr()))
		if err != nil {
			return nil, err
		}
		if !steady.Issued() {
			return nil, &Blocked{By: "as-cimd-flow", Owner: reports.AuthServer, Err: errors.New("a document under a name that leads to it was not taken")}
		}
		name := host.names.add(at.Addr(), rebound)
		if _, err := d.underName(ctx, at.Port(), name); err != nil {
			return nil, err
		}
		if host.names.settle(name) == 0 {
			return nil, &Blocked{Owner: reports.Mcpassay, Err: errors.New("nobody asked for the address of the name")}
		}
		return []Lure{{What: "a name that led elsewhere when it was resolved again", Hit: trap.Hits() > 0}}, nil
	})
}

// underName takes a client through a flow whose document is published there.
func (d *Deployment) underName(ctx context.Context, port uint16, name string) (*Attempt, error) {
	p, err := d.published(ctx, Publication{Spelt: func(_, place string) string {
		return fmt.Sprintf("https://%s:%d%s", name, port, place)
	}})
	if err != nil {
		return nil, err
	}
	defer d.recordFetches(ctx, p.Document)
	return d.Attempt(ctx, p.Client, nil, nil)
}

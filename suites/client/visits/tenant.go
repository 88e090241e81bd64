package visits

import (
	"cmp"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

// Limits bound what visitors can make the server hold, and for how long. Zero
// values are replaced by those of DefaultLimits.
type Limits struct {
	Tenants  int           // at once
	Open     int           // situations under way at once, of a tenant
	Starts   int           // of situations, of a tenant
	Requests int           // that are kept of a situation
	Bytes    int           // that are kept of a tenant's situations, about
	AtOnce   int           // requests to a tenant's deployments at once
	Lifetime time.Duration // of a tenant
	Idle     time.Duration // after which an unused one ends
}

// DefaultLimits are for a small machine.
var DefaultLimits = Limits{
	Tenants: 20, Open: 3, Starts: 300, Requests: 500, Bytes: 16 << 20, AtOnce: 32, Lifetime: 2 * time.Hour, Idle: 20 * time.Minute,
}

func (l *Limits) setDefaults() {
	d := DefaultLimits
	l.Tenants, l.Open, l.Starts = cmp.Or(l.Tenants, d.Tenants), cmp.Or(l.Open, d.Open), cmp.Or(l.Starts, d.Starts)
	l.Requests, l.Bytes, l.AtOnce = cmp.Or(l.Requests, d.Requests), cmp.Or(l.Bytes, d.Bytes), cmp.Or(l.AtOnce, d.AtOnce)
	l.Lifetime, l.Idle = cmp.Or(l.Lifetime, d.Lifetime), cmp.Or(l.Idle, d.Idle)
}

// A profile is what a visitor says of the client.
type profile struct {
	name      string // of the client
	revision  suites.Revision
	redirects []string
	attended  bool // the visitor signs in and agrees
}

// A tenant is one visitor, with everything that belongs to the visit of one.
// Whoever knows its id is the visitor.
type tenant struct {
	profile

	id     string
	server *Server
	users  []reference.User
	began  time.Time

	used     atomic.Int64 // when, in nanoseconds
	bytes    atomic.Int64 // that are kept
	requests atomic.Int64 // under way to the deployments
	writing  sync.Mutex   // one report at a time

	mu     sync.Mutex
	visits map[string]*visit // the latest, by situation
	starts int
	ended  bool
}

// The refusals of tenants.
var (
	errManyTenants = errors.New("as many people as there is room for are here already")
	errManyOpen    = errors.New("too many situations are under way")
	errManyStarts  = errors.New("too many situations were started")
	errEnded       = errors.New("it has ended")
)

// admit makes a tenant.
func (s *Server) admit(p profile) (*tenant, error) {
	t := &tenant{profile: p, id: strings.ToLower(rand.Text()), server: s, began: s.now(), visits: map[string]*visit{}}
	for _, u := range reference.DefaultUsers {
		// Those of the reference are known to everybody.
		t.users = append(t.users, reference.User{Name: u.Name, Password: strings.ToLower(rand.Text()[:10])})
	}
	t.touch()
	s.sweep()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errEnded
	case len(s.tenants) >= s.Tenants:
		return nil, errManyTenants
	}
	s.tenants[t.id] = t
	return t, nil
}

// tenant returns the tenant of an id, or nil.
func (s *Server) tenant(id string) *tenant {
	s.mu.Lock()
	t := s.tenants[id]
	s.mu.Unlock()
	if t == nil || t.over() {
		return nil
	}
	return t
}

func (t *tenant) touch() { t.used.Store(t.server.now().UnixNano()) }

// until is when the tenant ends whatever happens.
func (t *tenant) until() time.Time { return t.began.Add(t.server.Lifetime) }

// over tells whether its time is up.
func (t *tenant) over() bool {
	now := t.server.now()
	return !now.Before(t.until()) || now.Sub(time.Unix(0, t.used.Load())) >= t.server.Idle
}

// sweep ends the tenants whose time is up.
func (s *Server) sweep() {
	var over []*tenant
	s.mu.Lock()
	for id, t := range s.tenants {
		if t.over() {
			over = append(over, t)
			delete(s.tenants, id)
		}
	}
	s.mu.Unlock()
	for _, t := range over {
		_ = t.end() // nobody is left to tell
	}
}

// dismiss ends a tenant before its time.
func (s *Server) dismiss(t *tenant) error {
	s.mu.Lock()
	delete(s.tenants, t.id)
	s.mu.Unlock()
	return t.end()
}

// end frees everything that belongs to the tenant.
func (t *tenant) end() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	var errs []error
	for _, v := range t.visits {
		errs = append(errs, v.end())
	}
	t.visits = map[string]*visit{}
	return errors.Join(errs...)
}

// start takes the tenant to a situation, in place of an earlier visit to it.
func (t *tenant) start(in *client.Situation) (*visit, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, open := t.visits[in.ID], 0
	for _, v := range t.visits {
		if v != before && v.underWay() {
			open++
		}
	}
	switch {
	case t.ended:
		return nil, errEnded
	case open >= t.server.Open:
		return nil, errManyOpen
	case t.starts >= t.server.Starts:
		return nil, errManyStarts
	}
	t.starts++
	if before != nil {
		if err := before.end(); err != nil {
			return nil, err
		}
		t.bytes.Add(-before.bytes.Load())
		delete(t.visits, in.ID)
	}
	v, err := t.invite(in)
	if err != nil {
		return nil, err
	}
	t.visits[in.ID] = v
	return v, nil
}

// visit returns the latest visit to a situation, or nil.
func (t *tenant) visit(in *client.Situation) *visit {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.visits[in.ID]
}

// all are the latest visits, in the order in which they began.
func (t *tenant) all() []*visit {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*visit
	for _, v := range t.visits {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b *visit) int { return a.began.Compare(b.began) })
	return all
}

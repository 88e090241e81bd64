package visits

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites/client"
)

// A visit is one deployment that a tenant takes a client to. It is under way until
// it is ended; after that only what was seen is left.
type visit struct {
	in      *client.Situation
	offer   client.Offer
	began   time.Time
	limits  *Limits
	tenant  *tenant
	context context.Context // ends with the visit
	cancel  context.CancelFunc

	live  atomic.Pointer[client.Visit] // nil before it begins and after its end
	full  atomic.Bool                  // requests were turned away
	bytes atomic.Int64                 // that are kept

	mu    sync.Mutex
	sites []*site
	trace *client.Trace // nil while it is under way
	shown *shown        // see look
}

// invite starts the deployment of a situation.
func (t *tenant) invite(in *client.Situation) (*visit, error) {
	v := &visit{in: in, began: time.Now(), limits: &t.server.Limits, tenant: t}
	v.context, v.cancel = context.WithCancel(context.Background())
	grounds := t.server.grounds
	grounds.Sites = v.site
	grounds.Heard = func(bytes int) {
		v.bytes.Add(int64(bytes))
		t.bytes.Add(int64(bytes))
	}
	live, err := grounds.Invite(in, client.Options{Redirects: t.redirects, Attended: t.attended, Revision: t.revision}, t.users)
	if err != nil {
		return nil, errors.Join(err, v.free())
	}
	v.offer = live.Offer
	v.live.Store(live)
	return v, nil
}

func (v *visit) site() (reference.Site, error) {
	s := newSite(v.tenant.server.lessor, v.guard)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sites = append(v.sites, s)
	return s, nil
}

// guard keeps the limits before a server of the deployment.
func (v *visit) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.tenant.touch()
		if v.tenant.requests.Add(1); v.tenant.requests.Load() > int64(v.limits.AtOnce) {
			v.tenant.requests.Add(-1)
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
			return
		}
		defer v.tenant.requests.Add(-1)
		if v.filled() {
			v.full.Store(true)
			http.Error(w, "this situation has been sent more than is kept of one: start it again", http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(v.context, cancel)() // streams end with the visit
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// filled tells whether no more can be kept.
func (v *visit) filled() bool {
	live := v.live.Load()
	if live == nil {
		return true
	}
	requests, _ := live.Seen()
	return requests >= v.limits.Requests || v.tenant.bytes.Load() >= int64(v.limits.Bytes)
}

// underWay tells whether the deployment is there.
func (v *visit) underWay() bool { return v.live.Load() != nil }

// end stops the deployment and keeps what was seen.
func (v *visit) end() error {
	live := v.live.Swap(nil)
	if live == nil {
		return nil
	}
	v.cancel()
	err := live.End()
	trace := live.Trace()
	v.mu.Lock()
	v.trace = trace
	v.mu.Unlock()
	return errors.Join(err, v.free())
}

// free gives back what the deployment was reached at.
func (v *visit) free() error {
	v.cancel()
	v.mu.Lock()
	sites := v.sites
	v.sites = nil
	v.mu.Unlock()
	var errs []error
	for _, s := range sites {
		errs = append(errs, s.end())
	}
	return errors.Join(errs...)
}

// soFar is what the client has done.
func (v *visit) soFar() *client.Trace {
	if live := v.live.Load(); live != nil {
		return live.Trace()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.trace
}

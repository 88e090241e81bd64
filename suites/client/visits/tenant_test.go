package visits

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/suites"
)

// A watch is a clock that stands until it is set.
type watch struct{ ahead atomic.Int64 }

func (w *watch) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// clocked serves at names, by a clock that the test sets.
func clocked(t *testing.T, l Limits) (*bench, *watch) {
	t.Helper()
	var w watch
	return run(t, true, func(o *Options) { o.Limits, o.now = l, w.now }), &w
}

// alive tells whether a server answers at the origin of a visit.
func (b *bench) alive(t *testing.T, address string) bool {
	t.Helper()
	res, err := b.client.Get(address)
	if err != nil {
		return false // its port is closed
	}
	status, _ := read(t, res)
	return status != http.StatusMisdirectedRequest
}

func TestTenantsEnd(t *testing.T) {
	limits := Limits{Lifetime: time.Hour, Idle: 10 * time.Minute}
	for _, x := range []struct {
		name string
		pass []time.Duration // between things that the visitor does
		stay bool
	}{
		{"at once", nil, true},
		{"before they are idle", []time.Duration{9 * time.Minute}, true},
		{"idle", []time.Duration{11 * time.Minute}, false},
		{"at the end of their lives, however busy", []time.Duration{
			9 * time.Minute, 9 * time.Minute, 9 * time.Minute, 9 * time.Minute, 9 * time.Minute, 9 * time.Minute, 9 * time.Minute}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			b, w := clocked(t, limits)
			to := b.arriveAs(t, "Ferry", suites.V20260728)
			v, err := to.start(ordinary(t))
			if err != nil {
				t.Fatal(err)
			}
			status := 0
			for _, d := range x.pass {
				w.ahead.Add(int64(d))
				status, _ = b.get(t, to.path())
			}
			b.sweep()
			if len(x.pass) == 0 {
				status, _ = b.get(t, to.path())
			}
			if stays := status == http.StatusOK; stays != x.stay {
				t.Errorf("its page is answered %d", status)
			}
			if alive := b.alive(t, v.offer.URL); alive != x.stay {
				t.Errorf("its server answers: %t", alive)
			}
			b.mu.Lock()
			left := len(b.tenants)
			b.mu.Unlock()
			b.names.mu.Lock()
			leased := len(b.names.leased)
			b.names.mu.Unlock()
			if left > 0 != x.stay || leased > 0 != x.stay {
				t.Errorf("%d tenants and %d names are left", left, leased)
			}
		})
	}
}

// TestRequestsOfClientsCount shows that a tenant is not idle whose client is busy.
func TestRequestsOfClientsCount(t *testing.T) {
	b, w := clocked(t, Limits{Idle: 10 * time.Minute})
	to := b.arriveAs(t, "Ferry", suites.V20260728)
	v, err := to.start(ordinary(t))
	if err != nil {
		t.Fatal(err)
	}
	w.ahead.Add(int64(6 * time.Minute))
	if !b.alive(t, v.offer.URL) {
		t.Fatal("the server does not answer")
	}
	w.ahead.Add(int64(6 * time.Minute))
	if status, _ := b.get(t, to.situationPath(v.in)+"/live"); status != http.StatusOK {
		t.Errorf("the page cannot look any more: %d", status)
	}
	w.ahead.Add(int64(6 * time.Minute))
	if status, _ := b.get(t, to.path()); status != http.StatusNotFound {
		t.Errorf("a page that looks by itself keeps the tenant: %d", status)
	}
}

func TestTenantsAreBounded(t *testing.T) {
	b, w := clocked(t, Limits{Tenants: 2, Lifetime: time.Hour})
	b.arriveAs(t, "one", suites.V20260728)
	two := b.arriveAs(t, "two", suites.V20260728)
	arrive := func() (int, string) {
		status, _, body := b.post(t, "/tenants", url.Values{"revision": {string(suites.V20260728)}})
		return status, body
	}
	if status, body := arrive(); status != http.StatusServiceUnavailable || !strings.Contains(body, "no room") {
		t.Errorf("the third is answered %d", status)
	}
	if status, _, _ := b.post(t, two.path()+"end", nil); status != http.StatusOK {
		t.Errorf("ending is answered %d", status)
	}
	if status, _ := b.get(t, two.path()); status != http.StatusNotFound {
		t.Errorf("the page of one who has left is answered %d", status)
	}
	if status, _ := arrive(); status != http.StatusSeeOther {
		t.Errorf("when one has left, the next is answered %d", status)
	}
	w.ahead.Add(int64(2 * time.Hour))
	if status, _ := arrive(); status != http.StatusSeeOther {
		t.Errorf("when time is up, the next is answered %d", status)
	}
}

func TestSituationsAreBounded(t *testing.T) {
	b, _ := clocked(t, Limits{Open: 2, Starts: 4})
	to := b.arriveAs(t, "Ferry", suites.V20260728)
	all := b.grounds.Situations(suites.V20260728)
	start := func(i int) int {
		status, _, _ := b.post(t, to.situationPath(all[i])+"/start", nil)
		return status
	}
	first := start(0)
	address := to.visit(all[0]).offer.URL
	for _, x := range []struct{ what, got, want any }{
		{"the first", first, http.StatusSeeOther},
		{"the first again", start(0), http.StatusSeeOther},
		{"the second", start(1), http.StatusSeeOther},
		{"the third", start(2), http.StatusConflict},
	} {
		if x.got != x.want {
			t.Errorf("%s is answered %v, want %v", x.what, x.got, x.want)
		}
	}
	if b.alive(t, address) {
		t.Error("the server of an earlier visit to the same situation still answers")
	}
	b.post(t, to.situationPath(all[1])+"/finish", nil)
	if status := start(2); status != http.StatusSeeOther {
		t.Errorf("when one is finished, another is answered %d", status)
	}
	b.post(t, to.situationPath(all[2])+"/finish", nil)
	if status := start(3); status != http.StatusTooManyRequests {
		t.Errorf("the fifth start is answered %d", status)
	}
}

// TestObservationsAreBounded shows that a client that never stops asking fills
// neither its situation nor its tenant.
func TestObservationsAreBounded(t *testing.T) {
	send := func(b *bench, address string, size int) int {
		res, err := b.client.Post(address, "application/json", io.LimitReader(endless{}, int64(size)))
		if err != nil {
			t.Fatal(err)
		}
		status, _ := read(t, res)
		return status
	}
	t.Run("requests", func(t *testing.T) {
		b, _ := clocked(t, Limits{Requests: 5})
		to := b.arriveAs(t, "Ferry", suites.V20260728)
		v, err := to.start(ordinary(t))
		if err != nil {
			t.Fatal(err)
		}
		var last int
		for range 8 {
			last = send(b, v.offer.URL, 100)
		}
		now := v.look()
		if last != http.StatusServiceUnavailable || now.seen != 5 || now.Note == "" {
			t.Errorf("after 8 requests: %d, %d seen, %q", last, now.seen, now.Note)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		b, _ := clocked(t, Limits{Bytes: 200 << 10})
		to := b.arriveAs(t, "Ferry", suites.V20260728)
		v, err := to.start(ordinary(t))
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			send(b, v.offer.URL, 100<<10)
		}
		if kept := to.bytes.Load(); kept > 300<<10 || kept < 100<<10 {
			t.Errorf("%d bytes are kept", kept)
		}
		b.take(t, to, ordinary(t)) // in its place
		if kept := to.bytes.Load(); kept > 100<<10 {
			t.Errorf("%d bytes are kept of a visit that was begun anew", kept)
		}
	})
}

// endless is a body that does not end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("a"), len(p))), nil }

// TestIsolation shows that tenants neither see nor meet each other.
func TestIsolation(t *testing.T) {
	for _, named := range []bool{true, false} {
		t.Run(fmt.Sprintf("named %t", named), func(t *testing.T) {
			b := run(t, named, nil)
			one, two := b.arriveAs(t, "one", suites.V20260728), b.arriveAs(t, "two", suites.V20260728)
			in := ordinary(t)
			b.take(t, one, in)
			second, err := two.start(in)
			if err != nil {
				t.Fatal(err)
			}
			if now := second.look(); now.seen != 0 {
				t.Errorf("the second tenant sees %v", now.Lines)
			}
			if status, body := b.get(t, two.path()); status != http.StatusOK || !strings.Contains(body, "1 of ") || strings.Contains(body, one.id) {
				t.Error("the second tenant's page shows what the first did")
			}
			if one.users[0].Password == two.users[0].Password {
				t.Error("both have one password")
			}
			if status, _ := b.get(t, "/t/"+strings.Repeat("a", len(one.id))+"/"); status != http.StatusNotFound {
				t.Errorf("a tenant that does not exist is answered %d", status)
			}
		})
	}
}

// TestStreamsEnd shows that what a client holds open ends with its visit.
func TestStreamsEnd(t *testing.T) {
	b := run(t, true, nil)
	to := b.arriveAs(t, "Ferry", suites.V20260728)
	v, err := to.start(ordinary(t))
	if err != nil {
		t.Fatal(err)
	}
	held, ended := make(chan struct{}), make(chan struct{})
	stream := v.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(held)
		<-r.Context().Done()
	}))
	go func() {
		defer close(ended)
		stream.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/mcp", http.NoBody))
	}()
	<-held
	if err := v.end(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the stream goes on")
	}
	if b.alive(t, v.offer.URL) {
		t.Error("the server answers after its visit")
	}
}

// TestRequestsAtOnce shows that a client cannot hold open more than a few.
func TestRequestsAtOnce(t *testing.T) {
	b, _ := clocked(t, Limits{AtOnce: 1})
	to := b.arriveAs(t, "Ferry", suites.V20260728)
	v, err := to.start(ordinary(t))
	if err != nil {
		t.Fatal(err)
	}
	held, free := make(chan struct{}), make(chan struct{})
	slow := v.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(held)
		<-free
	}))
	go slow.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/mcp", http.NoBody))
	<-held
	res, err := b.client.Get(v.offer.URL)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := read(t, res); status != http.StatusServiceUnavailable {
		t.Errorf("a second request at once is answered %d", status)
	}
	close(free)
}

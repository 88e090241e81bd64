package visits

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/mcpassay/mcpassay/suites"
)

// freePorts are some ports in a row that nothing listens at.
func freePorts(t *testing.T, n int) (from int) {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		from = l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		free := 0
		for free < n {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(from+free)))
			if err != nil {
				break
			}
			_ = l.Close()
			free++
		}
		if free == n {
			return from
		}
	}
	t.Fatal("there are not so many free ports in a row")
	return 0
}

// TestPortsRest shows that a port which was given back rests as long as there are
// others: clients of its last tenant may still come there.
func TestPortsRest(t *testing.T) {
	from := freePorts(t, 3)
	p := newPorts(&url.URL{Scheme: "http", Host: "localhost:1"}, Ports{Address: "127.0.0.1", From: from, To: from + 2})
	var got []string
	for range 3 {
		l, err := p.lease("mcp")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l.origin)
		if err := l.end(); err != nil {
			t.Fatal(err)
		}
	}
	if got[0] == got[1] || got[1] == got[2] || got[0] == got[2] {
		t.Errorf("leased %v", got)
	}
	var all []*lease
	for range 3 {
		l, err := p.lease("mcp")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	if _, err := p.lease("mcp"); !errors.Is(err, errNoPort) {
		t.Errorf("the fourth of three ports: %v", err)
	}
	for _, l := range all {
		if err := l.end(); err != nil {
			t.Error(err)
		}
	}
}

// TestPortsRunOut shows that a deployment for which there are no ports is refused,
// and leaves none behind.
func TestPortsRunOut(t *testing.T) {
	from := freePorts(t, 4)
	b := run(t, false, func(o *Options) { o.Ports = &Ports{Address: "127.0.0.1", From: from, To: from + 3} })
	one, two := b.arriveAs(t, "one", suites.V20260728), b.arriveAs(t, "two", suites.V20260728)
	path := func(to *tenant) string { return to.situationPath(ordinary(t)) }
	if status, _, _ := b.post(t, path(one)+"/start", nil); status != http.StatusSeeOther {
		t.Fatalf("the first is answered %d", status)
	}
	for range 2 {
		if status, _, _ := b.post(t, path(two)+"/start", nil); status != http.StatusServiceUnavailable {
			t.Errorf("without ports the second is answered %d", status)
		}
	}
	b.post(t, one.path()+"end", nil)
	if status, _, _ := b.post(t, path(two)+"/start", nil); status != http.StatusSeeOther {
		t.Errorf("when the first has left, the second is answered %d", status)
	}
}

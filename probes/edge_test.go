package probes

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// TestEdgeIsKnownAgain learns how a firewall answers, and tells its answers from
// the server's own with the same status.
func TestEdgeIsKnownAgain(t *testing.T) {
	incident := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "script") {
			incident++
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<h1>Blocked</h1><p>Incident %08x at %d</p>", 0xbeef0000+incident, time.Now().UnixNano()) //nolint:errcheck // a test
			return
		}
		io.WriteString(w, `{"issuer":"x"}`) //nolint:errcheck // a test
	}))
	defer server.Close()
	client := wire.NewClient(wire.Limits{}, nil)
	defer client.Close()
	d, err := Open(t.Context(), Target{URL: server.URL}, client, nil)
	if err != nil {
		t.Fatal(err)
	}
	document := d.fetch(t.Context(), "", server.URL+"/metadata")
	answered := func(purpose string, status int, body string) *wire.Exchange {
		x := &wire.Exchange{Purpose: purpose, Status: status}
		x.Answer.Body = body
		return x
	}
	exchanges := []*wire.Exchange{
		answered("attack", 403, "<h1>Blocked</h1><p>Incident 0badcafe at 1234567890</p>"),
		answered("control", 403, "<h1>Blocked</h1><p>Incident 0badcafe at 1234567890</p>"),
		answered("attack", 403, `{"error":"access_denied"}`),
		answered("attack", 400, "<h1>Blocked</h1><p>Incident 0badcafe at 1234567890</p>"),
	}
	if n := d.AtEdge(exchanges); n != 0 {
		t.Errorf("%d answers of a firewall that nobody has met", n)
	}
	d.learnEdges(t.Context(), &Discovery{AS: &document})
	if n := d.AtEdge(exchanges); n != 1 {
		t.Errorf("%d answers of the firewall, want 1", n)
	}
}

// TestClock mints by the clock of a server that is five minutes fast.
func TestClock(t *testing.T) {
	lab, err := tokens.NewIssuer("https://as.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, ahead := range []time.Duration{0, time.Second, 5 * time.Minute, -5 * time.Minute} {
		b := &bench{Target: Target{Lab: lab}}
		at := time.Now()
		header := http.Header{"Date": {at.Add(ahead).UTC().Format(http.TimeFormat)}}
		b.readClock(&wire.Response{Header: header, At: at})
		token, err := lab.Mint(nil, tokens.Dated("exp", time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		jwt, ok := DecodeJWT(token)
		if !ok {
			t.Fatal("no JWT")
		}
		expiry, _ := jwt.Claims.Number("exp")
		want := at.Add(time.Hour)
		if ahead.Abs() > tolerated {
			want = want.Add(ahead)
		}
		if off := time.Unix(int64(expiry), 0).Sub(want).Abs(); off > 3*time.Second {
			t.Errorf("%s ahead: off by %s", ahead, off)
		}
		lab.SetAhead(0)
	}
}

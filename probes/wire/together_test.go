package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A writingConn tells what is written to it.
type writingConn struct {
	net.Conn
	tell func(p []byte)
}

func (c writingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.tell(p[:n])
	return n, err
}

// TestTogether shows that every request of a volley is on its way but for its last
// byte before the last byte of any of them is.
func TestTogether(t *testing.T) {
	const volley = 6
	var mu sync.Mutex
	connections := map[string]bool{}
	client, request := serve(t, Limits{}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return // the connections are warmed
		}
		mu.Lock()
		connections[r.RemoteAddr] = true
		mu.Unlock()
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "done") //nolint:errcheck // the client would notice
	})
	var begun, ended, early int
	client.base.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return writingConn{conn, func(p []byte) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case bytes.HasPrefix(p, []byte("POST ")):
				begun++
			case len(p) == 1:
				ended++
				if begun < volley {
					early++
				}
			}
		}}, err
	}
	var transcript Transcript
	ctx := Record(t.Context(), &transcript)
	var requests []*http.Request
	for range volley {
		requests = append(requests, request(ctx))
	}
	answers, errs := client.Together(ctx, requests)
	for i := range requests {
		if errs[i] != nil || string(answers[i].Body) != "done" {
			t.Errorf("%d: %+v, %v", i, answers[i], errs[i])
		}
	}
	if begun != volley || ended != volley || early > 0 {
		t.Errorf("%d requests began and %d ended, %d of them before all had begun", begun, ended, early)
	}
	if len(connections) != volley {
		t.Errorf("%d connections", len(connections))
	}
	if n := len(transcript.Exchanges()); n != 2*volley {
		t.Errorf("%d exchanges were recorded", n)
	}
}

// TestTogetherUnreachable shows that a volley at nobody ends.
func TestTogetherUnreachable(t *testing.T) {
	client := NewClient(Limits{Timeout: time.Second}, nil)
	defer client.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:1/", strings.NewReader("a=b"))
	if err != nil {
		t.Fatal(err)
	}
	if _, errs := client.Together(t.Context(), []*http.Request{req, req.Clone(t.Context())}); errs[0] == nil || errs[1] == nil {
		t.Errorf("%v", errs)
	}
}

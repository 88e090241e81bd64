package wire

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestTogether shows that every request of a volley is with the server before
// any of them is complete.
func TestTogether(t *testing.T) {
	const volley = 6
	var mu sync.Mutex
	begun, connections := 0, map[string]bool{}
	var incomplete []string
	client, request := serve(t, Limits{}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return // the connections are warmed
		}
		mu.Lock()
		begun++
		connections[r.RemoteAddr] = true
		mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		if begun < volley {
			incomplete = append(incomplete, fmt.Sprintf("%q was complete when %d requests had begun", body, begun))
		}
		mu.Unlock()
		fmt.Fprint(w, "done") //nolint:errcheck // the client would notice
	})
	var transcript Transcript
	ctx := Record(t.Context(), &transcript)
	var requests []*http.Request
	for range volley {
		requests = append(requests, request(ctx))
	}
	start := time.Now()
	answers, errs := client.Together(ctx, requests)
	for i := range requests {
		if errs[i] != nil || string(answers[i].Body) != "done" {
			t.Errorf("%d: %+v, %v", i, answers[i], errs[i])
		}
	}
	if len(incomplete) > 0 {
		t.Error(strings.Join(incomplete, "\n"))
	}
	if len(connections) != volley || time.Since(start) > 5*time.Second {
		t.Errorf("%d connections, %v", len(connections), time.Since(start))
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

package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve starts a server and returns a client and a request to it.
func serve(t *testing.T, limits Limits, handler http.HandlerFunc) (*Client, func(ctx context.Context) *http.Request) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client := NewClient(limits, nil)
	t.Cleanup(client.Close)
	return client, func(ctx context.Context) *http.Request {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/a?code=secret-code-1", strings.NewReader("code_verifier=secret-verifier"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return req
	}
}

func TestClientRecordsWhatItDoes(t *testing.T) {
	client, request := serve(t, Limits{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"secret-token-1"}`) //nolint:errcheck // the client would notice
	})
	var transcript Transcript
	res, err := client.Do(request(For(Record(t.Context(), &transcript), "attack")))
	if err != nil {
		t.Fatal(err)
	}
	if string(res.Body) != `{"access_token":"secret-token-1"}` {
		t.Errorf("the probe sees %s", res.Body)
	}
	all := transcript.Exchanges()
	if len(all) != 1 || all[0].Purpose != "attack" || all[0].Status != 200 || all[0].Method != "POST" {
		t.Fatalf("recorded %+v", all)
	}
	if evidence := fmt.Sprintf("%+v %s", *all[0], res.From); strings.Contains(evidence, "secret-") {
		t.Errorf("a secret stands in the evidence: %s", evidence)
	}
}

func TestClientBoundsBodies(t *testing.T) {
	client, request := serve(t, Limits{Body: 1000}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(w, zeros{}, 1<<20)
	})
	res, err := client.Do(request(t.Context()))
	if err != nil || len(res.Body) != 1000 || !res.Truncated {
		t.Errorf("read %d bytes, truncated %v, error %v", len(res.Body), res.Truncated, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestClientFollowsNoRedirect(t *testing.T) {
	client, request := serve(t, Limits{}, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
	})
	if res, err := client.Do(request(t.Context())); err != nil || res.Status != http.StatusFound {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestClientGivesUp(t *testing.T) {
	client, request := serve(t, Limits{Timeout: 50 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server would not notice that the client has gone
		<-r.Context().Done()
	})
	if _, err := client.Do(request(t.Context())); err == nil {
		t.Error("an answer that never comes is no error")
	}
}

func TestClientHonoursRetryAfter(t *testing.T) {
	var asked atomic.Int32
	client, request := serve(t, Limits{Patience: 2 * time.Second}, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	start := time.Now()
	res, err := client.Do(request(t.Context()))
	if err != nil || res.Status != 200 || time.Since(start) < time.Second {
		t.Errorf("%+v, %v after %v", res, err, time.Since(start))
	}
	if client.Spent().RateLimited != 1 {
		t.Errorf("%+v", client.Spent())
	}
}

// A wait for one's turn is no silence of the server's.
func TestWithinCountsFromTheSending(t *testing.T) {
	const brief = 300 * time.Millisecond
	var asked atomic.Int32
	client, request := serve(t, Limits{Patience: 2 * time.Second}, func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
		default:
			_, _ = io.Copy(io.Discard, r.Body) // else the server would not notice that the client has gone
			<-r.Context().Done()
		}
	})
	if res, err := client.Do(request(Within(t.Context(), brief))); err != nil || res.Status != 200 {
		t.Errorf("after a Retry-After longer than the time: %+v, %v", res, err)
	}
	if _, err := client.Do(request(Within(t.Context(), brief))); !errors.Is(err, ErrUnanswered) {
		t.Errorf("a server that does not answer: %v", err)
	}
	gone, cancel := context.WithTimeout(t.Context(), brief/3)
	defer cancel()
	if _, err := client.Do(request(Within(gone, brief))); err == nil || errors.Is(err, ErrUnanswered) {
		t.Errorf("a run that ends first: %v", err)
	}
}

func TestClientTakesALimitForNoAnswer(t *testing.T) {
	client, request := serve(t, Limits{Patience: time.Second}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if _, err := client.Do(request(t.Context())); !errors.Is(err, ErrLimited) {
		t.Errorf("the error is %v", err)
	}
}

func TestClientKeepsItsConcurrency(t *testing.T) {
	var busy, peak atomic.Int32
	client, request := serve(t, Limits{Concurrency: 3}, func(http.ResponseWriter, *http.Request) {
		now := busy.Add(1)
		for {
			seen := peak.Load()
			if now <= seen || peak.CompareAndSwap(seen, now) {
				break
			}
		}
		busy.Add(-1)
	})
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := client.Do(request(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if peak.Load() > 3 || client.Spent().Peak > 3 || client.Spent().Requests != 50 {
		t.Errorf("%d at once, %+v", peak.Load(), client.Spent())
	}
}

func TestClientReadsEventsUpToTheResponse(t *testing.T) {
	client, request := serve(t, Limits{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprint(w, "id: 1\ndata:\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n") //nolint:errcheck // the client would notice
		fmt.Fprint(w, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\ndata: \"result\":{}}\n\n")                                 //nolint:errcheck // the client would notice
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // a stream need never end
	})
	res, err := client.Do(request(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(res.Message()); got != `{"jsonrpc":"2.0","id":1,"result":{}}` {
		t.Errorf("the message is %s", got)
	}
}

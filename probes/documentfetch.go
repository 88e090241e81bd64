package probes

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A RedirectedFetch is what came of a document that only redirects to a sound one.
type RedirectedFetch struct {
	Status  int
	To      string // what it redirected to, in a few words
	Fetched bool   // the target was asked for
	Issued  bool   // its client got a token
}

// Redirections publishes documents that redirect to one which would be sound in
// their place, on the same origin and on another, with each of the statuses.
func (d *Deployment) Redirections(ctx context.Context) ([]RedirectedFetch, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) ([]RedirectedFetch, error) {
		h, err := d.documentHost(ctx)
		if err != nil {
			return nil, err
		}
		bases := map[string]string{"another place on the same host": h.base.String()}
		if h.plain != nil {
			bases["http on another port"] = h.plain.String()
		}
		var hops []RedirectedFetch
		for to, base := range bases {
			for _, status := range []int{301, 302, 303, 307, 308} {
				hop := RedirectedFetch{Status: status, To: to}
				target := h.publish("", nil)
				p, err := d.published(ctx, Publication{Serve: func(body []byte) Answering {
					target.Serve(As(http.StatusOK, "application/json", body))
					return func(w http.ResponseWriter, _ *http.Request, _ int) {
						w.Header().Set("Location", base+strings.TrimPrefix(target.URL, h.base.String()))
						w.WriteHeader(status)
					}
				}})
				if err != nil {
					return nil, err
				}
				a, err := d.Attempt(ctx, p.Client, nil, nil)
				if err != nil {
					return nil, err
				}
				d.recordFetches(ctx, p.Document)
				d.recordFetches(ctx, target)
				hop.Fetched, hop.Issued = len(target.Fetches()) > 0, a.Issued()
				hops = append(hops, hop)
			}
		}
		return hops, nil
	})
}

func (h RedirectedFetch) String() string { return fmt.Sprintf("%d to %s", h.Status, h.To) }

// Sizes in bytes. Two sockets hold less than the half of a huge document: who took
// more has read it.
const (
	hugeSize = 32 << 20
	farBelow = hugeSize / 2
)

// A Reading is what was done with a document that is too large.
type Reading struct {
	Taken   int64 // bytes that the reader took at most, those included that wait in sockets
	Attempt *Attempt
}

// Bounded tells whether the reader stopped far below the document's end.
func (r *Reading) Bounded() bool { return r.Taken < farBelow }

// Huge publishes a document of many megabytes, whose client is sound but for
// that.
func (d *Deployment) Huge(ctx context.Context) (*Reading, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) (*Reading, error) {
		var mu sync.Mutex
		var most int64
		p, err := d.published(ctx, Publication{Serve: func(body []byte) Answering {
			return func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Cache-Control", "max-age=300")
				w.Header().Set("Content-Length", strconv.Itoa(hugeSize+len(body)))
				writeHuge(w, body, func(taken int64) {
					mu.Lock()
					defer mu.Unlock()
					most = max(most, taken)
				})
			}
		}})
		if err != nil {
			return nil, err
		}
		a, err := d.Attempt(ctx, p.Client, nil, nil)
		// From now on it is small, for whoever revokes what came of it.
		p.Document.Serve(AsJSON(d.document(ctx, p.Client.ID, map[string]any{"redirect_uris": p.Client.RedirectURIs})))
		mu.Lock()
		defer mu.Unlock()
		return &Reading{Taken: most, Attempt: a}, err
	})
}

// writeHuge writes a JSON object with a lot of white space before it, and tells as it
// goes how many bytes of that the other side took.
func writeHuge(w http.ResponseWriter, body []byte, tell func(taken int64)) {
	blank := bytes.Repeat([]byte{' '}, 64<<10)
	for taken := 0; taken < hugeSize; {
		n, err := w.Write(blank)
		taken += n
		tell(int64(taken))
		if err != nil {
			return
		}
	}
	_, _ = w.Write(body) // who came as far has taken enough
}

// Slow publishes a document that arrives a little at a time and never ends, and
// tells how long its reader kept the user waiting. What does not end by itself is
// ended after the patience of the configuration.
func (d *Deployment) Slow(ctx context.Context) (time.Duration, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) (time.Duration, error) {
		patience := d.Target.Documents.Patience
		p, err := d.published(ctx, Publication{Serve: func([]byte) Answering {
			return func(w http.ResponseWriter, r *http.Request, _ int) { drip(w, r, patience) }
		}})
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if _, err := d.Attempt(ctx, p.Client, nil, nil); err != nil {
			return 0, err
		}
		waited := time.Since(began)
		if len(p.Document.Fetches()) == 0 {
			return 0, fmt.Errorf("the document was not fetched")
		}
		for _, f := range p.Document.Fetches() {
			if f.Ended != 0 {
				waited = min(waited, f.Ended)
			}
		}
		return waited, nil
	})
}

// drip sends a character now and then until the other side has gone or patience
// is at its end.
func drip(w http.ResponseWriter, r *http.Request, patience time.Duration) {
	w.Header().Set("Content-Type", "application/json")
	end, tick := time.NewTimer(patience), time.NewTicker(patience/50)
	defer end.Stop()
	defer tick.Stop()
	for {
		if _, err := w.Write([]byte(" ")); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

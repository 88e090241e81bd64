package reference

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/mcpassay/mcpassay/reference/variant"
)

// front is what stands before a server of the deployment: nothing, but where a
// variant puts something there.
func front(h http.Handler, o *Options) http.Handler {
	variants := variant.Of(o.Variants...)
	if variants.Has(variant.SinglePageApplication) {
		h = singlePage(h)
	}
	if ahead := clockAhead(variants); ahead != 0 {
		h = dated(h, ahead)
	}
	if variants.Has(variant.Firewall) {
		h = firewall(h)
	}
	if variants.Has(variant.RateLimited) {
		h = limited(h)
	}
	if variants.Has(variant.Slow) {
		h = slowly(h)
	}
	return h
}

// clockAhead is how far the deployment's clock is ahead of everybody else's.
func clockAhead(variants variant.Set) time.Duration {
	switch {
	case variants.Has(variant.ClockAhead):
		return clockError
	case variants.Has(variant.ClockBehind):
		return -clockError
	}
	return 0
}

// clockError is as much as RFC 7519, section 4.1.4, lets a verifier be generous
// for: a few minutes.
const clockError = 5 * time.Minute

// clockOf is the deployment's clock.
func clockOf(o *Options) func() time.Time {
	ahead := clockAhead(variant.Of(o.Variants...))
	return func() time.Time { return time.Now().Add(ahead) }
}

// dated tells the deployment's time (RFC 9110, section 6.6.1).
func dated(h http.Handler, ahead time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		h.ServeHTTP(w, r)
	})
}

// slowness is how long a slow deployment takes for each answer.
const slowness = 40 * time.Millisecond

func slowly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pause(r.Context(), slowness)
		h.ServeHTTP(w, r)
	})
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// limited lets through what comes at a moderate rate and asks the rest to come
// again (RFC 6585, section 4).
func limited(h http.Handler) http.Handler {
	limiter := rate.NewLimiter(250, 150)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if limiter.Allow() {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	})
}

// blockPage is what a firewall shows.
const blockPage = "<!doctype html><html><head><title>403 Forbidden</title></head><body><h1>Request blocked</h1><p>Incident 7f3a.</p></body></html>\n"

// attackSignatures are what the firewall takes for attacks, in lower case.
var attackSignatures = []string{"<", "../", "javascript:", "\x00", "' or ", "/etc/"}

// firewall answers in the place of the server whatever looks like an attack to
// it, in URL or body, encoded or not.
func firewall(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		if err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
		if looksLikeAttack(r.URL.RequestURI()) || looksLikeAttack(string(body)) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, blockPage) // the client has gone: nothing to do
			return
		}
		h.ServeHTTP(w, r)
	})
}

func looksLikeAttack(text string) bool {
	for range 2 { // as it is, and decoded
		for _, signature := range attackSignatures {
			if strings.Contains(strings.ToLower(text), signature) {
				return true
			}
		}
		decoded, err := url.QueryUnescape(text)
		if err != nil {
			return false
		}
		text = decoded
	}
	return false
}

// singlePage answers GET requests for paths that nothing is at with the
// application's page, as servers of single-page applications do.
func singlePage(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			h.ServeHTTP(w, r)
			return
		}
		shown := &shownInstead{ResponseWriter: w}
		h.ServeHTTP(shown, r)
		if shown.missing {
			servePage(w, r)
		}
	})
}

// shownInstead swallows an answer that says nothing is here.
type shownInstead struct {
	http.ResponseWriter
	once    sync.Once
	missing bool
}

func (s *shownInstead) WriteHeader(status int) {
	s.once.Do(func() {
		if s.missing = status == http.StatusNotFound; s.missing {
			s.Header().Del("X-Content-Type-Options")
			return
		}
		s.ResponseWriter.WriteHeader(status)
	})
}

func (s *shownInstead) Write(p []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	if s.missing {
		return len(p), nil
	}
	return s.ResponseWriter.Write(p)
}

// Unwrap lets streams be flushed.
func (s *shownInstead) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Flush sends what is there, as streams have to.
func (s *shownInstead) Flush() {
	if f, ok := s.ResponseWriter.(http.Flusher); ok && !s.missing {
		f.Flush()
	}
}

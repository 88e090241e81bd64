package reference

import (
	"net/http"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// guesses counts what was wrong, by what it was tried on: a user name, a session
// that enters user codes. Too much of it in a while, and nothing is looked at any
// more until the while is over (RFC 6819, section 5.1.4.2.3; RFC 8628, section 5.1).
type guesses struct{ *shelf[*guessed] }

type guessed struct {
	wrong int
	since time.Time
}

const (
	maxGuessed  = 10
	guessWindow = 5 * time.Minute
)

func (g guesses) tooMany(on string, now time.Time) bool {
	kept, ok := g.get(digest(on), now)
	return ok && kept.wrong >= maxGuessed
}

func (g guesses) wrong(on string, now time.Time) {
	kept, ok := g.get(digest(on), now)
	if !ok {
		kept = &guessed{since: now}
		g.put(digest(on), kept, now.Add(guessWindow))
	}
	kept.wrong++
}

// forbidden tells a user that it is enough.
func (s *AuthServer) forbidden(why string) step {
	next := s.errorPage(refuse(accessDenied, "%s", why))
	next.status = http.StatusForbidden
	return next
}

// withCookies holds the fault that lets every origin call with the user's cookies.
func (s *AuthServer) withCookies(h http.Handler) http.Handler {
	if !s.faults.Has(fault.SharedCredentials) {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&credentialed{w, r.Header.Get("Origin")}, r)
	})
}

// A credentialed answer repeats the origin that asks.
type credentialed struct {
	http.ResponseWriter
	origin string
}

func (c *credentialed) WriteHeader(status int) {
	if c.origin != "" {
		c.Header().Set("Access-Control-Allow-Origin", c.origin)
		c.Header().Set("Access-Control-Allow-Credentials", "true")
	}
	c.ResponseWriter.WriteHeader(status)
}

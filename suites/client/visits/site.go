package visits

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/mcpassay/mcpassay/reference"
)

// A site is where one deployment is reached.
type site struct {
	lessor lessor
	guard  func(http.Handler) http.Handler // stands before every party

	mu     sync.Mutex
	leases map[reference.Party]*lease
	within map[string]http.Handler // by host, without the guard
}

var _ reference.Site = (*site)(nil)

func newSite(from lessor, guard func(http.Handler) http.Handler) *site {
	return &site{lessor: from, guard: guard, leases: map[reference.Party]*lease{}, within: map[string]http.Handler{}}
}

// words begin the host names of the parties.
var words = map[reference.Party]string{
	reference.PartyAuthServer: "as", reference.PartyResourceServer: "mcp", reference.PartyUpstream: "api",
}

func (s *site) Origin(party reference.Party) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.leases[party]; l != nil {
		return l.origin, nil
	}
	l, err := s.lessor.lease(words[party])
	if err != nil {
		return "", err
	}
	s.leases[party] = l
	return l.origin, nil
}

func (s *site) Serve(party reference.Party, h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leases[party]
	s.within[l.host] = h
	guarded := s.guard(h)
	l.handler.Store(&guarded)
}

// RoundTrip answers within this process: the deployment need not be able to reach
// its own public address.
func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close() //nolint:errcheck // nothing is lost
	}
	s.mu.Lock()
	h := s.within[r.URL.Host]
	s.mu.Unlock()
	if h == nil {
		return nil, fmt.Errorf("%s is not of this deployment", r.URL.Host)
	}
	received := r.Clone(r.Context())
	received.Host, received.RequestURI, received.RemoteAddr = r.URL.Host, r.URL.RequestURI(), "this deployment"
	if received.Body == nil {
		received.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, received)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	result := answer.Result()
	result.Request = r
	return result, nil
}

// end gives the origins back.
func (s *site) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, l := range s.leases {
		errs = append(errs, l.end())
	}
	s.leases = map[reference.Party]*lease{}
	return errors.Join(errs...)
}

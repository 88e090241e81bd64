package reference

import (
	"net"
	"net/http"
	"time"
)

// A Stub stands in for the upstream API of somebody else's resource server. It
// takes every request, remembers what came with it, and says nothing of interest.
type Stub struct {
	recorder
	server *http.Server
	url    string
}

// StartStub starts a stub at the address. The caller closes it.
func StartStub(addr string) (*Stub, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Stub{url: "http://" + l.Addr().String()}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	go s.server.Serve(l) //nolint:errcheck // always ErrServerClosed
	return s, nil
}

// URL is where it is reached.
func (s *Stub) URL() string { return s.url }

func (s *Stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.note(r)
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]string{"stub": "mcpassay"})
}

// Close stops it, at once.
func (s *Stub) Close() error { return s.server.Close() }

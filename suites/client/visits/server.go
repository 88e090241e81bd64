// Package visits puts clients to the test that a person operates: hosted ones, and
// those with a window. Each visitor is a tenant and sees pages that say which URL to
// give the client, what the client has sent so far, and what that comes to.
package visits

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

// Options say what to serve.
type Options struct {
	// Base is the URL of the pages, without a path. Each server of a deployment goes
	// by a name of its own below this host, unless there are Ports.
	Base *url.URL
	// Ports are where the deployments are reached instead.
	Ports *Ports
	// Remote says that clients may come from other machines.
	Remote bool

	Limits
	Revision suites.Revision                                   // what visitors are offered first; default: the newest
	Tool     string                                            // name and version of this program
	Seal     func(statement []byte) (signed string, err error) // nil: no statements

	now func() time.Time // only tests have another than the system's
}

// A Server serves pages and deployments.
type Server struct {
	Options

	grounds client.Grounds // without sites
	lessor  lessor
	names   *names // nil: ports
	pages   http.Handler
	arrival *rate.Limiter

	mu      sync.Mutex
	tenants map[string]*tenant // by id
	closed  bool
}

// New makes a server. The caller closes it.
func New(o Options) (*Server, error) {
	if o.Base == nil || o.Base.Host == "" || o.Base.Scheme != "http" && o.Base.Scheme != "https" || strings.Trim(o.Base.Path, "/") != "" {
		return nil, errors.New("the base is no http or https URL without a path")
	}
	if o.Revision == "" {
		o.Revision = suites.Revisions[len(suites.Revisions)-1]
	}
	o.setDefaults()
	if o.now == nil {
		o.now = time.Now
	}
	s := &Server{
		Options: o, tenants: map[string]*tenant{}, arrival: rate.NewLimiter(rate.Every(time.Second), 10),
		grounds: client.Grounds{Named: o.Ports == nil, Remote: o.Remote},
	}
	if o.Ports != nil {
		s.lessor = newPorts(o.Base, *o.Ports)
	} else {
		s.names = &names{base: o.Base, leased: map[string]*lease{}}
		s.lessor = s.names
	}
	s.pages = s.routes()
	return s, nil
}

// ServeHTTP answers for the pages, and for every deployment that has names. It
// answers under no other name, which could lead here without our doing.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := s.hostOf(r)
	if host == s.Base.Host {
		s.pages.ServeHTTP(w, r)
		return
	}
	if s.names != nil {
		if l := s.names.find(host); l != nil {
			r.Host = host
			l.ServeHTTP(w, r)
			return
		}
	}
	http.Error(w, "nothing is here, or not any more; the pages are at "+s.Base.Scheme+"://"+s.Base.Host+"/", http.StatusMisdirectedRequest)
}

// hostOf is the host of a request as URLs of ours spell it.
func (s *Server) hostOf(r *http.Request) string {
	host := strings.ToLower(r.Host)
	port := map[string]string{"http": ":80", "https": ":443"}[s.Base.Scheme]
	return strings.TrimSuffix(host, port)
}

// Close ends every tenant.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	all := s.tenants
	s.tenants = map[string]*tenant{}
	s.mu.Unlock()
	var errs []error
	for _, t := range all {
		errs = append(errs, t.end())
	}
	return errors.Join(errs...)
}

const (
	sweepEvery = 5 * time.Second
	lastWords  = 2 * time.Second // for answers under way when the server ends
)

// Run serves at the listener until the context ends, then closes the server. With
// a configuration it speaks TLS.
func (s *Server) Run(ctx context.Context, l net.Listener, config *tls.Config) error {
	server := newServer(s)
	server.TLSConfig = config
	ended := make(chan error, 1)
	go func() {
		if config != nil {
			ended <- server.ServeTLS(l, "", "")
			return
		}
		ended <- server.Serve(l)
	}()
	clock := time.NewTicker(sweepEvery)
	defer clock.Stop()
	for {
		select {
		case err := <-ended:
			return errors.Join(err, s.Close())
		case <-clock.C:
			s.sweep()
		case <-ctx.Done():
			err := s.Close() // streams end with their deployments
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
			defer cancel()
			if server.Shutdown(last) != nil {
				err = errors.Join(err, server.Close())
			}
			<-ended
			return err
		}
	}
}

// Package reference is a complete deployment that is secure by default: an
// authorization server, a resource server (an MCP server) and an upstream API,
// each on its own origin, in one process. Faults break one requirement each;
// variants do something another legal way. Reading it should teach the right
// way: a fault is a small branch beside the correct behaviour.
package reference

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// Options say how a deployment differs from the plain one. The zero value is
// the plain, sound deployment on free loopback ports.
type Options struct {
	Faults   []fault.Fault
	Variants []variant.Variant

	// Addresses to listen on; empty means a free port of 127.0.0.1.
	AuthServerAddr, ResourceServerAddr, UpstreamAddr string

	Users []User // default: DefaultUsers

	AccessTokenLifetime  time.Duration // default 5 minutes
	RefreshTokenLifetime time.Duration // default 24 hours
	CodeLifetime         time.Duration // default 60 seconds
	RequestStateLifetime time.Duration // default 2 minutes
}

// A User can sign in at the authorization server.
type User struct{ Name, Password string }

// DefaultUsers are the users of a deployment that names none. They exist on
// loopback only.
var DefaultUsers = []User{{"alice", "correct-horse-7"}, {"bob", "battery-staple-9"}}

// A Server is a running deployment.
type Server struct {
	AuthServer     *AuthServer
	ResourceServer *ResourceServer
	Upstream       *Upstream

	servers []*http.Server
	users   []User
}

// Start starts a deployment. The caller closes it.
func Start(o Options) (*Server, error) {
	o.setDefaults()
	var listeners [3]net.Listener
	for i, addr := range []string{o.AuthServerAddr, o.ResourceServerAddr, o.UpstreamAddr} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			for _, open := range listeners[:i] {
				err = errors.Join(err, open.Close())
			}
			return nil, err
		}
		listeners[i] = l
	}
	origin := func(l net.Listener) string { return "http://" + l.Addr().String() }

	as, err := newAuthServer(origin(listeners[0]), &o)
	if err != nil {
		return nil, err
	}
	up := newUpstream(origin(listeners[2]), as.Issuer(), as.resourceServerSecret(), &o)
	rs, err := newResourceServer(origin(listeners[1]), as.Issuer(), as.resourceServerSecret(), up.URL(), &o)
	if err != nil {
		return nil, err
	}
	as.serveResources(rs.Endpoint(), rs.OtherEndpoint(), up.URL())

	s := &Server{AuthServer: as, ResourceServer: rs, Upstream: up, users: o.Users}
	for i, h := range []http.Handler{as, rs, up} {
		srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
		s.servers = append(s.servers, srv)
		go srv.Serve(listeners[i]) //nolint:errcheck // always ErrServerClosed
	}
	return s, nil
}

// Close stops the deployment, at once.
func (s *Server) Close() error {
	var errs []error
	for _, srv := range s.servers {
		errs = append(errs, srv.Close())
	}
	s.ResourceServer.close()
	s.Upstream.close()
	return errors.Join(errs...)
}

// Users are the users who can sign in.
func (s *Server) Users() []User { return s.users }

// CodeLifetime is how long an authorization code can be redeemed.
func (s *Server) CodeLifetime() time.Duration { return s.AuthServer.options.CodeLifetime }

// RequestStateLifetime is how long a client may take to answer a question.
func (s *Server) RequestStateLifetime() time.Duration {
	return s.AuthServer.options.RequestStateLifetime
}

// Wait blocks until ctx ends, then closes the deployment.
func (s *Server) Wait(ctx context.Context) error {
	<-ctx.Done()
	return s.Close()
}

func (o *Options) setDefaults() {
	for _, addr := range []*string{&o.AuthServerAddr, &o.ResourceServerAddr, &o.UpstreamAddr} {
		if *addr == "" {
			*addr = "127.0.0.1:0"
		}
	}
	if o.Users == nil {
		o.Users = DefaultUsers
	}
	setDefault(&o.AccessTokenLifetime, 5*time.Minute)
	setDefault(&o.RefreshTokenLifetime, 24*time.Hour)
	setDefault(&o.CodeLifetime, time.Minute)
	setDefault(&o.RequestStateLifetime, 2*time.Minute)
}

func (o *Options) userNames() []string {
	var names []string
	for _, u := range o.Users {
		names = append(names, u.Name)
	}
	return names
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

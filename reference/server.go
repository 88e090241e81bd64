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

	Patience   time.Duration                          // with the authorization server; default 5 seconds
	Host       string                                 // name that the servers go by, which has to lead to where they listen; default: their addresses
	Clients    []Client                               // further clients that the operator has registered
	Observe    func(*Observation)                     // hears of every request, possibly of several at once
	Origin     string                                 // that the resource server is reached at through another server; empty: its own
	Around     func(Party, http.Handler) http.Handler // put in front of each server, behind the observer; nil: nothing
	ForClients *ClientLab                             // what is there only for clients under test
	Site       Site                                   // where the servers are reached; nil: they listen for themselves
	Layout     Layout                                 // where things are

	AccessTokenLifetime  time.Duration // default 5 minutes
	RefreshTokenLifetime time.Duration // default 24 hours
	CodeLifetime         time.Duration // default 60 seconds
	RequestStateLifetime time.Duration // default 2 minutes
	PushLifetime         time.Duration // of pushed authorization requests; default 60 seconds
	SecretLifetime       time.Duration // of self-registered clients' secrets; default 24 hours
	DeviceLifetime       time.Duration // of device codes; default 10 minutes

	BaseURL string // how clients of MCP 2025-03-26, the only revision spoken then, start; empty: newer ones are spoken

	// FetchTimeout is how long a document that a client names may take; default 3
	// seconds.
	FetchTimeout time.Duration
	lab          bool // see StartLab
	provider     bool // signs users in for others; see newProvider
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
	secured *security

	identityProvider *AuthServer // nil: the authorization server signs users in
}

// Start starts a deployment. The caller closes it.
func Start(o Options) (*Server, error) {
	o.setDefaults()
	if o.Site != nil {
		return startAt(o.Site, &o)
	}
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
	secured, err := o.secure(&listeners)
	if err != nil {
		return nil, err
	}
	origin := func(l net.Listener) string {
		if _, port, err := net.SplitHostPort(l.Addr().String()); err == nil && o.Host != "" {
			return secured.scheme() + "://" + net.JoinHostPort(o.Host, port)
		}
		return secured.scheme() + "://" + l.Addr().String()
	}

	s, err := assemble([...]string{origin(listeners[0]), origin(listeners[1]), origin(listeners[2])}, secured, &o)
	if err != nil {
		return nil, err
	}
	for i, h := range s.handlers(&o) {
		srv := &http.Server{Handler: front(secured.guard(h, &o), &o), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, ErrorLog: silent}
		s.servers = append(s.servers, srv)
		go srv.Serve(listeners[i]) //nolint:errcheck // always ErrServerClosed
		if h == http.Handler(s.ResourceServer) && fault.Of(o.Faults...).Has(fault.BindsEverywhere) {
			if err := serveElsewhere(srv, listeners[i]); err != nil {
				return nil, errors.Join(err, s.Close())
			}
		}
	}
	return s, nil
}

// assemble makes the servers of a deployment that go by these origins: the
// authorization server's, the resource server's and the upstream's.
func assemble(origins [len(parties)]string, secured *security, o *Options) (*Server, error) {
	as, err := newAuthServer(origins[0], o)
	if err != nil {
		return nil, err
	}
	up := newUpstream(origins[2], as.Issuer(), as.resourceServerSecret(), o)
	up.verifier.authority.within(o.Site)
	resourceOrigin := o.Origin
	if resourceOrigin == "" {
		resourceOrigin = origins[1]
	}
	rs, err := newResourceServer(resourceOrigin, as.Issuer(), as.resourceServerSecret(), up.URL(), o)
	if err != nil {
		return nil, err
	}
	if rs.faults.Has(fault.AcceptEncrypted) {
		rs.shareKeys(as.Keys())
	}
	as.serveResources(rs.Endpoint(), rs.OtherEndpoint(), up.URL())
	rs.authority.trust(secured.roots())
	up.verifier.authority.trust(secured.roots())

	s := &Server{AuthServer: as, ResourceServer: rs, Upstream: up, users: o.Users, secured: secured}
	if as.variants.Has(variant.Proxy) {
		if err := s.federate(as, o.Users); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// handlers answer for the parties, in their order.
func (s *Server) handlers(o *Options) [len(parties)]http.Handler {
	return [...]http.Handler{
		o.between(PartyAuthServer, s.AuthServer), o.between(PartyResourceServer, s.ResourceServer), o.between(PartyUpstream, s.Upstream),
	}
}

// ElsewhereHost stands for the addresses of this machine that others can reach.
// It is on loopback like all the rest, so that nobody can.
const ElsewhereHost = "127.0.0.2"

// serveElsewhere lets a server listen there too. Only fault.BindsEverywhere does.
func serveElsewhere(srv *http.Server, at net.Listener) error {
	_, port, err := net.SplitHostPort(at.Addr().String())
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", net.JoinHostPort(ElsewhereHost, port))
	if err != nil {
		return err
	}
	go srv.Serve(l) //nolint:errcheck // always ErrServerClosed
	return nil
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

// SpeaksOldest tells whether the deployment is for clients of MCP 2025-03-26.
func (s *Server) SpeaksOldest() bool { return s.AuthServer.options.BaseURL != "" }

// Users are the users who can sign in.
func (s *Server) Users() []User { return s.users }

// CodeLifetime is how long an authorization code can be redeemed.
func (s *Server) CodeLifetime() time.Duration { return s.AuthServer.options.CodeLifetime }

// RequestStateLifetime is how long a client may take to answer a question.
func (s *Server) RequestStateLifetime() time.Duration {
	return s.AuthServer.options.RequestStateLifetime
}

// FetchTimeout is how long a document that a client names may take.
func (s *Server) FetchTimeout() time.Duration { return s.AuthServer.options.FetchTimeout }

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
	setDefault(&o.Patience, askTimeout)
	setDefault(&o.AccessTokenLifetime, 5*time.Minute)
	setDefault(&o.RefreshTokenLifetime, 24*time.Hour)
	setDefault(&o.CodeLifetime, time.Minute)
	setDefault(&o.RequestStateLifetime, 2*time.Minute)
	setDefault(&o.PushLifetime, time.Minute)
	setDefault(&o.FetchTimeout, 3*time.Second)
	setDefault(&o.SecretLifetime, clientLifetime)
	setDefault(&o.DeviceLifetime, 10*time.Minute)
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

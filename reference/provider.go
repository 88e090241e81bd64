package reference

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// newProvider makes an identity provider that signs users in for one client. Where
// that leads its own clients it does not know.
func newProvider(issuer string, o *Options, client *Client) (*AuthServer, error) {
	o.provider = true
	o.setDefaults()
	idp, err := newAuthServer(issuer, o)
	if err != nil {
		return nil, err
	}
	self := issuer + "/userinfo"
	idp.serveResources(self, self, self)
	client.GrantTypes, client.registered = []string{grantCode, grantRefresh}, idp.now()
	client.needsNoConsent = true // the user has agreed to it once, and is not asked again
	idp.preset[client.ID] = client
	return idp, nil
}

// ProviderOptions describe the identity provider that an authorization server
// under test has its users sign in at.
type ProviderOptions struct {
	Addr             string // to listen on; empty: a free port of loopback
	Issuer           string // its identifier, where it is reached under another than its address
	ClientID, Secret string // of the authorization server; empty: made up
}

// A Provider is a running identity provider of ours (OpenID Connect Core). It
// knows every scope. Its client may be answered anywhere and need not use PKCE:
// how it protects its flow is for the checks to judge, and no reason to stop it.
type Provider struct {
	*AuthServer
	client *Client
	server *http.Server
}

// StartProvider starts an identity provider. The caller closes it.
func StartProvider(o ProviderOptions) (*Provider, error) {
	options := Options{AuthServerAddr: o.Addr, lab: true, Faults: []fault.Fault{fault.PKCENotRequired, fault.ClientAnyMethod}}
	options.setDefaults()
	l, err := net.Listen("tcp", options.AuthServerAddr)
	if err != nil {
		return nil, err
	}
	p := &Provider{client: &Client{ID: o.ClientID, Name: "The authorization server under test", AuthMethod: authBasic, Secret: o.Secret, anyRedirect: true}}
	if p.client.ID == "" {
		p.client.ID, p.client.Secret = proxyClient, secret()
	}
	if o.Issuer == "" {
		o.Issuer = "http://" + l.Addr().String()
	}
	if p.AuthServer, err = newProvider(o.Issuer, &options, p.client); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	go p.server.Serve(l) //nolint:errcheck // always ErrServerClosed
	return p, nil
}

// Client is what the authorization server is to it.
func (p *Provider) Client() Client { return *p.client }

// Users are the users who can sign in.
func (p *Provider) Users() []User { return p.options.Users }

// Close stops it, at once.
func (p *Provider) Close() error { return p.server.Close() }

// userInfo tells the client about its user (OpenID Connect Core, section 5.3).
func (s *AuthServer) userInfo(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	s.mu.Lock()
	t, ok := s.accesses.get(digest(token), s.now())
	ok = ok && strings.EqualFold(scheme, "Bearer") && t.alive(s.now()) && contains(t.scopes, scopeOpenID)
	s.mu.Unlock()
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, refuse("invalid_token", "the access token is not valid").document())
		return
	}
	name := t.grant.user
	writeJSON(w, http.StatusOK, map[string]any{
		"sub": name, "name": name, "preferred_username": name, "email": fmt.Sprintf("%s@mcpassay.example", name), "email_verified": true,
	})
}

// errNoSuchCode says that a code is not one of ours, or too old.
var errNoSuchCode = errors.New("the identity provider has issued no such code")

// EndGrant ends all that a code is or was redeemed for, as when a user takes back
// what they allowed.
func (s *AuthServer) EndGrant(code string) error {
	return s.atCode(code, func(g *grant) { g.revoked = true })
}

// LimitGrant has the access token that a code will be redeemed for end after the
// time, in whole seconds, and nothing renew it.
func (s *AuthServer) LimitGrant(code string, lifetime time.Duration) error {
	return s.atCode(code, func(g *grant) { g.limit = max(time.Second, lifetime.Truncate(time.Second)) })
}

func (s *AuthServer) atCode(code string, change func(*grant)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.codes.get(digest(code), s.now())
	if !ok {
		return errNoSuchCode
	}
	change(c.grant)
	return nil
}

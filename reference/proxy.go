package reference

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A federation is an identity provider that signs users in for us. To it we are
// one client, whichever of our clients asks: so it is we who have to ask the user
// about that client, before we go there (MCP Security Best Practices, Confused
// Deputy Problem).
type federation struct {
	issuer, clientID, clientSecret string
	http                           *http.Client
	verifier                       string                     // only for fault.ProxyChallengeReused
	count                          int                        // only for fault.ProxyStateCounter
	approved                       map[string]map[string]bool // by user, then consentKey
	away                           *shelf[*excursion]         // by digest of the state
}

const (
	proxyClient   = "notes-proxy" // we, to the identity provider
	upstreamScope = scopeOpenID
	callbackPath  = "/upstream/callback"
	everybody     = "" // the user of approvals that a fault takes for everybody's
)

func (s *AuthServer) proxies() bool { return s.federation != nil }

// federate starts an identity provider on an origin of its own, and makes the
// authorization server its client.
func (s *Server) federate(as *AuthServer, users []User) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	idp, err := newProvider("http://"+l.Addr().String(), &Options{Users: users}, &Client{
		ID: proxyClient, Name: "Notes", AuthMethod: authBasic, Secret: secret(),
		RedirectURIs: []string{as.at(callbackPath)}, Scopes: []string{upstreamScope},
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if as.faults.Has(fault.ProxyNoPKCE) {
		idp.faults = fault.Of(fault.PKCENotRequired)
	}
	c := idp.preset[proxyClient]
	as.federation = &federation{
		issuer: idp.issuer, clientID: c.ID, clientSecret: c.Secret, http: newAuthority(idp.issuer, "").http, verifier: secret(),
		approved: map[string]map[string]bool{}, away: newShelf[*excursion](),
	}
	s.identityProvider = idp
	srv := &http.Server{Handler: idp, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	s.servers = append(s.servers, srv)
	go srv.Serve(l) //nolint:errcheck // always ErrServerClosed
	return nil
}

// IdentityProvider is the server that signs users in; nil if the authorization
// server does so itself.
func (s *Server) IdentityProvider() *AuthServer { return s.identityProvider }

// advanceProxy takes a transaction as far as it goes without the user: to our
// own question about the client, and only then to the identity provider.
func (s *AuthServer) advanceProxy(tx *transaction, user *session) step {
	switch {
	case tx.failure != nil && user == nil:
		s.transactions.remove(tx.id)
		return s.errorPage(tx.failure)
	case tx.failure != nil:
		return s.fail(tx, tx.failure)
	case s.needsApproval(tx, user):
		next := s.proceedTo("/consent", tx)
		if s.faults.Has(fault.ProxyStateBeforeConsent) && tx.away == nil {
			next.cookies = append(next.cookies, s.depart(tx))
		}
		return next
	}
	return s.goUpstream(tx)
}

// needsApproval tells whether the user is to be asked about the client.
func (s *AuthServer) needsApproval(tx *transaction, user *session) bool {
	switch {
	case s.faults.Has(fault.ProxyConsentSkipped), s.faults.Has(fault.ProxyConsentLate) && tx.arrived == nil, tx.agreed:
		return false
	case tx.request.prompts("consent"), s.variants.Has(variant.ConsentAlways):
		return true
	case s.faults.Has(fault.ProxyConsentForAll) && s.federation.approved[everybody][tx.request.consentKey()],
		s.faults.Has(fault.ProxyConsentPerUser) && user != nil && len(s.federation.approved[user.user]) > 0,
		s.remindedOf(tx):
		return false
	}
	if user == nil || !s.federation.approved[user.user][tx.request.consentKey()] {
		return true
	}
	tx.approvedBy = user.user
	return false
}

// approve remembers what a user has agreed to, once we know who it is. Only a
// client that is answered at an https host is worth remembering: anybody can
// listen on loopback (RFC 8252, section 8.6).
func (s *AuthServer) approve(tx *transaction, user *session) {
	remembered := strings.HasPrefix(tx.request.redirectURI, "https://") || s.faults.Has(fault.ProxyConsentPerUser)
	if !tx.agreed || !remembered {
		return
	}
	who := []string{user.user}
	if s.faults.Has(fault.ProxyConsentForAll) {
		who = append(who, everybody)
	}
	for _, name := range who {
		if s.federation.approved[name] == nil {
			s.federation.approved[name] = map[string]bool{}
		}
		if len(s.federation.approved[name]) < maxAgreed {
			s.federation.approved[name][tx.request.consentKey()] = true
		}
	}
}

// decideProxied acts on the user's answer. Only now is there a state, and a
// cookie that holds it.
func (s *AuthServer) decideProxied(tx *transaction) step {
	tx.agreed = true
	if tx.arrived != nil {
		s.approve(tx, tx.arrived)
		return s.succeed(tx, tx.arrived)
	}
	next := s.goUpstream(tx)
	if s.faults.Has(fault.ProxyConsentCookie) {
		next.cookies = append(next.cookies, s.approvalCookie(tx))
	}
	return next
}

// silentlyProxied answers a request that must not show anything, and so cannot go
// to the identity provider: it might.
func (s *AuthServer) silentlyProxied(tx *transaction, user *session) step {
	problem := refuse(loginRequired, "you have to sign in")
	switch {
	case user == nil:
		return s.errorPage(problem)
	case s.needsApproval(tx, user):
		return s.fail(tx, refuse(consentRequired, "the user has not agreed"))
	}
	return s.succeed(tx, user)
}

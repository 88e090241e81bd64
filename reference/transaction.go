package reference

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A transaction is an authorization request on its way through login and
// consent. Each has a state of its own, so that requests in several tabs do not
// mix, and belongs to the browser that it began in, so that its URL is of no use
// to another.
type transaction struct {
	id, csrf string
	browser  string // digest of the browser's cookie
	request  *authRequest
	failure  *denial // what is wrong with the request; told after login
	started  time.Time
	attempts int         // at the password
	agreed   bool        // on the login page
	reminder string      // what the browser says it has approved; only faults believe it
	connects *connection // for a transaction that connects a device

	// Where an identity provider signs users in.
	away       *excursion
	arrived    *session // who came back
	approvedBy string   // whose approval was remembered
	approval   string   // of the browser's; only a fault believes it
	signedIn   *session // who is to be asked for consent, in whichever browser; only a fault believes it
}

const (
	transactionLifetime = 10 * time.Minute
	maxLoginAttempts    = 10
)

// A session is a browser whose user has signed in.
type session struct {
	user  string
	since time.Time
	// agreed remembers what the user has agreed to; see consentKey.
	agreed map[string]bool

	delegated *delegation // by the identity provider, if that signed the user in
}

const sessionLifetime = 8 * time.Hour

// needsLogin tells whether the user has to sign in, or sign in again.
func (s *AuthServer) needsLogin(tx *transaction, user *session) bool {
	switch {
	case s.proxies(): // that is for the identity provider to say
		return false
	case user == nil:
		return true
	case (tx.request.prompts("login") || tx.request.prompts("select_account")) && !s.faults.Has(fault.PromptLoginIgnored):
		return user.since.Before(tx.started)
	case tx.request.maxAge >= 0 && !s.faults.Has(fault.MaxAgeIgnored):
		return tx.started.Sub(user.since) > tx.request.maxAge
	}
	return false
}

// advance takes a transaction as far as it goes without the user. A request that
// is wrong is refused only when the user has signed in: a redirect that happens
// by itself, to an address that anybody can register, serves phishing (RFC 9700,
// section 4.11.2).
func (s *AuthServer) advance(tx *transaction, user *session) step {
	switch {
	case s.unattended() && tx.failure != nil:
		return s.fail(tx, tx.failure)
	case s.unattended():
		return s.succeed(tx, &session{user: s.options.Users[0].Name, since: s.now(), agreed: map[string]bool{}})
	case s.faults.Has(fault.NobodyAsked) && tx.failure == nil && tx.connects == nil:
		return s.succeed(tx, &session{user: "guest of " + tx.browser, since: s.now()})
	case s.proxies():
		return s.advanceProxy(tx, user)
	case s.needsLogin(tx, user):
		return s.proceedTo("/login", tx)
	case tx.connects != nil:
		return s.connect(tx, user)
	case tx.failure != nil:
		return s.fail(tx, tx.failure)
	case s.needsConsent(tx, user):
		tx.signedIn = user
		return s.proceedTo("/consent", tx)
	}
	return s.succeed(tx, user)
}

func (s *AuthServer) proceedTo(page string, tx *transaction) step {
	return step{location: s.at(page) + "?" + url.Values{"tx": {tx.id}}.Encode()}
}

// transactionOf finds the transaction that a page is about, if this browser began it.
func (s *AuthServer) transactionOf(r *http.Request, id string) *transaction {
	tx, ok := s.transactions.get(id, s.now())
	if !ok {
		return nil
	}
	if s.faults.Has(fault.TransactionAnywhere) || s.faults.Has(fault.PagesFramed) {
		return tx
	}
	c, err := r.Cookie(s.cookieName(browserCookie))
	if err != nil || !same(digest(c.Value), tx.browser) {
		return nil
	}
	if s.faults.Has(fault.TransactionPerBrowser) {
		return s.latestOf(c.Value)
	}
	return tx
}

// userOf is the user who answers the pages of a transaction: who has signed in
// at the browser, but for the fault that lets any browser go on.
func (s *AuthServer) userOf(r *http.Request, tx *transaction) *session {
	user := s.sessionOf(r)
	if user == nil && s.faults.Has(fault.TransactionAnywhere) {
		return tx.signedIn
	}
	return user
}

// latestOf is the transaction that began last in a browser.
func (s *AuthServer) latestOf(browser string) *transaction {
	for _, id := range slices.Backward(s.transactions.order) {
		if tx, ok := s.transactions.get(id, s.now()); ok && same(digest(browser), tx.browser) {
			return tx
		}
	}
	return nil
}

// submitted finds the transaction that a form is about. The form has to come
// from our own page.
func (s *AuthServer) submitted(r *http.Request) *transaction {
	tx := s.transactionOf(r, r.PostForm.Get("tx"))
	if tx == nil || !same(r.PostForm.Get("csrf"), tx.csrf) && !s.faults.Has(fault.TransactionPerBrowser) {
		return nil
	}
	return tx
}

// sessionOf returns the session of the browser, or nil.
func (s *AuthServer) sessionOf(r *http.Request) *session {
	c, err := r.Cookie(s.cookieName(sessionCookie))
	if s.faults.Has(fault.SessionFixed) {
		c, err = r.Cookie(s.cookieName(browserCookie))
	}
	if err != nil {
		return nil
	}
	user, ok := s.sessions.get(digest(c.Value), s.now())
	if !ok {
		return nil
	}
	return user
}

// The cookies: one tells browsers apart, the other is a user's session.
const (
	browserCookie = "mcpassay-browser"
	sessionCookie = "mcpassay-session"
)

// cookieName tells servers on other ports of the same host apart, since cookies
// do not (RFC 6265, section 8.5). Over https its prefix makes browsers insist that
// no other host and no cleartext had a hand in it.
func (s *AuthServer) cookieName(name string) string {
	u, err := url.Parse(s.origin)
	if s.hostOnly(name) {
		name = "__Host-" + name
	}
	if err != nil || u.Port() == "" {
		return name
	}
	return name + "-" + u.Port()
}

// hostOnly tells whether a cookie has the prefix by which browsers make sure that
// nobody else has set it (RFC 6265bis, section 4.1.3.2), and so is Secure. They
// take those from loopback, too.
func (s *AuthServer) hostOnly(name string) bool {
	secure := strings.HasPrefix(s.origin, "https:")
	plain := name == sessionCookie && s.faults.Has(fault.ProxyCookiePlain)
	return (secure || s.proxies()) && !plain
}

// cookie makes a cookie that scripts and other sites' requests do not get, but
// for the link from a client to us. Secure would keep it from a http origin.
func (s *AuthServer) cookie(name, value string) *http.Cookie {
	u, err := url.Parse(s.origin)
	scriptable := s.faults.Has(fault.CookieScriptable) || s.proxies() && s.faults.Has(fault.ProxyCookiePlain)
	return &http.Cookie{
		Name:     s.cookieName(name),
		Value:    value,
		Path:     "/",
		HttpOnly: name != sessionCookie || !scriptable,
		Secure:   err == nil && u.Scheme == "https" || s.hostOnly(name) || s.sameSite(name) == http.SameSiteNoneMode,
		SameSite: s.sameSite(name),
	}
}

// sameSite keeps cookies from requests that other sites make, but for the faults.
func (s *AuthServer) sameSite(name string) http.SameSite {
	switch {
	case s.faults.Has(fault.ConsentForged), s.faults.Has(fault.ConsentAnySession):
		return http.SameSiteNoneMode
	case s.faults.Has(fault.CookieEverySite) && name == sessionCookie:
		return 0
	case s.variants.Has(variant.WebMessage): // for the frames of clients
		return http.SameSiteNoneMode
	}
	return http.SameSiteLaxMode
}

// browserCookie returns the value of the browser's cookie, or a new one.
func (s *AuthServer) browserCookie(r *http.Request) string {
	if c, err := r.Cookie(s.cookieName(browserCookie)); err == nil && len(c.Value) == len(secret()) {
		return c.Value
	}
	return secret()
}

// consentKey is what a remembered consent covers: no other client, redirect URI,
// scope, resource or agent.
func (q *authRequest) consentKey() string {
	return url.Values{
		"client": {q.client.ID}, "redirect": {q.redirectURI}, "scope": q.scopes, "resource": q.resources,
		"agent": {q.agentID()},
	}.Encode()
}

// needsConsent tells whether the user is to be asked. What was agreed is
// remembered only for clients that prove who they are; everyone can claim to be
// another client (RFC 6749, section 10.2; RFC
// 8252, section 8.6).
func (s *AuthServer) needsConsent(tx *transaction, user *session) bool {
	switch {
	case tx.agreed, tx.request.client.needsNoConsent, s.remindedBy(tx), s.askedBefore(tx.request.client, user),
		s.faults.Has(fault.ConsentNewSilent) && user.since.Before(tx.started):
		return false
	case s.variants.Has(variant.ConsentAlways), tx.request.prompts("consent"):
		return true
	}
	return !s.remembers(tx.request) || !s.approved(tx.request, user)
}

package reference

import (
	"net/http"
	"net/url"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A consentPage asks a user whether a client may have what it asks for. It says
// who asks, where the answer goes and what it allows; the name is the client's
// own claim, the host of the redirect URI is not.
type consentPage struct {
	frame
	Fields    fields
	Tx        string
	CSRF      string
	User      string
	Client    *Client
	Name      any // escaped where it is shown, but for a fault
	Site      any // of the client, as it says: a link
	Who       who
	Target    string
	Address   string       // the redirect URI; only where users sign in elsewhere
	Upstream  *upstreamAsk // only there
	Code      string       // that the device shows, if it is one that asks
	Scopes    []string
	Resources []string
	Agent     string // that is to act for the user, if any
	Refusal   bool   // put the refusing button first
}

func (s *AuthServer) showConsent(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	next := s.expired()
	if tx := s.transactionOf(r, r.URL.Query().Get("tx")); tx != nil {
		if user := s.userOf(r, tx); s.needsLogin(tx, user) || tx.failure != nil {
			next = s.advance(tx, user)
		} else {
			next = s.consentPage(tx, user)
		}
	}
	s.mu.Unlock()
	s.write(w, next)
}

func (s *AuthServer) consentPage(tx *transaction, user *session) step {
	q := tx.request
	if s.variants.Has(variant.ConsentTokenOnce) {
		tx.csrf = secret()
	}
	page := &consentPage{
		frame:     frame{Title: "Allow access"},
		Fields:    s.fields(),
		Tx:        tx.id,
		CSRF:      tx.csrf,
		User:      nameOf(user),
		Client:    s.clientShown(q.client),
		Name:      s.shownName(s.clientShown(q.client)),
		Site:      s.site(q.client),
		Who:       s.whoAsks(q),
		Target:    destination(q.redirectURI),
		Scopes:    meanings(q.scopes),
		Resources: q.resources,
		Agent:     s.agentName(q),
		Refusal:   s.variants.Has(variant.FormPostConsent),
	}
	leads := q.redirectURI
	if s.proxies() {
		page.Upstream, page.Address = &upstreamAsk{Host: hostOf(s.federation.issuer), Scope: upstreamScope}, q.redirectURI
		leads += " " + s.federation.issuer
	}
	if tx.connects != nil {
		page.showDevice(tx.connects.device, s.faults)
	}
	s.hide(page)
	return step{page: "consent.html", formTarget: leads, data: page}
}

// An upstreamAsk is what we will ask an identity provider for.
type upstreamAsk struct{ Host, Scope string }

func nameOf(user *session) string {
	if user == nil {
		return ""
	}
	return user.user
}

// showDevice makes it the page for a device, whose answer goes nowhere but there.
func (page *consentPage) showDevice(d *device, faults fault.Set) {
	page.Target, page.Code = "the device that shows this code", d.userCode
	if faults.Has(fault.DeviceHidesCode) {
		page.Code = "(hidden)"
	}
	if faults.Has(fault.DeviceHidesClient) {
		page.Name = "A device"
	}
}

// hide holds the faults that leave something out.
func (s *AuthServer) hide(page *consentPage) {
	switch {
	case s.faults.Has(fault.ConsentHidesClient):
		page.Name = "An application"
	case s.faults.Has(fault.ProxyConsentHidesScopes) && page.Upstream != nil:
		page.Upstream.Scope = ""
	case s.faults.Has(fault.ProxyConsentHidesAddress) && page.Upstream != nil:
		page.Address, page.Target = "", "the application"
	case s.faults.Has(fault.ConsentHidesTarget):
		page.Target = "the application"
	case s.faults.Has(fault.ConsentHidesResource):
		page.Resources = nil
	case s.faults.Has(fault.ConsentHidesUser):
		page.User = "you"
	}
}

// destination is the part of a redirect URI that tells the user where it leads.
func destination(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	switch {
	case err != nil:
		return redirectURI
	case loopback(u):
		return "an application on this computer (" + u.Host + ")"
	case u.Host == "":
		return "an application that handles " + u.Scheme + " links"
	}
	return u.Host
}

func meanings(scopes []string) []string {
	var texts []string
	for _, scope := range scopes {
		text, ok := scopeMeanings[scope]
		if !ok {
			text = scope
		}
		texts = append(texts, text)
	}
	return texts
}

func (s *AuthServer) submitConsent(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.write(w, s.errorPage(refuse(invalidRequest, "The form cannot be read.")))
		return
	}
	s.mu.Lock()
	next := s.expired()
	if tx := s.approvalSubmitted(r); tx != nil {
		s.races(fault.ConsentRaces, tx.id, "")
		s.believeBrowser(r, tx.request)
		next = s.decide(tx, s.userOf(r, tx), r.PostForm)
	}
	s.mu.Unlock()
	s.write(w, next)
}

// decide acts on the user's answer. Anything but a clear yes is a no.
func (s *AuthServer) decide(tx *transaction, user *session, form url.Values) step {
	if s.needsLogin(tx, user) || tx.failure != nil {
		return s.advance(tx, user)
	}
	names := s.fields()
	if tx.connects != nil {
		return s.connected(tx, user, form.Get(names.Decision) == names.Yes)
	}
	if form.Get(names.Decision) != names.Yes && !s.faults.Has(fault.ConsentDenialIgnored) {
		return s.denied(tx)
	}
	if s.proxies() {
		return s.decideProxied(tx)
	}
	s.agree(tx.request, user)
	s.believeForm(tx.request, form)
	next := s.succeed(tx, user)
	if reminder := s.reminder(tx.request); reminder != "" {
		next.cookies = append(next.cookies, s.cookie(consentCookie, reminder))
	}
	return next
}

// denied ends a transaction that the user refused.
func (s *AuthServer) denied(tx *transaction) step {
	problem := refuse(accessDenied, "the user refused")
	if s.faults.Has(fault.ConsentDenialSilent) {
		problem = refuse(serverError, "something went wrong")
	}
	next := s.fail(tx, problem)
	if s.faults.Has(fault.ConsentDenialOpen) {
		s.transactions.put(tx.id, tx, s.now().Add(transactionLifetime))
	}
	return next
}

// approvalSubmitted is submitted, but for the faults that take approvals from
// elsewhere.
func (s *AuthServer) approvalSubmitted(r *http.Request) *transaction {
	switch {
	case s.faults.Has(fault.ConsentForged):
		if c, err := r.Cookie(s.cookieName(browserCookie)); err == nil {
			return s.latestOf(c.Value)
		}
	case s.faults.Has(fault.ConsentAnySession):
		if tx, ok := s.transactions.get(r.PostForm.Get("tx"), s.now()); ok {
			return tx
		}
	}
	return s.submitted(r)
}

// believeForm holds the faults that take from the form what we showed in it.
func (s *AuthServer) believeForm(q *authRequest, form url.Values) {
	if scope := form.Get("scope"); scope != "" && s.faults.Has(fault.ConsentFormScope) {
		q.scopes, _ = s.scopeGranted(scope, q.client)
	}
	if uri := form.Get("redirect_uri"); uri != "" && s.faults.Has(fault.ConsentFormRedirect) {
		q.redirectURI = uri
	}
}

// believeBrowser holds the fault that grants the scopes of the browser's latest
// request, whichever was approved.
func (s *AuthServer) believeBrowser(r *http.Request, q *authRequest) {
	c, err := r.Cookie(s.cookieName(browserCookie))
	if err != nil || !s.faults.Has(fault.TransactionScopeLatest) {
		return
	}
	if latest := s.latestOf(c.Value); latest != nil {
		q.scopes = latest.request.scopes
	}
}

// maxAgreed bounds what one session remembers.
const maxAgreed = 100

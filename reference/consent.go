package reference

import (
	"net/http"
	"net/url"

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
	Target    string
	Scopes    []string
	Resources []string
	Refusal   bool // put the refusing button first
}

func (s *AuthServer) showConsent(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	next := s.expired()
	if tx := s.transactionOf(r, r.URL.Query().Get("tx")); tx != nil {
		if user := s.sessionOf(r); tx.needsLogin(user) || tx.failure != nil {
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
	return step{page: "consent.html", formTarget: q.redirectURI, data: &consentPage{
		frame:     frame{Title: "Allow access"},
		Fields:    s.fields(),
		Tx:        tx.id,
		CSRF:      tx.csrf,
		User:      user.user,
		Client:    q.client,
		Target:    destination(q.redirectURI),
		Scopes:    meanings(q.scopes),
		Resources: q.resources,
		Refusal:   s.variants.Has(variant.FormPostConsent),
	}}
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
	if tx := s.submitted(r); tx != nil {
		next = s.decide(tx, s.sessionOf(r), r.PostForm)
	}
	s.mu.Unlock()
	s.write(w, next)
}

// decide acts on the user's answer. Anything but a clear yes is a no.
func (s *AuthServer) decide(tx *transaction, user *session, form url.Values) step {
	if tx.needsLogin(user) || tx.failure != nil {
		return s.advance(tx, user)
	}
	names := s.fields()
	if form.Get(names.Decision) != names.Yes {
		return s.fail(tx, refuse(accessDenied, "the user refused"))
	}
	if len(user.agreed) < maxAgreed {
		user.agreed[tx.request.consentKey()] = true
	}
	return s.succeed(tx, user)
}

// maxAgreed bounds what one session remembers.
const maxAgreed = 100

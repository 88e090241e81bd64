package reference

import (
	"net/http"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// remembers tells whether the approval of a client is worth remembering: only
// where nobody else can claim to be that client. A client proves who it is by its
// credentials, or by being answered at an https host that is its own.
func (s *AuthServer) remembers(q *authRequest) bool {
	client := q.client
	switch {
	case s.faults.Has(fault.ConsentRemembered):
		return true
	case s.variants.Has(variant.RemembersConsent), s.variants.Has(variant.WebMessage):
		return strings.HasPrefix(q.redirectURI, "https://")
	}
	return client.trusted() && client.AuthMethod != authNone
}

// approved tells whether the user has agreed to just this before. It is kept
// with the session, on our side, where nobody can write it.
func (s *AuthServer) approved(q *authRequest, user *session) bool {
	key := q.consentKey()
	switch {
	case s.faults.Has(fault.ConsentScopeBlind):
		key = keyWithout(q, func(c *authRequest) { c.scopes = nil })
	case s.faults.Has(fault.ConsentResourceBlind):
		key = keyWithout(q, func(c *authRequest) { c.resources = nil })
	case s.faults.Has(fault.ConsentRedirectBlind):
		key = keyWithout(q, func(c *authRequest) { c.redirectURI = "" })
	}
	return user.agreed[key]
}

// agree remembers what the user has agreed to.
func (s *AuthServer) agree(q *authRequest, user *session) {
	if len(user.agreed) >= maxAgreed {
		return
	}
	user.agreed[q.consentKey()] = true
	if s.faults.Has(fault.ConsentScopeBlind) || s.faults.Has(fault.ConsentResourceBlind) || s.faults.Has(fault.ConsentRedirectBlind) {
		for _, blank := range []func(*authRequest){
			func(c *authRequest) { c.scopes = nil }, func(c *authRequest) { c.resources = nil }, func(c *authRequest) { c.redirectURI = "" },
		} {
			user.agreed[keyWithout(q, blank)] = true
		}
	}
}

func keyWithout(q *authRequest, blank func(*authRequest)) string {
	c := *q
	blank(&c)
	return c.consentKey()
}

// consentCookie is where only faults remember approvals.
const consentCookie = "mcpassay-approved"

// remindedBy holds the faults that believe a cookie of the browser's.
func (s *AuthServer) remindedBy(tx *transaction) bool {
	return tx.reminder != "" && tx.reminder == s.reminder(tx.request)
}

func (s *AuthServer) reminder(q *authRequest) string {
	switch {
	case s.faults.Has(fault.ConsentCookiePlain):
		return q.client.ID
	case s.faults.Has(fault.ConsentCookieAnyUser):
		return q.client.ID + "." + digest(q.client.ID+" "+s.preset[ResourceServerClient].Secret)
	}
	return ""
}

// reminderOf is what the browser says it has approved.
func (s *AuthServer) reminderOf(r *http.Request) string {
	c, err := r.Cookie(s.cookieName(consentCookie))
	if err != nil {
		return ""
	}
	return c.Value
}

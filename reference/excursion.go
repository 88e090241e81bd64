package reference

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// An excursion is a browser that we have sent to the identity provider. What we
// need when it is back stays with us; it carries only a random state, in the URL
// and in a cookie.
type excursion struct {
	tx                     *transaction
	state, verifier, nonce string
	user                   *session // once it is back
}

// excursionLifetime is how long a user may take to sign in.
const excursionLifetime = 10 * time.Minute

// stateCookie is the cookie that the state is compared with.
const stateCookie = "mcpassay-upstream"

// depart makes the state of an excursion and the cookie that holds it. The name
// of the cookie tells excursions in several tabs apart.
func (s *AuthServer) depart(tx *transaction) *http.Cookie {
	e := &excursion{tx: tx, state: s.upstreamState(tx.request), verifier: secret() + secret(), nonce: secret()}
	switch {
	case s.faults.Has(fault.ProxyChallengeReused):
		e.verifier = s.federation.verifier
	case s.faults.Has(fault.ProxyNoPKCE):
		e.verifier, e.nonce = "", ""
	}
	tx.away = e
	s.federation.away.put(digest(e.state), e, s.now().Add(excursionLifetime))
	return s.cookie(s.stateCookieName(e.state), e.state)
}

func (s *AuthServer) stateCookieName(state string) string {
	if s.faults.Has(fault.ProxyStateIgnored) {
		return stateCookie
	}
	return stateCookie + "-" + digest(state)[:8]
}

// upstreamState is a random value, never anything of the client's.
func (s *AuthServer) upstreamState(q *authRequest) string {
	switch {
	case s.faults.Has(fault.ProxyStateCounter):
		s.federation.count++
		return fmt.Sprint(1000 + s.federation.count)
	case s.faults.Has(fault.ProxyStateFromClient) && q.state != "":
		return q.state
	case s.faults.Has(fault.ProxyStateReadable):
		text, err := json.Marshal(readableState{ID: secret(), Client: q.client.ID, Redirect: q.redirectURI})
		if err == nil {
			return base64.RawURLEncoding.EncodeToString(text)
		}
	}
	return secret()
}

// A readableState is what only a fault puts into the state.
type readableState struct {
	ID       string `json:"id"`
	Client   string `json:"client_id"`
	Redirect string `json:"redirect_uri"`
}

// goUpstream sends the browser to the identity provider, with PKCE and a nonce
// that are as fresh as the state.
func (s *AuthServer) goUpstream(tx *transaction) step {
	next := step{}
	if tx.away == nil {
		next.cookies = []*http.Cookie{s.depart(tx)}
	}
	e := tx.away
	query := url.Values{
		"response_type": {"code"}, "client_id": {s.federation.clientID}, "redirect_uri": {s.at(callbackPath)},
		"scope": {upstreamScope}, "state": {e.state}, "nonce": {e.nonce},
		"code_challenge": {challengeFor(e.verifier)}, "code_challenge_method": {"S256"},
	}
	if s.faults.Has(fault.ProxyNoPKCE) {
		query.Del("code_challenge")
		query.Del("code_challenge_method")
		query.Del("nonce")
	}
	if tx.request.prompts("login") || tx.request.prompts("select_account") {
		query.Set("prompt", "login")
	}
	if tx.request.maxAge >= 0 {
		query.Set("max_age", fmt.Sprint(int(tx.request.maxAge/time.Second)))
	}
	next.location = s.federation.issuer + "/authorize?" + query.Encode()
	return next
}

// comeBack is where the identity provider sends the browser.
func (s *AuthServer) comeBack(w http.ResponseWriter, r *http.Request) {
	if !s.proxies() {
		http.NotFound(w, r)
		return
	}
	query := r.URL.Query()
	s.mu.Lock()
	e := s.excursionOf(r, query)
	s.mu.Unlock()
	if e == nil {
		s.write(w, s.expired())
		return
	}
	next := s.arrive(r, e, query)
	gone := s.cookie(s.stateCookieName(e.state), "")
	gone.MaxAge = -1
	if !s.faults.Has(fault.ProxyStateReusable) {
		next.cookies = append(next.cookies, gone)
	}
	s.write(w, next)
}

// excursionOf finds what the browser was sent away with, once: the state has to
// be ours, and the one in this browser's cookie.
func (s *AuthServer) excursionOf(r *http.Request, query url.Values) *excursion {
	state := query.Get("state")
	if s.faults.Has(fault.ProxyStateIgnored) {
		if c, err := r.Cookie(s.cookieName(stateCookie)); err == nil {
			state = c.Value
		}
	}
	if changed := s.readState(r, state); changed != nil {
		return changed
	}
	e, ok := s.federation.away.get(digest(state), s.now())
	if !ok {
		return nil
	}
	c, err := r.Cookie(s.cookieName(s.stateCookieName(state)))
	if (err != nil || !same(c.Value, state)) && !s.faults.Has(fault.ProxyStateUnbound) {
		return nil
	}
	if !s.faults.Has(fault.ProxyStateReusable) {
		s.federation.away.remove(digest(state))
	}
	return e
}

// readState holds the fault that believes what the state says.
func (s *AuthServer) readState(r *http.Request, state string) *excursion {
	var said, kept readableState
	text, err := base64.RawURLEncoding.DecodeString(state)
	if !s.faults.Has(fault.ProxyStateReadable) || err != nil || json.Unmarshal(text, &said) != nil {
		return nil
	}
	for _, c := range r.Cookies() {
		text, err := base64.RawURLEncoding.DecodeString(c.Value)
		if err != nil || json.Unmarshal(text, &kept) != nil || kept.ID != said.ID {
			continue
		}
		if e, ok := s.federation.away.get(digest(c.Value), s.now()); ok {
			s.federation.away.remove(digest(c.Value))
			e.tx.request.redirectURI = said.Redirect
			return e
		}
	}
	return nil
}

// arrive finds out who has signed in, and goes on with what the browser had
// asked for. Another user than the one whose approval we remembered is asked.
func (s *AuthServer) arrive(r *http.Request, e *excursion, query url.Values) step {
	user := e.user
	if query.Get("error") == "" && user == nil {
		var err error
		if user, err = s.federation.whoIs(r.Context(), e, query.Get("code"), s.at(callbackPath)); err != nil {
			return s.errorPage(refuse(accessDenied, "Signing in did not work. Go back to the application and start again."))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if user == nil {
		return s.fail(e.tx, refuse(accessDenied, "the user did not sign in"))
	}
	if s.faults.Has(fault.ProxyStateReusable) {
		e.user = user
	}
	if c, err := r.Cookie(s.cookieName(sessionCookie)); err == nil {
		s.sessions.remove(digest(c.Value))
	}
	id := secret()
	s.sessions.put(digest(id), user, s.now().Add(sessionLifetime))
	tx := e.tx
	tx.arrived = user
	next := s.welcome(tx, user)
	next.cookies = append(next.cookies, s.cookie(sessionCookie, id))
	return next
}

func (s *AuthServer) welcome(tx *transaction, user *session) step {
	if !tx.agreed && (tx.approvedBy != "" && tx.approvedBy != user.user || s.faults.Has(fault.ProxyConsentLate)) && s.needsApproval(tx, user) {
		return s.proceedTo("/consent", tx)
	}
	s.approve(tx, user)
	return s.succeed(tx, user)
}

// whoIs redeems the identity provider's code and believes its ID token if that is
// for us and for this excursion (OpenID Connect Core, section 3.1.3.7).
func (f *federation) whoIs(ctx context.Context, e *excursion, code, callback string) (*session, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {e.verifier},
	}
	if !e.proves() {
		form.Del("code_verifier")
	}
	var answer delegationAnswer
	at := time.Now()
	if err := f.askAbout(ctx, "/token", form, &answer); err != nil {
		return nil, err
	}
	keys, err := http.NewRequestWithContext(ctx, http.MethodGet, f.issuer+"/jwks", nil)
	if err != nil {
		return nil, err
	}
	set, err := f.ask(keys)
	if err != nil {
		return nil, err
	}
	if err := tokens.SignedBy(answer.ID, set); err != nil {
		return nil, err
	}
	user, err := f.believe(answer.ID, e)
	if err == nil {
		user.delegated = &delegation{}
		user.delegated.keep(&answer, at)
	}
	return user, err
}

// form is a request that posts a form to the identity provider, as its client.
func (f *federation) form(ctx context.Context, path string, form url.Values) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(f.clientID), url.QueryEscape(f.clientSecret))
	return req, nil
}

// believe reads a token that the identity provider has signed.
func (f *federation) believe(token string, e *excursion) (*session, error) {
	t, err := tokens.Parse(token)
	if err != nil {
		return nil, err
	}
	issuer, _ := t.String("iss")
	subject, _ := t.String("sub")
	nonce, _ := t.String("nonce")
	audience, err := t.Audience()
	if err != nil {
		return nil, err
	}
	expires, err := t.Time("exp")
	if err != nil {
		return nil, err
	}
	since, err := t.Time("auth_time")
	switch {
	case err != nil:
		return nil, err
	case issuer != f.issuer, subject == "", len(audience) != 1 || audience[0] != f.clientID, !time.Now().Before(expires):
		return nil, errors.New("the ID token is not for us")
	case nonce != e.nonce && e.proves():
		return nil, errors.New("the ID token belongs to another sign-in")
	}
	return &session{user: subject, since: since, agreed: map[string]bool{}}, nil
}

func (f *federation) ask(req *http.Request) ([]byte, error) {
	res, err := f.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // read to its end or given up
	if refusedUpstream(res.StatusCode) {
		return nil, errRefusedUpstream
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the identity provider answered %d", res.StatusCode)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxDocument))
}

// proves tells whether the excursion has a verifier and a nonce, as all have but
// those of a fault.
func (e *excursion) proves() bool { return e.verifier != "" }

// approvalCookie is where only a fault keeps what was approved.
func (s *AuthServer) approvalCookie(tx *transaction) *http.Cookie {
	return &http.Cookie{Name: approvalCookie, Path: "/", Value: base64.RawURLEncoding.EncodeToString([]byte(tx.request.client.ID))}
}

const approvalCookie = "approved-clients"

// remindedOf holds the fault that believes the cookie.
func (s *AuthServer) remindedOf(tx *transaction) bool {
	return s.faults.Has(fault.ProxyConsentCookie) && tx.approval == base64.RawURLEncoding.EncodeToString([]byte(tx.request.client.ID))
}

package reference

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// An Oddity is an answer of the introspection endpoint in place of its own, to
// see what a resource server makes of it.
type Oddity struct {
	Status int
	Header http.Header
	Body   []byte
	Hang   bool // answer nothing until the other side gives up
	Drop   bool // close the connection
}

// longestHang bounds how long a request is held.
const longestHang = 15 * time.Second

// oddities are answers about single tokens. All other tokens are answered as
// ever, so that nobody else is disturbed.
type oddities struct {
	mu     sync.Mutex
	answer map[string]Oddity // by token
	asked  map[string]int
}

const maxOddities = 1000

// AnswerIntrospection has questions about the token answered so from now on.
func (s *AuthServer) AnswerIntrospection(token string, o Oddity) {
	s.odd.mu.Lock()
	defer s.odd.mu.Unlock()
	if s.odd.answer == nil || len(s.odd.answer) >= maxOddities {
		s.odd.answer, s.odd.asked = map[string]Oddity{}, map[string]int{}
	}
	s.odd.answer[token] = o
}

// Introspected is how often such a token was asked about.
func (s *AuthServer) Introspected(token string) int {
	s.odd.mu.Lock()
	defer s.odd.mu.Unlock()
	return s.odd.asked[token]
}

// oddly answers a question about a token that is to be answered oddly.
func (s *AuthServer) oddly(w http.ResponseWriter, r *http.Request, token string) bool {
	s.odd.mu.Lock()
	o, odd := s.odd.answer[token]
	if odd {
		s.odd.asked[token]++
	}
	s.odd.mu.Unlock()
	switch {
	case !odd:
		return false
	case o.Hang:
		select {
		case <-r.Context().Done():
		case <-time.After(longestHang):
		}
		panic(http.ErrAbortHandler)
	case o.Drop:
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), o.Header)
	w.WriteHeader(o.Status)
	_, _ = w.Write(o.Body) // whoever asked has gone: nobody to tell
	return true
}

// introspect tells a resource server about a token (RFC 7662).
func (s *AuthServer) introspect(w http.ResponseWriter, r *http.Request) {
	p, problem := s.readForm(r)
	if problem == nil && p.get("token") == "" {
		problem = refuse(invalidRequest, "token is required")
	}
	inJSON := !strings.Contains(r.Header.Get("Accept"), mediaJWT)
	if problem == nil && inJSON && s.oddly(w, r, p.get("token")) {
		return
	}
	if problem == nil {
		problem = s.standing(r.Context(), p.get("token"))
	}
	response := tokens.Claims{"active": false}
	if problem == nil {
		s.mu.Lock()
		var client *Client
		if client, problem = s.introspectingClient(r, p); problem == nil {
			response = s.introspection(client, p.get("token"))
		}
		s.mu.Unlock()
	}
	if problem == nil && response["active"] == false && s.faults.Has(fault.IntrospectUnknownFail) {
		problem = refuse(invalidRequest, "the token is not known")
	}
	if problem != nil {
		s.writeRefusal(w, r, problem)
		return
	}
	s.writeIntrospection(w, r, response)
}

func (s *AuthServer) writeIntrospection(w http.ResponseWriter, r *http.Request, response tokens.Claims) {
	if s.faults.Has(fault.IntrospectCacheable) {
		w.Header().Set("Cache-Control", "public, max-age=60")
	}
	if active, _ := response["active"].(bool); active && strings.Contains(r.Header.Get("Accept"), mediaJWT) {
		s.writePhantom(w, response)
		return
	}
	if s.faults.Has(fault.IntrospectActiveText) && response["active"] == true {
		response["active"] = "true"
	}
	writeJSON(w, http.StatusOK, response)
}

// mediaJWT is what a gateway asks for that wants the token itself in a form which
// the servers behind it can verify.
const mediaJWT = "application/jwt"

// writePhantom answers with a JWT that stands for the opaque token.
func (s *AuthServer) writePhantom(w http.ResponseWriter, claims tokens.Claims) {
	delete(claims, "active")
	delete(claims, "token_type")
	phantom, err := s.keys.Sign("at+jwt", claims)
	if err != nil {
		http.Error(w, "the token cannot be signed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaJWT)
	_, _ = w.Write([]byte(phantom)) // whoever asked has gone: nobody to tell
}

// introspectingClient is the client that asks. It has to prove who it is, and
// somebody has to vouch for it: else anyone could try stolen tokens here.
func (s *AuthServer) introspectingClient(r *http.Request, p params) (*Client, *denial) {
	_, proves := basic(r.Header.Get("Authorization"))
	if s.faults.Has(fault.IntrospectAnonymous) && !proves && p.get("client_id") == "" {
		return nil, nil
	}
	client, problem := s.authenticate(r, p)
	switch {
	case problem != nil:
		return nil, problem
	case client.AuthMethod == authNone && s.faults.Has(fault.IntrospectPublic),
		client.AuthMethod != authNone && s.faults.Has(fault.IntrospectForeign),
		client.AuthMethod != authNone && client.trusted():
		return client, nil
	}
	return nil, refuse(invalidClient, "only registered resource servers and confidential clients may ask")
}

// introspection is what the client may know of a token: the resource server
// everything, another client only about its own.
func (s *AuthServer) introspection(client *Client, token string) tokens.Claims {
	if t, ok := s.refreshes.get(digest(token), s.now()); ok && s.faults.Has(fault.RefreshTokenAccepted) {
		return tokens.Claims{
			"active": true, "sub": t.grant.user, "client_id": t.grant.client, "scope": scopeText(t.grant.scopes), "exp": t.grant.until.Unix(),
		}
	}
	t, ok := s.accesses.get(digest(token), s.now())
	if !ok {
		t, ok = s.unverified(token)
	}
	everything := client == nil || client.ID == ResourceServerClient || s.faults.Has(fault.IntrospectForeign)
	if !ok || !everything && client.ID != t.client {
		return tokens.Claims{"active": false}
	}
	if !t.alive(s.now()) && !s.faults.Has(fault.IntrospectRevoked) {
		return s.dead(t)
	}
	response := maps.Clone(t.claims)
	response["active"] = true
	response["token_type"] = "Bearer"
	if response["cnf"] != nil {
		response["token_type"] = schemeDPoP
	}
	return response
}

// dead is what is said of a token that has ended: nothing else (RFC 7662, section 2.2).
func (s *AuthServer) dead(t *accessToken) tokens.Claims {
	response := tokens.Claims{}
	if s.faults.Has(fault.IntrospectDeadTold) {
		response = maps.Clone(t.claims)
	}
	response["active"] = false
	return response
}

// unverified finds a token by what it says, for the fault that does not verify it.
func (s *AuthServer) unverified(token string) (*accessToken, bool) {
	claimed, err := tokens.Parse(token)
	if err != nil || !s.faults.Has(fault.IntrospectUnverified) {
		return nil, false
	}
	id, _ := claimed.String("jti")
	for _, key := range slices.Sorted(maps.Keys(s.accesses.values)) {
		if t := s.accesses.values[key].value; t.claims["jti"] == id {
			return t, true
		}
	}
	return nil, false
}

package reference

import (
	"maps"
	"net/http"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
)

// revoke is the revocation endpoint (RFC 7009). The answer is the same whether
// the token existed or not; a token of another client stays.
func (s *AuthServer) revoke(w http.ResponseWriter, r *http.Request) {
	p, problem := readForm(r)
	if problem == nil && p.get("token") == "" {
		problem = refuse(invalidRequest, "token is required")
	}
	if problem == nil {
		s.mu.Lock()
		var client *Client
		if client, problem = s.authenticate(r, p); problem == nil {
			s.revokeToken(client, p.get("token"))
		}
		s.mu.Unlock()
	}
	if problem != nil {
		writeRefusal(w, r, problem)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// revokeToken ends a token of the client. A refresh token takes the whole grant
// with it.
func (s *AuthServer) revokeToken(client *Client, token string) {
	if t, ok := s.refreshes.get(digest(token), s.now()); ok && t.grant.client == client.ID {
		t.grant.revoked = true
	}
	if t, ok := s.accesses.get(digest(token), s.now()); ok && t.client == client.ID {
		t.revoked = true
	}
}

// introspect tells a resource server about a token (RFC 7662).
func (s *AuthServer) introspect(w http.ResponseWriter, r *http.Request) {
	p, problem := readForm(r)
	if problem == nil && p.get("token") == "" {
		problem = refuse(invalidRequest, "token is required")
	}
	response := tokens.Claims{"active": false}
	if problem == nil {
		s.mu.Lock()
		var client *Client
		if client, problem = s.authenticate(r, p); problem == nil {
			if problem = introspectionRefused(client); problem == nil {
				response = s.introspection(client, p.get("token"))
			}
		}
		s.mu.Unlock()
	}
	if problem != nil {
		writeRefusal(w, r, problem)
		return
	}
	writeJSON(w, http.StatusOK, response)
}

// introspectionRefused keeps clients out that cannot prove who they are, or that
// nobody vouches for: else anyone could try stolen tokens here.
func introspectionRefused(client *Client) *denial {
	if client.AuthMethod == authNone || !client.trusted() {
		return refuse(invalidClient, "only registered resource servers and confidential clients may ask")
	}
	return nil
}

// introspection is what the client may know of a token: the resource server
// everything, another client only about its own.
func (s *AuthServer) introspection(client *Client, token string) tokens.Claims {
	t, ok := s.accesses.get(digest(token), s.now())
	if !ok || !t.alive(s.now()) || client.ID != resourceServerClientID && client.ID != t.client {
		return tokens.Claims{"active": false}
	}
	response := maps.Clone(t.claims)
	response["active"] = true
	response["token_type"] = "Bearer"
	return response
}

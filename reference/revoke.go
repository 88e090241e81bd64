package reference

import (
	"net/http"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// revoke is the revocation endpoint (RFC 7009). The answer is the same whether
// the token existed or not; a token of another client stays.
func (s *AuthServer) revoke(w http.ResponseWriter, r *http.Request) {
	p, problem := s.readForm(r)
	if problem == nil && p.get("token") == "" {
		problem = refuse(invalidRequest, "token is required")
	}
	if problem == nil {
		s.mu.Lock()
		var client *Client
		if client, problem = s.revokingClient(r, p); problem == nil {
			s.races(fault.RevocationRaces, p.get("token"), "revocation")
			problem = s.revokeToken(client, p)
		}
		s.mu.Unlock()
	}
	if problem != nil {
		s.writeRefusal(w, r, problem)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// revokingClient is the client that asks. It has to say, and if it can to prove,
// who it is (RFC 7009, section 2.1).
func (s *AuthServer) revokingClient(r *http.Request, p params) (*Client, *denial) {
	if s.faults.Has(fault.RevokeAnonymous) && p.get("client_id") == "" && r.Header.Get("Authorization") == "" {
		return nil, nil
	}
	return s.authenticate(r, p)
}

// revokeToken ends a token of the client, whatever token_type_hint says. A
// refresh token takes the whole grant with it (RFC 7009, section 2.1).
func (s *AuthServer) revokeToken(client *Client, p params) *denial {
	token, hint := digest(p.get("token")), p.get("token_type_hint")
	if s.faults.Has(fault.RevokeNothing) {
		return nil
	}
	refresh, isRefresh := s.refreshes.get(token, s.now())
	access, isAccess := s.accesses.get(token, s.now())
	if s.faults.Has(fault.RevokeHint) && hint != "" {
		isRefresh, isAccess = isRefresh && hint == grantRefresh, isAccess && hint == "access_token"
	}
	if isRefresh && s.revocableBy(client, refresh.grant.client) {
		s.refreshes.remove(token)
		refresh.grant.revoked = !s.faults.Has(fault.RevokeKeepsGrant)
	}
	if isAccess && s.revocableBy(client, access.client) {
		access.revoked = true
	}
	if !isRefresh && !isAccess && s.faults.Has(fault.RevokeUnknown) {
		return refuse(invalidRequest, "the token is not known")
	}
	return nil
}

// revocableBy tells whether the client may revoke a token of the owner: of itself.
func (s *AuthServer) revocableBy(client *Client, owner string) bool {
	return client == nil || client.ID == owner || s.faults.Has(fault.RevokeForeign)
}

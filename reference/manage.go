package reference

import (
	"net/http"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// manage is the client configuration endpoint (RFC 7592): a client reads, replaces
// and deletes its own registration, with its own registration access token.
func (s *AuthServer) manage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	client, token := s.managed(r)
	s.mu.Unlock()
	if client == nil {
		// The same answer whether the client exists or not.
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, refuse("invalid_token", "the registration access token is not valid here").document())
		return
	}
	switch r.Method {
	case http.MethodGet:
		writeJSON(w, http.StatusOK, s.registrationResponse(client, token))
	case http.MethodPut:
		s.replace(w, r, client, token)
	case http.MethodDelete:
		s.mu.Lock()
		s.forget(client)
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, PUT, DELETE")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// managed finds the client that a request may manage, or nil.
func (s *AuthServer) managed(r *http.Request) (*Client, string) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	id, respelt := r.PathValue("client"), false
	if s.faults.Has(fault.ManageOtherSpelling) {
		id, _, respelt = strings.Cut(id, ";")
	}
	client, ok := s.clients.get(id, s.now())
	if !ok || client.deleted {
		return nil, ""
	}
	if s.faults.Has(fault.ManageUnguarded) || respelt {
		return client, token
	}
	if !strings.EqualFold(scheme, "Bearer") || !s.managesWith(client, token) {
		return nil, ""
	}
	return client, token
}

// managesWith tells whether the token is the client's own registration access token.
func (s *AuthServer) managesWith(client *Client, token string) bool {
	if s.faults.Has(fault.ManageOtherToken) {
		for _, other := range s.clients.values {
			if same(digest(token), other.value.manager) {
				return true
			}
		}
	}
	if t, ok := s.accesses.get(digest(token), s.now()); ok && s.faults.Has(fault.ManageAccessToken) {
		return t.client == client.ID
	}
	return same(digest(token), client.manager)
}

// replace puts new metadata in place of the old, under the same policy (RFC 7592,
// section 2.2).
func (s *AuthServer) replace(w http.ResponseWriter, r *http.Request, client *Client, token string) {
	updated, problem := s.readUpdate(r, client)
	if problem != nil {
		s.writeRegistrationRefusal(w, r, problem)
		return
	}
	s.mu.Lock()
	if s.client(client.ID) == nil { // deleted meanwhile
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s.clients.put(updated.ID, updated, updated.registered.Add(clientLifetime))
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, s.registrationResponse(updated, token))
}

// readUpdate reads the new metadata of a client. Id and secret stay as they are;
// a body that says otherwise is refused.
func (s *AuthServer) readUpdate(r *http.Request, client *Client) (*Client, *denial) {
	updated, m, problem := s.readRegistration(r)
	if problem != nil && s.faults.Has(fault.ManageUnchecked) && updated != nil {
		problem = nil
	}
	if problem != nil && s.faults.Has(fault.ManageMerges) && updated != nil && len(updated.RedirectURIs) == 0 {
		updated.RedirectURIs, problem = client.RedirectURIs, nil
	}
	if problem != nil {
		return nil, problem
	}
	var id, proof string
	m.read("client_id", &id)
	m.read("client_secret", &proof)
	chosen := proof != "" && !same(proof, client.Secret)
	switch {
	case m.problem != nil:
		return nil, m.problem
	case id != client.ID && !s.faults.Has(fault.ManageChangesID):
		return nil, refuse(invalidRequest, "client_id has to be this client's")
	case chosen && !s.faults.Has(fault.ManageChosenSecret):
		return nil, refuse(invalidRequest, "a client does not choose its secret")
	}
	updated.ID, updated.manager, updated.registered = client.ID, client.manager, client.registered
	if usesSecret(updated.AuthMethod) {
		if updated.Secret = client.Secret; updated.Secret == "" {
			updated.Secret = s.newSecret(updated.ID)
		}
		if chosen {
			updated.Secret = proof
		}
	}
	if s.faults.Has(fault.ManageChangesID) && id != "" {
		updated.ID = id
	}
	return updated, nil
}

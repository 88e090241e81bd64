package reference

import (
	"encoding/json"
	"net/url"
)

// TestDocument is the client id that test fixtures for MCP clients have built in.
// Nothing can be read there.
const TestDocument = "https://conformance-test.local/client-metadata.json"

// vouch lets a client of a lab be known by a URL whose document could not be read,
// and tells whether it is. A lab may stand where the client's publisher cannot be
// reached, which is no mistake of the client's; nobody's account is at stake there.
func (s *AuthServer) vouch(id string, p params) bool {
	if lab := s.options.ForClients; lab == nil || !lab.Documents || !namesDocument(id) {
		return false
	}
	if _, err := s.documentURL(id); err != nil {
		return false
	}
	redirect, err := json.Marshal([]string{p.get("redirect_uri")})
	if err != nil || p.get("redirect_uri") == "" {
		return false
	}
	name, err := json.Marshal(id)
	if err != nil {
		return false
	}
	client, problem := s.describedBy(id, &clientMetadata{members: map[string]json.RawMessage{
		"client_id": name, "client_name": name, "redirect_uris": redirect,
		"grant_types": json.RawMessage(`["authorization_code","refresh_token"]`), "token_endpoint_auth_method": json.RawMessage(`"none"`),
	}}, func(*url.URL) (json.RawMessage, error) { return nil, errFetch })
	if problem != nil {
		return false
	}
	if u, err := url.Parse(id); err == nil {
		client.host = u.Host
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.documents.put(id, &documented{client, s.now().Add(clientLifetime)}, s.now().Add(clientLifetime))
	return true
}

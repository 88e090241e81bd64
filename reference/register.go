package reference

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
)

// The error codes of RFC 7591, section 3.2.2.
const (
	invalidMetadata     = "invalid_client_metadata"
	invalidRedirectURI  = "invalid_redirect_uri"
	unapprovedStatement = "unapproved_software_statement"
)

// clientLifetime is how long a self-registered client lasts.
const clientLifetime = 24 * time.Hour

// register is the client registration endpoint (RFC 7591). Anybody may register,
// so what a client can get here is limited; see registrationAllowed.
func (s *AuthServer) register(w http.ResponseWriter, r *http.Request) {
	client, _, problem := s.readRegistration(r)
	var token string
	if problem == nil {
		token, problem = s.admit(client)
	}
	if problem != nil {
		writeRegistrationRefusal(w, r, problem)
		return
	}
	writeJSON(w, http.StatusCreated, s.registrationResponse(client, token))
}

// admit gives a new client its id and credentials. They are ours to choose,
// whatever the request says.
func (s *AuthServer) admit(client *Client) (token string, problem *denial) {
	token = secret()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients.full(s.now()) {
		return "", refuse("temporarily_unavailable", "there are too many registrations")
	}
	client.ID = "client-" + secret()
	client.manager = digest(token)
	client.registered = s.now()
	if usesSecret(client.AuthMethod) {
		client.Secret = secret()
	}
	s.clients.put(client.ID, client, s.now().Add(clientLifetime))
	return token, nil
}

func usesSecret(method string) bool { return method == authBasic || method == authPost }

// readRegistration reads client metadata and applies policy. Members that we do
// not know are ignored (RFC 7591, section 2).
func (s *AuthServer) readRegistration(r *http.Request) (*Client, *clientMetadata, *denial) {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return nil, nil, refuse(invalidRequest, "the method has to be POST")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, refuse(invalidMetadata, "the metadata cannot be read")
	}
	var m clientMetadata
	if err := json.Unmarshal(body, &m.members); err != nil || m.members == nil {
		return nil, nil, refuse(invalidMetadata, "the metadata is not a JSON object")
	}
	client := &Client{SelfRegistered: true, described: map[string]json.RawMessage{}}
	m.read("redirect_uris", &client.RedirectURIs)
	m.read("token_endpoint_auth_method", &client.AuthMethod)
	m.read("grant_types", &client.GrantTypes)
	m.read("client_name", &client.Name)
	m.read("application_type", &client.ApplicationType)
	m.read("jwks", &client.jwks)
	var scope string
	m.read("scope", &scope)
	client.Scopes = strings.Fields(scope)
	if m.problem != nil {
		return nil, nil, m.problem
	}
	for _, check := range []func(*Client, *clientMetadata) *denial{
		s.statementAllowed, s.registrationAllowed, s.describe,
	} {
		if problem := check(client, &m); problem != nil {
			return nil, nil, problem
		}
	}
	return client, &m, nil
}

// clientMetadata is the body of a registration. Its member names are compared exactly.
type clientMetadata struct {
	members map[string]json.RawMessage
	problem *denial
}

// read decodes a member, if it is there and not null.
func (m *clientMetadata) read(name string, into any) {
	raw, ok := m.members[name]
	if !ok || string(raw) == "null" || m.problem != nil {
		return
	}
	if err := json.Unmarshal(raw, into); err != nil {
		m.problem = refuse(invalidMetadata, "%s has the wrong type", name)
	}
}

func (m *clientMetadata) has(name string) bool {
	raw, ok := m.members[name]
	return ok && string(raw) != "null"
}

// statementAllowed refuses software statements: we trust nobody who signs them
// (RFC 7591, section 3.2.2).
func (s *AuthServer) statementAllowed(_ *Client, m *clientMetadata) *denial {
	if m.has("software_statement") {
		return refuse(unapprovedStatement, "no issuer of software statements is trusted here")
	}
	return nil
}

// registrationAllowed is the policy for clients that nobody vouches for, and
// fills in what the request left out. What is changed shows in the response.
func (s *AuthServer) registrationAllowed(client *Client, m *clientMetadata) *denial {
	if client.AuthMethod == "" {
		client.AuthMethod = authBasic // the default of RFC 7591, section 2
	}
	if problem := s.grantTypesAllowed(client); problem != nil {
		return problem
	}
	if problem := responseTypesAllowed(m); problem != nil {
		return problem
	}
	if problem := s.registeredScopes(client); problem != nil {
		return problem
	}
	if problem := s.keysAllowed(client, m); problem != nil {
		return problem
	}
	return s.redirectURIsAllowed(client)
}

// grantTypesAllowed keeps to grants that need a user. Others are left out where
// the code flow remains, and refused where nothing would.
func (s *AuthServer) grantTypesAllowed(client *Client) *denial {
	if len(client.GrantTypes) == 0 {
		client.GrantTypes = []string{grantCode}
	}
	client.GrantTypes = slices.DeleteFunc(client.GrantTypes, func(g string) bool { return !s.openGrant(g) })
	if !contains(client.GrantTypes, grantCode) {
		return refuse(invalidMetadata, "self-registered clients use the grant type %s", grantCode)
	}
	return nil
}

// openGrant tells whether anybody may register for a grant type.
func (s *AuthServer) openGrant(grant string) bool {
	return grant == grantCode || grant == grantRefresh
}

func responseTypesAllowed(m *clientMetadata) *denial {
	types := []string{"code"}
	m.read("response_types", &types)
	if m.problem != nil {
		return m.problem
	}
	if len(types) != 1 || types[0] != "code" {
		return refuse(invalidMetadata, "response_types has to be code alone")
	}
	return nil
}

// registeredScopes caps what a self-registered client may ask users for.
func (s *AuthServer) registeredScopes(client *Client) *denial {
	if len(client.Scopes) == 0 {
		client.Scopes = slices.Clone(openScopes)
		return nil
	}
	client.Scopes = slices.DeleteFunc(client.Scopes, func(scope string) bool { return !s.openScope(scope) })
	if len(client.Scopes) == 0 {
		return refuse(invalidMetadata, "none of the scopes is open to self-registered clients")
	}
	return nil
}

// openScope tells whether anybody may register for a scope.
func (s *AuthServer) openScope(scope string) bool { return contains(openScopes, scope) }

// keysAllowed checks the authentication method and the keys it needs.
func (s *AuthServer) keysAllowed(client *Client, m *clientMetadata) *denial {
	if m.has("jwks") && m.has("jwks_uri") {
		return refuse(invalidMetadata, "jwks and jwks_uri exclude each other")
	}
	if m.has("jwks_uri") {
		return refuse(invalidMetadata, "keys are taken by value only")
	}
	if m.has("jwks") {
		if err := tokens.PublicKeys(client.jwks); err != nil {
			return refuse(invalidMetadata, "jwks: %v", err)
		}
	}
	switch client.AuthMethod {
	case authNone, authBasic, authPost:
		return nil
	case authAssertion:
		if !m.has("jwks") {
			return refuse(invalidMetadata, "private_key_jwt needs jwks")
		}
		return nil
	}
	return refuse(invalidMetadata, "token_endpoint_auth_method %q is not supported", client.AuthMethod)
}

// describe keeps the members that only describe the client. Those that users
// could follow have to be web pages.
func (s *AuthServer) describe(client *Client, m *clientMetadata) *denial {
	for _, name := range []string{"client_uri", "logo_uri", "tos_uri", "policy_uri"} {
		var uri string
		m.read(name, &uri)
		if uri == "" {
			continue
		}
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return refuse(invalidMetadata, "%s has to be the URL of a web page", name)
		}
		client.described[name] = m.members[name]
	}
	for _, name := range []string{"software_id", "software_version"} {
		var text string
		m.read(name, &text)
		if text != "" {
			client.described[name] = m.members[name]
		}
	}
	if contacts := []string(nil); m.has("contacts") {
		m.read("contacts", &contacts)
		client.described["contacts"] = m.members["contacts"]
	}
	return m.problem
}

// registrationResponse tells all that is registered (RFC 7591, section 3.2.1).
func (s *AuthServer) registrationResponse(client *Client, token string) map[string]any {
	document := map[string]any{
		"client_id":                  client.ID,
		"client_id_issued_at":        client.registered.Unix(),
		"redirect_uris":              client.RedirectURIs,
		"grant_types":                client.GrantTypes,
		"response_types":             []string{"code"},
		"token_endpoint_auth_method": client.AuthMethod,
		"scope":                      strings.Join(client.Scopes, " "),
		"registration_client_uri":    s.issuer + "/register/" + client.ID,
		"registration_access_token":  token,
	}
	for name, value := range client.described {
		document[name] = value
	}
	if client.Name != "" {
		document["client_name"] = client.Name
	}
	if client.ApplicationType != "" {
		document["application_type"] = client.ApplicationType
	}
	if client.jwks != nil {
		document["jwks"] = client.jwks
	}
	if client.Secret != "" {
		document["client_secret"] = client.Secret
		document["client_secret_expires_at"] = client.registered.Add(clientLifetime).Unix()
	}
	return document
}

func writeRegistrationRefusal(w http.ResponseWriter, r *http.Request, problem *denial) {
	status := http.StatusBadRequest
	switch {
	case problem.code == "temporarily_unavailable":
		w.Header().Set("Retry-After", "60")
		status = http.StatusTooManyRequests
	case r.Method != http.MethodPost && r.Method != http.MethodPut:
		w.Header().Set("Allow", "POST")
		status = http.StatusMethodNotAllowed
	}
	writeJSON(w, status, problem.document())
}

package reference

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
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
	if r.Method == http.MethodGet && s.faults.Has(fault.RegistrationListed) {
		s.list(w)
		return
	}
	client, m, problem := s.readRegistration(r)
	var token string
	if problem == nil {
		token, problem = s.admit(client, m)
	}
	if problem != nil {
		s.writeRegistrationRefusal(w, r, problem)
		return
	}
	status := http.StatusCreated
	if s.faults.Has(fault.RegisterStatus) {
		status = http.StatusOK
	}
	if s.faults.Has(fault.RegisterCacheable) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
	}
	writeJSON(w, status, s.registrationResponse(client, token))
}

// admit gives a new client its id and credentials. They are ours to choose,
// whatever the request says.
func (s *AuthServer) admit(client *Client, m *clientMetadata) (token string, problem *denial) {
	token = secret()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients.full(s.now()) {
		return "", refuse("temporarily_unavailable", "there are too many registrations")
	}
	client.ID = s.newClientID()
	client.manager = digest(token)
	client.registered = s.now()
	if usesSecret(client.AuthMethod) {
		client.Secret = s.newSecret(client.ID)
	}
	s.chosen(client, m)
	s.clients.put(client.ID, client, s.now().Add(clientLifetime))
	return token, nil
}

// newClientID makes an id that nobody else has, and that is not the URL of a
// document (CIMD, section 3).
func (s *AuthServer) newClientID() string {
	if s.faults.Has(fault.RegisterURLIDs) {
		return "https://clients.example/" + secret()
	}
	return "client-" + secret()
}

// newSecret makes a secret that nobody can guess: 256 random bits.
func (s *AuthServer) newSecret(id string) string {
	switch {
	case s.faults.Has(fault.RegisterWeakSecret):
		return secret()[:6]
	case s.faults.Has(fault.RegisterDerivedSecret):
		return digest(id)
	case s.faults.Has(fault.RegisterSharedSecret):
		return digest(s.issuer)
	}
	return secret()
}

// chosen holds the faults that let a client choose what is the server's to choose.
func (s *AuthServer) chosen(client *Client, m *clientMetadata) {
	var id, proof string
	m.read("client_id", &id)
	m.read("client_secret", &proof)
	if s.faults.Has(fault.RegisterChosenID) && id != "" {
		client.ID = id
	}
	if s.faults.Has(fault.RegisterChosenSecret) && proof != "" {
		client.Secret = proof
	}
	if s.faults.Has(fault.RegisterPolicySkipped) {
		client.needsNoConsent = !m.has("grant_types")
	}
	if s.faults.Has(fault.RegisterMassAssignment) {
		for _, name := range []string{"skip_consent", "skipConsent", "trusted", "first_party", "is_first_party"} {
			var yes bool
			m.read(name, &yes)
			client.needsNoConsent = client.needsNoConsent || yes
		}
	}
}

// list shows all registered clients to anybody.
func (s *AuthServer) list(w http.ResponseWriter) {
	s.mu.Lock()
	all := []map[string]any{}
	for _, kept := range s.clients.values {
		all = append(all, s.registrationResponse(kept.value, ""))
	}
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, all)
}

func usesSecret(method string) bool { return method == authBasic || method == authPost }

// readRegistration reads client metadata and applies policy. With a refusal by
// policy comes what was refused. Members that we do
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
	s.readRedirectURIs(&m, client)
	m.read("token_endpoint_auth_method", &client.AuthMethod)
	m.read("grant_types", &client.GrantTypes)
	m.read("client_name", &client.Name)
	m.read("application_type", &client.ApplicationType)
	m.read("jwks", &client.jwks)
	m.read("dpop_bound_access_tokens", &client.boundTokens)
	s.readCertificateMembers(&m, client)
	var scope string
	m.read("scope", &scope)
	client.Scopes = strings.Fields(scope)
	if m.problem != nil {
		return nil, nil, m.problem
	}
	if problem := s.membersMissed(&m); problem != nil {
		return nil, nil, problem
	}
	for _, check := range []func(*Client, *clientMetadata) *denial{
		s.statementAllowed, s.registrationAllowed, s.describe, s.pushRegistered,
	} {
		if problem := check(client, &m); problem != nil {
			return client, &m, problem
		}
	}
	return client, &m, nil
}

// membersMissed holds the faults that refuse what has to be tolerated.
func (s *AuthServer) membersMissed(m *clientMetadata) *denial {
	if s.faults.Has(fault.RegisterOptionalRequired) && !m.has("scope") && !m.has("client_name") {
		return refuse(invalidMetadata, "scope or client_name is required")
	}
	if s.faults.Has(fault.RegisterUnknownRefused) {
		for name := range m.members {
			if !contains(knownMembers, name) {
				return refuse(invalidMetadata, "%s is not known", name)
			}
		}
	}
	return nil
}

var knownMembers = []string{
	"redirect_uris", "token_endpoint_auth_method", "grant_types", "response_types", "client_name", "client_uri",
	"logo_uri", "scope", "contacts", "tos_uri", "policy_uri", "jwks_uri", "jwks", "software_id", "software_version",
	"software_statement", "application_type", "client_id",
}

// readRedirectURIs reads redirect_uris, which is a list.
func (s *AuthServer) readRedirectURIs(m *clientMetadata, client *Client) {
	var one string
	if s.faults.Has(fault.RegisterTextForArray) && json.Unmarshal(m.members["redirect_uris"], &one) == nil {
		client.RedirectURIs = []string{one}
		return
	}
	m.read("redirect_uris", &client.RedirectURIs)
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
func (s *AuthServer) statementAllowed(client *Client, m *clientMetadata) *denial {
	if m.has("software_statement") && s.faults.Has(fault.RegisterStatement) {
		return s.believeStatement(client, m)
	}
	if m.has("software_statement") {
		return refuse(unapprovedStatement, "no issuer of software statements is trusted here")
	}
	return nil
}

// believeStatement takes the claims of a software statement for true.
func (s *AuthServer) believeStatement(client *Client, m *clientMetadata) *denial {
	var statement string
	m.read("software_statement", &statement)
	_, claims, err := tokens.Decode(statement)
	if err != nil || m.problem != nil {
		return refuse("invalid_software_statement", "the software statement cannot be read")
	}
	stated := clientMetadata{members: claims}
	stated.read("client_name", &client.Name)
	stated.read("redirect_uris", &client.RedirectURIs)
	return stated.problem
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
		web := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
		if !web && !s.faults.Has(fault.PagesScriptLink) {
			return refuse(invalidMetadata, "%s has to be the URL of a web page", name)
		}
		client.described[name] = m.members[name]
		s.fetchNamed(fault.FetchRegistration, m.members[name])
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
		"response_types":             client.responseTypes(),
		"token_endpoint_auth_method": client.AuthMethod,
		"scope":                      strings.Join(client.Scopes, " "),
		"registration_client_uri":    s.at("/register") + "/" + url.PathEscape(client.ID),
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
	if client.certificateBound {
		document["tls_client_certificate_bound_access_tokens"] = true
	}
	if client.boundTokens {
		document["dpop_bound_access_tokens"] = true
	}
	if client.jwks != nil {
		document["jwks"] = client.jwks
	}
	if client.Secret != "" {
		document["client_secret"] = client.Secret
		document["client_secret_expires_at"] = client.registered.Add(s.options.SecretLifetime).Unix()
	}
	return s.misreported(client, document)
}

// misreported holds the faults that say something else than what is registered.
func (s *AuthServer) misreported(client *Client, document map[string]any) map[string]any {
	if s.faults.Has(fault.RegisterExpiryMissing) {
		delete(document, "client_secret_expires_at")
	}
	if s.faults.Has(fault.RegisterSubstitutes) {
		document["grant_types"] = client.askedGrants
	}
	if s.faults.Has(fault.RegisterNoEcho) {
		for _, name := range []string{"redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method", "scope", "client_name"} {
			delete(document, name)
		}
	}
	return document
}

func (s *AuthServer) writeRegistrationRefusal(w http.ResponseWriter, r *http.Request, problem *denial) {
	status := http.StatusBadRequest
	switch {
	case problem.code == "temporarily_unavailable":
		w.Header().Set("Retry-After", "60")
		status = http.StatusTooManyRequests
	case r.Method != http.MethodPost && r.Method != http.MethodPut:
		w.Header().Set("Allow", "POST")
		status = http.StatusMethodNotAllowed
	case s.faults.Has(fault.RegisterErrorPage):
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "<h1>Error</h1>")
		return
	}
	document := problem.document()
	if s.faults.Has(fault.RegisterErrorCode) {
		document["error"] = "bad_redirect"
	}
	writeJSON(w, status, document)
}

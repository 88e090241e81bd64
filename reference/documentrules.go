package reference

import (
	"encoding/json"
	"errors"
	"net/url"
	"path"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// documentURL reads a client id as the URL of a document: https, with a path,
// without fragment, user information or dot segments (CIMD, section 3). Nothing
// that two parsers could read differently passes.
func (s *AuthServer) documentURL(id string) (*url.URL, error) {
	u, err := url.Parse(id)
	if err != nil {
		return nil, err
	}
	_, afterScheme, _ := strings.Cut(id, "://")
	authority, _, _ := strings.Cut(afterScheme, "/")
	switch {
	case strings.HasPrefix(id, "http://") && s.faults.Has(fault.DocumentURLCleartext):
	case !strings.HasPrefix(id, "https://"), u.Host == "":
		return nil, errors.New("not an https URL")
	}
	switch {
	case u.Path == "" && !s.faults.Has(fault.DocumentURLPathless):
		return nil, errors.New("no path")
	case strings.Contains(id, "#") && !s.faults.Has(fault.DocumentURLFragment):
		return nil, errors.New("a fragment")
	case strings.Contains(authority, "@") && !s.faults.Has(fault.DocumentURLUserinfo):
		return nil, errors.New("user information")
	case hasDots(u.EscapedPath()) && !s.faults.Has(fault.DocumentURLDots):
		return nil, errors.New("a dot segment")
	case s.faults.Has(fault.DocumentURLEncoded):
		return u.JoinPath(), nil // cleans the path
	case hasDots(u.Path) && !s.faults.Has(fault.DocumentURLDots), strings.ContainsAny(id, "\\"), !s.plainText(id):
		return nil, errors.New("characters that are read differently")
	}
	u.Fragment = ""
	return u, nil
}

func hasDots(p string) bool {
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// describedBy makes a client of a document. Anybody can publish one, so the
// policy is that for clients that register themselves. A document is public: no
// secret in it authenticates anybody, so that methods with one are refused
// (CIMD, section 4).
func (s *AuthServer) describedBy(id string, m *clientMetadata, keys func(*url.URL) (json.RawMessage, error)) (*Client, *denial) {
	client := &Client{
		ID: id, SelfRegistered: true, registered: s.now(), AuthMethod: authNone, described: map[string]json.RawMessage{},
	}
	var named string
	m.read("client_id", &named)
	m.read("client_name", &client.Name)
	m.read("redirect_uris", &client.RedirectURIs)
	m.read("grant_types", &client.GrantTypes)
	m.read("application_type", &client.ApplicationType)
	m.read("token_endpoint_auth_method", &client.AuthMethod)
	var scope string
	m.read("scope", &scope)
	client.Scopes = strings.Fields(scope)
	switch {
	case m.problem != nil:
		return nil, m.problem
	case !s.namesItself(named, id):
		return nil, refuse(invalidMetadata, "client_id is not where the document is")
	case client.Name == "" && !s.faults.Has(fault.DocumentNameless):
		return nil, refuse(invalidMetadata, "client_name is missing")
	}
	client.anyRedirect = len(client.RedirectURIs) == 0 && s.faults.Has(fault.DocumentUnredirected)
	if problem := s.documentKeys(client, m, keys); problem != nil {
		return nil, problem
	}
	for _, check := range []func() *denial{
		func() *denial { return s.grantTypesAllowed(client) },
		func() *denial { return responseTypesAllowed(client, m) },
		func() *denial { return s.registeredScopes(client) },
		func() *denial { return s.documentRedirects(client) },
		func() *denial { return s.documentPages(client, m) },
	} {
		if problem := check(); problem != nil {
			return nil, problem
		}
	}
	return client, nil
}

// namesItself compares client_id with the URL as strings (RFC 3986, section 6.2.1).
func (s *AuthServer) namesItself(named, id string) bool {
	switch {
	case named == id, s.faults.Has(fault.DocumentIDUnchecked) && named != "":
		return true
	case s.faults.Has(fault.DocumentIDOptional):
		return named == ""
	case s.faults.Has(fault.DocumentIDNormalised):
		return named != "" && normalised(named) == normalised(id)
	}
	return false
}

// normalised is what two spellings of a URL have in common.
func normalised(id string) string {
	u, err := url.Parse(id)
	if err != nil {
		return id
	}
	return strings.ToLower(u.Scheme+"://"+strings.TrimSuffix(u.Host, ":443")) + strings.TrimSuffix(path.Clean(u.Path), "/")
}

// sameDocument is the fault of taking two spellings for one client.
func (s *AuthServer) sameDocument(a, b string) bool {
	return s.faults.Has(fault.DocumentIDsJoined) && namesDocument(a) && namesDocument(b) && normalised(a) == normalised(b)
}

// documentKeys lets a client be public, or prove itself with a key.
func (s *AuthServer) documentKeys(client *Client, m *clientMetadata, keys func(*url.URL) (json.RawMessage, error)) *denial {
	if m.has("client_secret") && s.faults.Has(fault.DocumentSecret) {
		m.read("client_secret", &client.Secret)
		return m.problem
	}
	switch {
	case m.has("client_secret") || m.has("client_secret_expires_at"):
		return refuse(invalidMetadata, "a document holds no secret")
	case client.AuthMethod == authNone:
		return nil
	case client.AuthMethod != authAssertion:
		return refuse(invalidMetadata, "token_endpoint_auth_method has to be none or private_key_jwt")
	}
	if m.has("jwks_uri") && !m.has("jwks") {
		var named string
		m.read("jwks_uri", &named)
		u, err := url.Parse(named)
		if err != nil || u.Scheme != "https" && !s.faults.Has(fault.FetchKeySetAny) {
			return refuse(invalidMetadata, "jwks_uri has to be an https URL")
		}
		set, err := keys(u)
		if err != nil {
			return refuse(invalidMetadata, "the key set cannot be read")
		}
		m.members["jwks"] = set
		delete(m.members, "jwks_uri")
	}
	m.read("jwks", &client.jwks)
	return s.keysAllowed(client, m)
}

// documentRedirects is the policy for redirect URIs.
func (s *AuthServer) documentRedirects(client *Client) *denial {
	if client.anyRedirect {
		return nil
	}
	return s.redirectURIsAllowed(client)
}

// documentPages is the policy for the pages that a document names: they are web
// pages. None is fetched, and none is shown.
func (s *AuthServer) documentPages(client *Client, m *clientMetadata) *denial {
	m.read("logo_uri", &client.logo)
	m.read("client_uri", &client.home)
	if s.faults.Has(fault.ConsentLinksAnything) {
		return m.problem
	}
	return s.describe(client, m)
}

// notRead is what faults make of a client whose document cannot be read.
func (s *AuthServer) notRead(p params) *Client {
	redirectURI := p.get("redirect_uri")
	if !s.faults.Has(fault.DocumentFailureIgnored) || redirectURI == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	client := &Client{
		ID: p.get("client_id"), Name: p.get("client_id"), SelfRegistered: true, AuthMethod: authNone,
		RedirectURIs: []string{redirectURI}, GrantTypes: []string{grantCode}, Scopes: openScopes, registered: s.now(),
	}
	s.documents.put(client.ID, &documented{client: client}, s.now().Add(clientLifetime))
	return client
}

// documentPortFixed is the fault that denies the applications of documents the
// port they got.
func (s *AuthServer) documentPortFixed(client *Client, asked, registered string) bool {
	return client.host != "" && asked != registered && s.faults.Has(fault.DocumentPortFixed)
}

// keyOverlooked holds the faults that spare the client of a document its proof.
func (s *AuthServer) keyOverlooked(p params) bool {
	return s.faults.Has(fault.DocumentKeyOptional) ||
		s.faults.Has(fault.DocumentKeyRefreshOnly) && p.get("grant_type") == grantRefresh
}

// askedBefore is the fault that asks a user once for each client ID URL.
func (s *AuthServer) askedBefore(client *Client, user *session) bool {
	if client.host == "" || !s.faults.Has(fault.DocumentConsentKept) {
		return false
	}
	for _, kept := range s.grants.values {
		if kept.value.client == client.ID && kept.value.user == user.user {
			return true
		}
	}
	return false
}

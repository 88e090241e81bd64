package reference

import (
	"slices"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// registrationAllowed is the policy for clients that nobody vouches for, and
// fills in what the request left out. What is changed shows in the response.
func (s *AuthServer) registrationAllowed(client *Client, m *clientMetadata) *denial {
	if client.AuthMethod == "" {
		client.AuthMethod = authBasic // the default of RFC 7591, section 2
	}
	s.options.ForClients.register(client)
	if problem := s.grantTypesAllowed(client); problem != nil {
		return problem
	}
	if problem := responseTypesAllowed(client, m); problem != nil {
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
	client.askedGrants = slices.Clone(client.GrantTypes)
	client.GrantTypes = slices.DeleteFunc(client.GrantTypes, func(g string) bool { return !s.openGrant(g) })
	if len(client.GrantTypes) == 0 {
		return refuse(invalidMetadata, "self-registered clients use the grant type %s", grantCode)
	}
	return nil
}

// openGrant tells whether anybody may register for a grant type.
func (s *AuthServer) openGrant(grant string) bool {
	return grant == grantCode || grant == grantRefresh || grant == grantDevice ||
		grant == grantMachine && s.faults.Has(fault.RegisterPrivilegedGrant)
}

func responseTypesAllowed(client *Client, m *clientMetadata) *denial {
	types := []string{"code"}
	m.read("response_types", &types)
	if m.problem != nil {
		return m.problem
	}
	if len(types) == 0 && !contains(client.GrantTypes, grantCode) {
		return nil
	}
	if len(types) != 1 || types[0] != "code" {
		return refuse(invalidMetadata, "response_types has to be code alone")
	}
	return nil
}

// responseTypes are those of the client's grants (RFC 7591, section 2.1).
func (c *Client) responseTypes() []string {
	if !contains(c.GrantTypes, grantCode) {
		return []string{}
	}
	return []string{"code"}
}

// registeredScopes caps what a self-registered client may ask users for.
func (s *AuthServer) registeredScopes(client *Client) *denial {
	if len(client.Scopes) == 0 {
		client.Scopes = slices.Clone(openScopes)
		if s.faults.Has(fault.RegisterScopeDefault) {
			client.Scopes = slices.Clone(knownScopes)
		}
		return nil
	}
	client.Scopes = slices.DeleteFunc(client.Scopes, func(scope string) bool { return !s.openScope(scope) })
	if len(client.Scopes) == 0 {
		return refuse(invalidMetadata, "none of the scopes is open to self-registered clients")
	}
	return nil
}

// openScope tells whether anybody may register for a scope.
func (s *AuthServer) openScope(scope string) bool {
	return contains(openScopes, scope) || s.options.lab || s.faults.Has(fault.RegisterScopeUncapped) && contains(knownScopes, scope)
}

// keysAllowed checks the authentication method and the keys it needs.
func (s *AuthServer) keysAllowed(client *Client, m *clientMetadata) *denial {
	if m.has("jwks") && m.has("jwks_uri") {
		if !s.faults.Has(fault.RegisterTwoKeySets) {
			return refuse(invalidMetadata, "jwks and jwks_uri exclude each other")
		}
		client.described["jwks_uri"] = m.members["jwks_uri"]
	}
	if m.has("jwks_uri") && !m.has("jwks") {
		s.fetchNamed(fault.FetchRegisteredKeys, m.members["jwks_uri"])
		if problem := s.keysByReference(client, m); problem != nil {
			return problem
		}
	}
	if m.has("jwks") && !s.faults.Has(fault.RegisterPrivateKeys) {
		if err := tokens.PublicKeys(client.jwks); err != nil {
			return refuse(invalidMetadata, "jwks: %v", err)
		}
	}
	switch client.AuthMethod {
	case authNone, authBasic, authPost:
		return nil
	case authAssertion, authCertificate:
		if client.AuthMethod == authCertificate && !s.takesCertificates() {
			return refuse(invalidMetadata, "no certificate can arrive here")
		}
		if !m.has("jwks") && client.keysAt == nil {
			return refuse(invalidMetadata, "%s needs jwks", client.AuthMethod)
		}
		return nil
	}
	return refuse(invalidMetadata, "token_endpoint_auth_method %q is not supported", client.AuthMethod)
}

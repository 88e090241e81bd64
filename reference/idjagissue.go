package reference

import (
	"errors"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

const (
	tokenTypeID = "urn:ietf:params:oauth:token-type:id_token"

	identityLifetime = 5 * time.Minute // of the identity assertions that we issue
)

// partners are the authorization servers that we issue identity assertions for,
// with the resources that each protects.
var partners = map[string][]string{
	"https://partner-as.example": {"https://partner.example/mcp"},
	"https://second-as.example":  {"https://second.example/mcp"},
}

// issueIdentity gives a client an identity assertion for another authorization
// server, in exchange for the ID token of its user (ID-JAG, section 4.3). It has
// to be the client's own ID token, and server and resource have to belong together.
func (s *AuthServer) issueIdentity(client *Client, p params) (map[string]any, *denial) {
	user, problem := s.identitySubject(client, p)
	if problem != nil {
		return nil, problem
	}
	audience, resource, problem := s.identityTarget(p)
	if problem != nil {
		return nil, problem
	}
	scopes, problem := s.scopeGranted(p.get("scope"), client)
	if problem != nil {
		return nil, problem
	}
	now := s.now()
	claims := tokens.Claims{
		"iss": s.issuer, "sub": user, "aud": audience, "client_id": s.nameAt(audience, client.ID), "jti": secret(),
		"iat": now.Unix(), "exp": now.Add(identityLifetime).Unix(), "scope": scopeText(scopes),
	}
	if resource != "" {
		claims["resource"] = resource
	}
	typ := typIDJAG
	switch {
	case s.faults.Has(fault.IDPTypeMissing):
		typ = "JWT"
	case s.faults.Has(fault.IDPClaimsMissing):
		delete(claims, "jti")
		delete(claims, "client_id")
	case s.faults.Has(fault.IDPResourceChange):
		claims["resource"] = "https://partner.example"
	}
	assertion, err := s.keys.Sign(typ, claims)
	if err != nil {
		return nil, refuse(serverError, "the assertion cannot be signed")
	}
	response := map[string]any{
		"issued_token_type": tokenTypeIDJAG, "access_token": assertion, "token_type": "N_A",
		"expires_in": int(identityLifetime / time.Second), "scope": scopeText(scopes),
	}
	if s.faults.Has(fault.IDPBearer) {
		response["token_type"], response["issued_token_type"] = "Bearer", tokenTypeAccess
	}
	return response, nil
}

// identitySubject is the user of an ID token that we issued to this very client.
func (s *AuthServer) identitySubject(client *Client, p params) (string, *denial) {
	if client.AuthMethod == authNone && s.options.ForClients == nil {
		return "", refuse(invalidClient, "a client has to prove who it is to get an identity assertion")
	}
	if p.get("subject_token_type") != tokenTypeID {
		return "", refuse(invalidRequest, "the subject token has to be an ID token")
	}
	if p.get("actor_token") != "" || p.get("actor_token_type") != "" {
		return "", refuse(invalidRequest, "an identity assertion has no actor")
	}
	t, err := tokens.Parse(p.get("subject_token"))
	if err != nil {
		return "", refuse(invalidRequest, "the subject token cannot be read")
	}
	for _, c := range s.idTokenChecks(client.ID) {
		overlooked := s.faults.Has(fault.IDPForged) && c.Name != tokens.CheckAudience ||
			s.faults.Has(fault.IDPAnySubject) && c.Name == tokens.CheckAudience
		if err := c.Test(t); err != nil && !overlooked {
			return "", refuse(invalidRequest, "the subject token is refused: %v", err)
		}
	}
	user, _ := t.String("sub")
	return user, nil
}

// idTokenChecks are for ID tokens of ours that were issued to the client.
func (s *AuthServer) idTokenChecks(client string) []tokens.Check {
	expected := tokens.Expected{Issuer: s.issuer, Key: s.ownKey, Now: s.now}
	checks := slices.DeleteFunc(expected.Checks(), func(c tokens.Check) bool {
		return slices.Contains([]string{tokens.CheckType, tokens.CheckAudience, tokens.CheckSubject, tokens.CheckScope}, c.Name)
	})
	return append(checks, tokens.Check{Name: tokens.CheckType, Test: func(t *tokens.Token) error {
		if string(t.Header["typ"]) != `"JWT"` {
			return errors.New("it is no ID token")
		}
		return nil
	}}, tokens.Check{Name: tokens.CheckAudience, Test: func(t *tokens.Token) error {
		if audience, err := t.Audience(); err != nil || !slices.Equal(audience, []string{client}) {
			return errors.New("it was issued to another client")
		}
		return nil
	}})
}

// identityTarget is for whom an assertion is to be: one of our partners, and a
// resource that is theirs.
func (s *AuthServer) identityTarget(p params) (audience, resource string, problem *denial) {
	audiences, resources := p.list("audience"), p.list("resource")
	if len(audiences) != 1 || len(resources) > 1 {
		return "", "", refuse(invalidRequest, "an identity assertion is for one authorization server and one resource")
	}
	protected, known := s.protectedBy(audiences[0])
	if !known && !s.faults.Has(fault.IDPAnyAudience) {
		return "", "", refuse(invalidTarget, "there are no identity assertions for %q", audiences[0])
	}
	if len(resources) == 1 {
		resource = resources[0]
		if !contains(protected, resource) && !s.faults.Has(fault.IDPAnyResource) && known {
			return "", "", refuse(invalidTarget, "%q is not protected by %q", resource, audiences[0])
		}
	}
	return audiences[0], resource, nil
}

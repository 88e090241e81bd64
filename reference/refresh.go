package reference

import "github.com/mcpassay/mcpassay/reference/variant"

// A refreshToken can be used once; the next one comes with its use.
type refreshToken struct {
	grant *grant
	used  bool
}

// mayRefresh tells whether the client gets refresh tokens.
func (s *AuthServer) mayRefresh(client *Client) bool {
	return contains(client.GrantTypes, grantRefresh) && !s.variants.Has(variant.NoRefreshTokens)
}

// issueRefresh makes a refresh token. It ends when the grant does, however often
// it is renewed.
func (s *AuthServer) issueRefresh(g *grant) string {
	token := secret()
	s.refreshes.put(digest(token), &refreshToken{grant: g}, g.until)
	return token
}

// refresh gives new tokens for a refresh token (OAuth 2.1, section 4.3). The
// token is bound to its client; what it gives can be less than was granted, this
// once, and never more. If one is used twice we cannot tell the thief from the
// client, and end the grant.
func (s *AuthServer) refresh(client *Client, p params) (map[string]any, *denial) {
	token, ok := s.refreshes.get(digest(p.get("refresh_token")), s.now())
	if !ok || token.grant.client != client.ID {
		return nil, refuse(invalidGrant, "the refresh token is not known")
	}
	if token.grant.revoked {
		return nil, refuse(invalidGrant, "the grant has ended")
	}
	if token.used {
		token.grant.revoked = true
		return nil, refuse(invalidGrant, "the refresh token was used before")
	}
	scopes, problem := s.scopeNarrowed(p.get("scope"), token.grant.scopes)
	if problem != nil {
		return nil, problem
	}
	resource, problem := s.resourceAllowed(p.list("resource"), token.grant.resources)
	if problem != nil {
		return nil, problem
	}
	token.used = true
	return s.tokenResponse(token.grant, client, scopes, resource)
}

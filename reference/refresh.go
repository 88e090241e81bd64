package reference

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A refreshToken can be used once; the next one comes with its use.
type refreshToken struct {
	grant  *grant
	used   bool
	usedAt time.Time
	next   *refreshToken // that came with its use
}

// mayRefresh tells whether the client gets refresh tokens.
func (s *AuthServer) mayRefresh(client *Client) bool {
	registered := contains(client.GrantTypes, grantRefresh) || s.faults.Has(fault.RefreshUnregistered)
	return registered && !s.variants.Has(variant.NoRefreshTokens)
}

// issueRefresh makes a refresh token. It ends when the grant does, however often
// it is renewed.
func (s *AuthServer) issueRefresh(g *grant) string {
	token := secret()
	until := g.until
	if s.faults.Has(fault.RefreshOutlasts) {
		until = until.Add(time.Hour)
	}
	s.refreshes.put(digest(token), &refreshToken{grant: g}, until)
	return token
}

// refresh gives new tokens for a refresh token (OAuth 2.1, section 4.3). The
// token is bound to its client; what it gives can be less than was granted, this
// once, and never more. If one is used twice we cannot tell the thief from the
// client, and end the grant.
func (s *AuthServer) refresh(client *Client, p params) (map[string]any, *denial) {
	if s.faults.Has(fault.RefreshRefused) {
		return nil, refuse(invalidGrant, "the refresh token is not known")
	}
	token := s.refreshTokenOf(p.get("refresh_token"))
	if token == nil || token.grant.client != client.ID && !s.faults.Has(fault.RefreshAnyClient) {
		return nil, refuse(invalidGrant, "the refresh token is not known")
	}
	if token.grant.revoked {
		return nil, refuse(invalidGrant, "the grant has ended")
	}
	if token.used && !s.reusable(token) {
		token.grant.revoked = !s.faults.Has(fault.RefreshReuseForgiven) && !s.hasty(token)
		return nil, refuse(invalidGrant, "the refresh token was used before")
	}
	if s.refreshKeyRefused(token.grant, client, p) {
		return nil, refuse(invalidGrant, "the refresh token is bound to another key")
	}
	g := token.grant
	if copied := *g; s.races(fault.RefreshRaces, p.get("refresh_token"), "") || s.races(fault.RevocationRaces, p.get("refresh_token"), "refresh") {
		g = s.allow(&copied)
	}
	scopes, problem := s.refreshedScopes(p, g)
	if problem != nil {
		return nil, problem
	}
	resource, problem := s.refreshedResource(p.list("resource"), g)
	if problem != nil {
		return nil, problem
	}
	if !token.used {
		token.used, token.usedAt = true, s.now()
	}
	g.key = p.get(provenKey)
	response, problem := s.tokenResponse(s.continued(g, scopes), client, scopes, resource)
	next, _ := response["refresh_token"].(string)
	token.next, _ = s.refreshes.get(digest(next), s.now())
	if s.faults.Has(fault.RefreshNotRotated) && problem == nil {
		token.used = false
		response["refresh_token"] = p.get("refresh_token")
	}
	return response, problem
}

// refreshTokenOf finds a refresh token, or returns nil. Nothing else can stand
// in for one.
func (s *AuthServer) refreshTokenOf(token string) *refreshToken {
	if t, ok := s.refreshes.get(digest(token), s.now()); ok {
		return t
	}
	if c, ok := s.codes.get(digest(token), s.now()); ok && s.faults.Has(fault.CodeAsRefresh) {
		return &refreshToken{grant: c.grant}
	}
	if a, ok := s.accesses.get(digest(token), s.now()); ok && s.faults.Has(fault.AccessAsRefresh) {
		return &refreshToken{grant: a.grant}
	}
	if s.faults.Has(fault.IDTokenAsRefresh) {
		return s.refreshByIDToken(token)
	}
	if s.faults.Has(fault.ManagerAsRefresh) {
		return s.refreshByManager(token)
	}
	return nil
}

// refreshByIDToken takes an ID token for a refresh token.
func (s *AuthServer) refreshByIDToken(token string) *refreshToken {
	parsed, err := tokens.Parse(token)
	if err != nil {
		return nil
	}
	audience, _ := parsed.String("aud")
	subject, _ := parsed.String("sub")
	for _, kept := range s.grants.values {
		if g := kept.value; g.client == audience && g.user == subject && !g.revoked {
			return &refreshToken{grant: g}
		}
	}
	return nil
}

// refreshByManager takes a registration access token for a refresh token.
func (s *AuthServer) refreshByManager(token string) *refreshToken {
	for _, kept := range s.grants.values {
		if c := s.client(kept.value.client); c != nil && c.manager == digest(token) {
			return &refreshToken{grant: kept.value}
		}
	}
	return nil
}

// gracePeriod is for variant.RefreshGracePeriod.
const gracePeriod = time.Second

// reusable tells whether a used token may be used again: never, or for a moment.
func (s *AuthServer) reusable(token *refreshToken) bool {
	return s.variants.Has(variant.RefreshGracePeriod) && s.now().Sub(token.usedAt) < gracePeriod ||
		s.faults.Has(fault.RefreshOldWorks) ||
		s.faults.Has(fault.RefreshGrace) && s.now().Sub(token.usedAt) < time.Hour
}

// continued is the grant that what comes next belongs to: the same.
func (s *AuthServer) continued(g *grant, scopes []string) *grant {
	if s.faults.Has(fault.RefreshForks) {
		fork := *g
		return s.allow(&fork)
	}
	if s.faults.Has(fault.RefreshSlides) {
		g.until = s.now().Add(s.options.RefreshTokenLifetime)
	}
	if s.faults.Has(fault.RefreshScopeSticky) {
		g.scopes = scopes
	}
	return g
}

// refreshedScopes are the scopes of a refreshed access token.
func (s *AuthServer) refreshedScopes(p params, g *grant) ([]string, *denial) {
	granted := g.scopes
	switch {
	case s.faults.Has(fault.RefreshScopeWidens):
		granted = knownScopes
		if p.get("scope") == "" {
			granted = g.scopes
		}
	case s.faults.Has(fault.RefreshScopeMerged):
		granted = s.everGranted(g)
	case s.faults.Has(fault.MixedGrants):
		if code, ok := s.codes.get(digest(p.get("code")), s.now()); ok {
			granted = code.grant.scopes
		}
	}
	return s.scopeNarrowed(p.get("scope"), granted)
}

// everGranted are the scopes of all grants of the same user to the same client.
func (s *AuthServer) everGranted(g *grant) []string {
	scopes := map[string]bool{}
	for _, kept := range s.grants.values {
		if other := kept.value; other.client == g.client && other.user == g.user {
			for _, scope := range other.scopes {
				scopes[scope] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(scopes))
}

// refreshedResource is the resource of a refreshed access token.
func (s *AuthServer) refreshedResource(asked []string, g *grant) (any, *denial) {
	switch {
	case s.faults.Has(fault.RefreshResourceLost):
		return g.client, nil
	case s.faults.Has(fault.RefreshResourceWidens) && len(asked) == 1:
		if known, ok := s.knownResource(asked[0]); ok {
			return known, nil
		}
	case s.faults.Has(fault.RefreshResourceBoth) && len(asked) > 0:
		both, problem := s.resourcesGranted(append(slices.Clone(g.resources), asked...))
		return both, problem
	}
	return s.resourceAllowed(asked, g)
}

// scopeText is the scope parameter for a list of scopes.
func scopeText(scopes []string) string { return strings.Join(scopes, " ") }

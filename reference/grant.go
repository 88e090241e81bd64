package reference

import (
	"fmt"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A grant is what a user, or the operator, has allowed a client. Everything
// issued from it ends with it.
type grant struct {
	id, client, user string
	scopes           []string
	resources        []string
	nonce            string
	key              string // thumbprint of the key that its tokens are bound to, if they are
	signedIn         time.Time
	until            time.Time // no refreshing beyond
	defaulted        bool      // the client named no resource
	revoked          bool
}

// An accessToken is what we remember of an access token. We find it by the whole
// token, so that only what we issued is ever found.
type accessToken struct {
	grant             *grant
	client            string
	scopes            []string
	claims            tokens.Claims
	resource          string
	issued, expires   time.Time
	revoked, exchange bool
}

func (t *accessToken) alive(now time.Time) bool {
	return !t.revoked && !t.grant.revoked && now.Before(t.expires)
}

// allow records a grant.
func (s *AuthServer) allow(g *grant) *grant {
	g.id = secret()
	g.until = s.now().Add(s.options.RefreshTokenLifetime)
	s.grants.put(g.id, g, g.until)
	return g
}

// An accessRequest is what one access token is to be.
type accessRequest struct {
	grant    *grant
	client   string
	scopes   []string
	resource any       // a string, but where a fault makes it several
	actor    string    // who acts for the user, after a token exchange
	until    time.Time // it has to end by then; zero: no matter
}

// issueAccess makes an access token (RFC 9068, section 2). It is for exactly one
// resource.
func (s *AuthServer) issueAccess(a accessRequest) (string, error) {
	now := s.now()
	t := &accessToken{
		grant: a.grant, client: a.client, scopes: a.scopes,
		issued: now, expires: now.Add(s.accessLifetime()), exchange: a.actor != "",
	}
	t.resource, _ = a.resource.(string)
	if !a.until.IsZero() && t.expires.After(a.until) {
		t.expires = a.until
	}
	t.claims = s.accessClaims(a, t)
	token := secret()
	if !s.variants.Has(variant.OpaqueTokens) {
		var err error
		if token, err = s.sign("at+jwt", t.claims); err != nil {
			return "", err
		}
	}
	s.accesses.put(digest(token), t, t.expires)
	return token, nil
}

// accessLifetime is how long an access token really lasts.
func (s *AuthServer) accessLifetime() time.Duration {
	switch {
	case s.faults.Has(fault.AccessTokenLong):
		return 7 * 24 * time.Hour
	case s.faults.Has(fault.AccessTokenOutlasts):
		return s.options.AccessTokenLifetime + time.Hour
	case s.faults.Has(fault.AccessTokenEternal):
		return 100 * 365 * 24 * time.Hour
	}
	return s.options.AccessTokenLifetime
}

func (s *AuthServer) accessClaims(a accessRequest, t *accessToken) tokens.Claims {
	claims := tokens.Claims{
		"iss":       s.issuer,
		"sub":       a.grant.user,
		"aud":       s.audience(a.resource, a.client),
		"exp":       t.expires.Unix(),
		"iat":       t.issued.Unix(),
		"jti":       secret(),
		"client_id": a.client,
		"scope":     scopeText(a.scopes),
	}
	if !a.grant.signedIn.IsZero() {
		claims["auth_time"] = a.grant.signedIn.Unix()
	}
	if a.actor != "" {
		claims["act"] = map[string]any{"sub": a.actor}
	}
	s.confirm(claims, a)
	if s.faults.Has(fault.AudienceMissing) {
		delete(claims, "aud")
	}
	if s.faults.Has(fault.AccessTokenEternal) {
		delete(claims, "exp")
	}
	if s.variants.Has(variant.ExtraClaims) {
		claims["nbf"] = t.issued.Unix()
		claims["roles"] = []string{"editor", "reviewer"}
		claims["https://example.com/claims/département"] = map[string]any{"nested": []any{1.5, nil, true}}
	}
	return claims
}

// tokenResponse issues what a grant of a user gives: an access token, a refresh
// token if the client may have one, an ID token if it asked who the user is.
func (s *AuthServer) tokenResponse(g *grant, client *Client, scopes []string, resource any) (map[string]any, *denial) {
	access, err := s.issueAccess(accessRequest{grant: g, client: client.ID, scopes: scopes, resource: resource})
	if err != nil {
		return nil, refuse(serverError, "the token cannot be signed")
	}
	response := s.typed(s.accessResponse(access, scopes), g)
	if s.mayRefresh(client) {
		response["refresh_token"] = s.issueRefresh(g)
	}
	if contains(scopes, scopeOpenID) {
		if response["id_token"], err = s.idToken(g); err != nil {
			return nil, refuse(serverError, "the token cannot be signed")
		}
	}
	return response, nil
}

func (s *AuthServer) accessResponse(access string, scopes []string) map[string]any {
	lifetime := s.options.AccessTokenLifetime
	if s.faults.Has(fault.AccessTokenLong) {
		lifetime = s.accessLifetime()
	}
	response := map[string]any{
		"access_token": access,
		"token_type":   "Bearer",
		"expires_in":   int(lifetime / time.Second),
		"scope":        scopeText(scopes),
	}
	if s.faults.Has(fault.TokenExpiryText) {
		response["expires_in"] = fmt.Sprint(response["expires_in"])
	}
	for f, member := range map[fault.Fault]string{
		fault.TokenTypeMissing: "token_type", fault.TokenExpiryMissing: "expires_in",
		fault.AccessTokenEternal: "expires_in", fault.TokenScopeUnstated: "scope",
	} {
		if s.faults.Has(f) {
			delete(response, member)
		}
	}
	return response
}

// idToken tells the client, and nobody else, who signed in (OpenID Connect Core,
// section 2).
func (s *AuthServer) idToken(g *grant) (string, error) {
	now := s.now()
	claims := tokens.Claims{
		"iss":       s.issuer,
		"sub":       g.user,
		"aud":       g.client,
		"exp":       now.Add(s.options.AccessTokenLifetime).Unix(),
		"iat":       now.Unix(),
		"auth_time": g.signedIn.Unix(),
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if s.faults.Has(fault.AuthTimeMissing) {
		delete(claims, "auth_time")
	}
	return s.sign("JWT", claims)
}

package reference

import (
	"fmt"
	"slices"
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
	key, certificate string // thumbprints of what its tokens are bound to, if they are
	signedIn         time.Time
	until            time.Time // no refreshing beyond
	defaulted        bool      // the client named no resource
	agent            string    // that the user agreed to let act, if any
	acting           string    // the agent, once it has proved itself
	revoked          bool

	delegated *delegation   // what it rests on, where an identity provider signs users in
	limit     time.Duration // its tokens end by then and are not renewed; 0: they end as all do
}

// An accessToken is what we remember of an access token. We find it by the whole
// token, so that only what we issued is ever found.
type accessToken struct {
	grant           *grant
	client          string
	scopes          []string
	claims          tokens.Claims
	resource        string
	issued, expires time.Time
	revoked         bool
	actors          []string     // who act for the user, the newest first
	mayAct          string       // who alone may act, if anybody is named
	source          *accessToken // that this one was exchanged for
}

func (t *accessToken) alive(now time.Time) bool {
	return !t.revoked && !t.grant.revoked && now.Before(t.expires) && (t.source == nil || t.source.alive(now))
}

// allow records a grant.
func (s *AuthServer) allow(g *grant) *grant {
	g.id = secret()
	g.until = s.now().Add(s.options.RefreshTokenLifetime)
	if s.faults.Has(fault.RefreshEternal) {
		g.until = g.until.AddDate(100, 0, 0)
	}
	s.grants.put(g.id, g, g.until)
	return g
}

// An accessRequest is what one access token is to be.
type accessRequest struct {
	grant    *grant
	client   string
	scopes   []string
	resource any       // a string, but where a fault makes it several
	actors   []string  // who act for the user, the newest first
	mayAct   string    // who alone may act in an exchange, if anybody is named
	until    time.Time // it has to end by then; zero: no matter
	source   *accessToken
}

// issueAccess makes an access token (RFC 9068, section 2). It is for exactly one
// resource.
func (s *AuthServer) issueAccess(a accessRequest) (string, error) {
	now := s.now()
	t := &accessToken{
		grant: a.grant, client: a.client, scopes: a.scopes,
		issued: now, expires: now.Add(s.accessLifetime()),
		actors: a.actors, mayAct: a.mayAct, source: a.source,
	}
	if s.favours(a.client) {
		t.expires = now.Add(12 * s.accessLifetime())
	}
	t.resource, _ = a.resource.(string)
	if !a.until.IsZero() && t.expires.After(a.until) {
		t.expires = a.until
	}
	t.claims = s.accessClaims(a, t)
	token := secret()
	if !s.variants.Has(variant.OpaqueTokens) {
		var err error
		if token, err = s.signAccess(t.claims); err != nil {
			return "", err
		}
	}
	s.accesses.put(digest(token), t, t.expires)
	return token, nil
}

// favours tells whether tokens of the client live longer, as only a fault lets them.
func (s *AuthServer) favours(id string) bool {
	c := s.client(id)
	return s.faults.Has(fault.PathsDiffer) && c != nil && c.SelfRegistered && usesSecret(c.AuthMethod)
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
	if s.faults.Has(fault.ScopeDefaultUnscoped) && len(a.scopes) == 0 {
		delete(claims, "scope")
	}
	s.claimActors(claims, a)
	s.misclaim(claims)
	s.confirm(claims, a)
	if s.faults.Has(fault.TokenIssuerSlash) {
		claims["iss"] = s.issuer + "/"
	}
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

// signAccess signs with our key, which nobody but us has: whoever verifies tokens
// cannot make them.
func (s *AuthServer) signAccess(claims tokens.Claims) (string, error) {
	if s.faults.Has(fault.TokenSymmetric) {
		return tokens.SignShared("at+jwt", claims, []byte(s.resourceServerSecret()))
	}
	return s.sign("at+jwt", claims)
}

// misclaim holds the faults that say too little or too much.
func (s *AuthServer) misclaim(claims tokens.Claims) {
	if s.faults.Has(fault.TokenClaimsMissing) {
		delete(claims, "iat")
		delete(claims, "jti")
	}
	if s.faults.Has(fault.TokenPersonalData) {
		claims["email"], claims["birthdate"], claims["phone_number"] = "alice@home.example", "1990-01-01", "+1 555 0100"
	}
}

// claimActors says who acts: the newest actor holds the older ones (RFC 8693,
// sections 4.1 and 4.4).
func (s *AuthServer) claimActors(claims tokens.Claims, a accessRequest) {
	var act map[string]any
	for _, actor := range slices.Backward(a.actors) {
		link := map[string]any{"sub": actor}
		if act != nil {
			link["act"] = act
		}
		act = link
	}
	if act != nil {
		claims["act"] = act
	}
	if act != nil && s.faults.Has(fault.ActSubject) {
		claims["sub"] = a.actors[0]
	}
	if a.mayAct != "" {
		claims["may_act"] = map[string]any{"sub": a.mayAct}
	}
}

// tokenResponse issues what a grant of a user gives: an access token, a refresh
// token if the client may have one, an ID token if it asked who the user is.
func (s *AuthServer) tokenResponse(g *grant, client *Client, scopes []string, resource any) (map[string]any, *denial) {
	request := accessRequest{grant: g, client: client.ID, scopes: scopes, resource: resource, mayAct: client.mayAct}
	if g.acting != "" {
		request.actors = []string{g.acting}
	}
	if g.limit > 0 {
		request.until = s.now().Add(g.limit)
	}
	access, err := s.issueAccess(request)
	if err != nil {
		return nil, refuse(serverError, "the token cannot be signed")
	}
	response := s.typed(s.accessResponse(access, scopes), g)
	if g.limit > 0 {
		response["expires_in"] = int(min(g.limit, s.options.AccessTokenLifetime) / time.Second)
	}
	if s.favours(client.ID) {
		response["expires_in"] = int(12 * s.options.AccessTokenLifetime / time.Second)
	}
	if s.mayRefresh(client) && g.limit == 0 {
		response["refresh_token"] = s.issueRefresh(g)
		response["refresh_token_expires_in"] = int(g.until.Sub(s.now()).Round(time.Second) / time.Second)
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
	if s.faults.Has(fault.ScopeUnknownDropped) || s.faults.Has(fault.ScopeDefaultUnscoped) && len(scopes) == 0 {
		delete(response, "scope")
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
	return s.signIDToken(claims)
}

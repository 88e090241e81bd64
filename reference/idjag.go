package reference

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// Names of the Identity Assertion Authorization Grant (ID-JAG).
const (
	profileIDJAG   = "urn:ietf:params:oauth:grant-profile:id-jag"
	tokenTypeIDJAG = "urn:ietf:params:oauth:token-type:id-jag"
	typIDJAG       = "oauth-id-jag+jwt"
)

// maxIDJAGLifetime bounds how long an identity assertion may live, and so how
// long its jti has to be remembered.
const maxIDJAGLifetime = 15 * time.Minute

// An IdentityProvider is one whose word about users the operator trusts. Its keys
// are configured: nothing is fetched because an assertion says so.
type IdentityProvider struct {
	Keys  *tokens.Issuer    // its private half is known to us only because we made it up
	Users map[string]string // our users, by its sub
}

// identityProviders makes up the providers that the operator trusts. Each speaks
// for users of its own: the same sub is somebody else, or nobody, at another.
func (s *AuthServer) identityProviders() error {
	for _, p := range []struct {
		issuer string
		users  map[string]string
	}{
		{"https://idp.example", map[string]string{"00u1": s.options.Users[0].Name}},
		{"https://second-idp.example", map[string]string{"ext-7": "guest"}},
	} {
		keys, err := tokens.NewIssuer(p.issuer)
		if err != nil {
			return err
		}
		s.providers = append(s.providers, &IdentityProvider{Keys: keys, Users: p.users})
	}
	return nil
}

// IdentityProviders are the providers whose identity assertions are taken.
func (s *AuthServer) IdentityProviders() []*IdentityProvider { return s.providers }

// redeemIdentity gives a token for an identity assertion (ID-JAG, section 4.4).
// The provider has signed that this user lets this client call this resource;
// what is issued never goes beyond that, and ends without a refresh token, so
// that the provider is asked again.
func (s *AuthServer) redeemIdentity(client *Client, p params) (map[string]any, *denial) {
	if client.AuthMethod == authNone && !s.faults.Has(fault.IDJAGUnauthenticated) {
		return nil, refuse(invalidClient, "a client has to prove who it is to use an identity assertion")
	}
	t, err := tokens.Parse(p.get("assertion"))
	if err != nil {
		return nil, refuse(invalidGrant, "the assertion cannot be read")
	}
	provider := s.providerOf(t)
	if provider == nil {
		return nil, refuse(invalidGrant, "the assertion's issuer is not trusted")
	}
	for _, c := range s.identityChecks(provider, client, p.get(provenKey)) {
		if err := c.Test(t); err != nil && !s.identityOverlooked(c.Name, t, provider) {
			return nil, refuse(invalidGrant, "the assertion is refused: %v", err)
		}
	}
	user, known := s.federatedUser(provider, t)
	if !known {
		return nil, refuse(invalidGrant, "the assertion's user is not known here")
	}
	scopes, problem := s.identityScopes(client, t, p.get("scope"))
	if problem != nil {
		return nil, problem
	}
	resource, problem := s.identityResource(t, p.list("resource"))
	if problem != nil {
		return nil, problem
	}
	if problem := s.identityUsed(t); problem != nil {
		return nil, problem
	}
	return s.identityTokens(&grant{client: client.ID, user: user, scopes: scopes, signedIn: s.now(), key: p.get(provenKey)}, resource)
}

func (s *AuthServer) identityTokens(g *grant, resource any) (map[string]any, *denial) {
	one, _ := resource.(string)
	g.resources = []string{one}
	s.allow(g)
	access, err := s.issueAccess(accessRequest{grant: g, client: g.client, scopes: g.scopes, resource: resource})
	if err != nil {
		return nil, refuse(serverError, "the token cannot be signed")
	}
	response := s.typed(s.accessResponse(access, g.scopes), g)
	if s.faults.Has(fault.IDJAGRefreshToken) {
		response["refresh_token"] = s.issueRefresh(g)
	}
	return response, nil
}

// providerOf finds the trusted provider that the assertion names.
func (s *AuthServer) providerOf(t *tokens.Token) *IdentityProvider {
	issuer, _ := t.String("iss")
	for _, provider := range s.providers {
		if provider.Keys.URL == issuer {
			return provider
		}
	}
	if issuer == s.issuer && s.faults.Has(fault.IDPRedeemsOwn) {
		users := map[string]string{}
		for _, u := range s.options.Users {
			users[u.Name] = u.Name
		}
		return &IdentityProvider{Keys: s.keys, Users: users}
	}
	return nil
}

// Names of the checks of an identity assertion beside those of every token.
const (
	checkClient   = "client"
	checkClaims   = "claims"
	checkLifetime = "lifetime"
	checkBinding  = "binding"
)

// identityChecks are what ID-JAG, sections 3.1 and 4.4.1, ask of an assertion.
func (s *AuthServer) identityChecks(provider *IdentityProvider, client *Client, proven string) []tokens.Check {
	expected := tokens.Expected{
		Issuer: provider.Keys.URL,
		Key:    func(kid string) (tokens.Key, error) { return keyOf(provider.Keys, kid) },
	}
	checks := []tokens.Check{{Name: tokens.CheckType, Test: isIdentityAssertion}}
	for _, c := range expected.Checks() {
		if !slices.Contains([]string{tokens.CheckType, tokens.CheckAudience, tokens.CheckSubject}, c.Name) {
			checks = append(checks, c)
		}
	}
	return append(checks,
		tokens.Check{Name: checkClaims, Test: hasIdentityClaims},
		tokens.Check{Name: tokens.CheckAudience, Test: s.isForUsAlone},
		tokens.Check{Name: checkClient, Test: func(t *tokens.Token) error {
			if id, _ := t.String("client_id"); id != client.ID {
				return errors.New("it is another client's")
			}
			return nil
		}},
		tokens.Check{Name: checkLifetime, Test: func(t *tokens.Token) error {
			if expires, err := t.Time("exp"); err != nil || expires.After(s.now().Add(maxIDJAGLifetime)) {
				return errors.New("it lives too long")
			}
			return nil
		}},
		tokens.Check{Name: checkBinding, Test: func(t *tokens.Token) error {
			if _, bound := t.Claims["cnf"]; bound && (t.Confirmation("jkt") == "" || t.Confirmation("jkt") != proven) {
				return errors.New("it is bound to a key that was not proved")
			}
			return nil
		}},
	)
}

// isIdentityAssertion keeps every other token of the provider out (ID-JAG, section 3.1).
func isIdentityAssertion(t *tokens.Token) error {
	var typ string
	if json.Unmarshal(t.Header["typ"], &typ) != nil || strings.TrimPrefix(strings.ToLower(typ), "application/") != typIDJAG {
		return errors.New("it is no identity assertion")
	}
	return nil
}

// isForUsAlone wants our issuer identifier as the only audience.
func (s *AuthServer) isForUsAlone(t *tokens.Token) error {
	audience, err := t.Audience()
	if err != nil {
		return err
	}
	if len(audience) != 1 || audience[0] != s.issuer {
		return errors.New("it is not for this server alone")
	}
	return nil
}

func hasIdentityClaims(t *tokens.Token) error {
	for _, claim := range []string{"sub", "client_id", "jti"} {
		if value, ok := t.String(claim); !ok || value == "" {
			return fmt.Errorf("%s is missing", claim)
		}
	}
	for _, claim := range []string{"exp", "iat"} {
		if at, err := t.Time(claim); err != nil || at.IsZero() {
			return fmt.Errorf("%s is missing", claim)
		}
	}
	return nil
}

func keyOf(issuer *tokens.Issuer, kid string) (tokens.Key, error) {
	jwks, err := issuer.JWKS()
	if err != nil {
		return tokens.Key{}, err
	}
	return keyAmong(jwks, kid)
}

// ownKey finds a key that we sign with.
func (s *AuthServer) ownKey(kid string) (tokens.Key, error) {
	jwks, err := s.keys.JWKS()
	if err == nil {
		jwks, err = s.everyKey(jwks)
	}
	if err != nil {
		return tokens.Key{}, err
	}
	return keyAmong(jwks, kid)
}

func keyAmong(jwks json.RawMessage, kid string) (tokens.Key, error) {
	set, err := tokens.ParseKeySet(jwks)
	if err != nil {
		return tokens.Key{}, err
	}
	key, known := set[kid]
	if !known {
		return tokens.Key{}, errors.New("signed by an unknown key")
	}
	return key, nil
}

// identityOverlooked holds the faults that let an assertion pass a check.
func (s *AuthServer) identityOverlooked(check string, t *tokens.Token, provider *IdentityProvider) bool {
	if len(s.faults) == 0 {
		return false
	}
	switch check {
	case tokens.CheckType:
		return s.faults.Has(fault.IDJAGTypeUnchecked)
	case tokens.CheckAlgorithm, tokens.CheckKeySource, tokens.CheckSignature:
		return s.identitySignatureOverlooked(t, provider)
	case tokens.CheckExpiry:
		_, present := t.Claims["exp"]
		return present && s.faults.Has(fault.IDJAGExpired) || !present && s.faults.Has(fault.IDJAGClaimsOptional)
	case tokens.CheckNotBefore:
		return s.faults.Has(fault.IDJAGExpired)
	case checkClaims:
		return s.faults.Has(fault.IDJAGClaimsOptional)
	case tokens.CheckAudience:
		return s.identityAudienceOverlooked(t)
	case checkClient:
		_, named := t.Claims["client_id"]
		return s.faults.Has(fault.IDJAGAnyClient) || !named && s.faults.Has(fault.IDJAGClaimsOptional)
	case checkLifetime:
		return s.faults.Has(fault.IDJAGLongLived)
	case checkBinding:
		return s.faults.Has(fault.IDJAGUnbound)
	}
	return false
}

func (s *AuthServer) identitySignatureOverlooked(t *tokens.Token, provider *IdentityProvider) bool {
	switch {
	case s.faults.Has(fault.IDJAGUnverified):
		return true
	case s.faults.Has(fault.IDJAGUnsigned):
		return strings.EqualFold(t.Algorithm(), "none")
	case s.faults.Has(fault.IDJAGPublicSecret):
		jwks, err := provider.Keys.JWKS()
		return err == nil && slices.ContainsFunc(tokens.PublicSecrets(jwks), func(x tokens.Secret) bool { return t.VerifyHMAC(x.Bytes) })
	case s.faults.Has(fault.IDJAGEmbeddedKey):
		key, err := tokens.ParseKey(t.Header["jwk"])
		return err == nil && key.Verify(t) == nil
	case s.faults.Has(fault.IDJAGKeyOfAnother):
		return slices.ContainsFunc(s.providers, func(other *IdentityProvider) bool {
			key, err := keyOf(other.Keys, t.KeyID())
			return err == nil && key.Verify(t) == nil
		})
	}
	return false
}

func (s *AuthServer) identityAudienceOverlooked(t *tokens.Token) bool {
	audience, err := t.Audience()
	switch {
	case err != nil:
		return s.faults.Has(fault.IDJAGClaimsOptional)
	case s.faults.Has(fault.IDJAGAnyAudience):
		return true
	case s.faults.Has(fault.IDPRedeemsOwn):
		issuer, _ := t.String("iss")
		return issuer == s.issuer
	}
	return s.faults.Has(fault.IDJAGSharedAudience) && slices.Contains(audience, s.issuer) ||
		s.faults.Has(fault.IDJAGTokenEndpoint) && slices.Equal(audience, []string{s.at("/token")})
}

// federatedUser finds our user by what the provider calls it: by issuer and sub,
// since addresses change hands and are claimed by many (ID-JAG, section 6.3).
func (s *AuthServer) federatedUser(provider *IdentityProvider, t *tokens.Token) (string, bool) {
	subject, named := t.String("sub")
	user, known := provider.Users[subject]
	if !named && s.faults.Has(fault.IDJAGClaimsOptional) {
		return s.options.Users[0].Name, true
	}
	if email, ok := t.String("email"); ok && !known && s.faults.Has(fault.IDJAGSubjectByEmail) {
		user, _, known = strings.Cut(email, "@")
	}
	for _, other := range s.providers {
		if found, ok := other.Users[subject]; ok && !known && s.faults.Has(fault.IDJAGSubjectAlone) {
			user, known = found, true
		}
	}
	return user, known
}

// identityScopes are what is asked for, of what both the assertion and the
// client's registration allow.
func (s *AuthServer) identityScopes(client *Client, t *tokens.Token, asked string) ([]string, *denial) {
	if s.faults.Has(fault.IDJAGScopeWidens) && asked != "" {
		return s.scopeGranted(asked, client)
	}
	var allowed []string
	for _, scope := range t.Scopes() {
		if contains(client.Scopes, scope) {
			allowed = append(allowed, scope)
		}
	}
	if len(allowed) == 0 {
		allowed = []string{scopeRead}
	}
	return s.scopeNarrowed(asked, allowed)
}

// identityResource is the resource that the assertion names, if it is one of
// ours; the request can repeat it and not change it.
func (s *AuthServer) identityResource(t *tokens.Token, asked []string) (any, *denial) {
	resource, named := t.String("resource")
	issuer, _ := t.String("iss")
	switch {
	case s.faults.Has(fault.IDJAGResourceBroad):
		return s.everything(), nil
	case issuer == s.issuer && s.faults.Has(fault.IDPRedeemsOwn):
		return s.endpoint, nil
	case s.faults.Has(fault.IDJAGResourceWidens) && len(asked) == 1:
		resource = asked[0]
	case !named:
		if _, present := t.Claims["resource"]; present {
			return nil, refuse(invalidGrant, "the assertion's resource cannot be read")
		}
		resource = s.endpoint
	}
	known, ok := s.knownResource(resource)
	if !ok && s.faults.Has(fault.IDJAGResourceUnknown) {
		return resource, nil
	}
	if !ok {
		return nil, refuse(invalidGrant, "the assertion's resource is not served here")
	}
	if slices.ContainsFunc(asked, func(a string) bool { return a != known }) {
		return nil, refuse(invalidTarget, "the assertion is for another resource")
	}
	return known, nil
}

// identityUsed remembers the assertion, and refuses it the second time
// (Enterprise-Managed Authorization, section 7.4.2).
func (s *AuthServer) identityUsed(t *tokens.Token) *denial {
	issuer, _ := t.String("iss")
	id, _ := t.String("jti")
	if id == "" || s.faults.Has(fault.IDJAGReplayed) || s.takesTwice() {
		return nil
	}
	if _, used := s.assertions.get(issuer+" "+id, s.now()); used {
		return refuse(invalidGrant, "the assertion was used before")
	}
	s.assertions.put(issuer+" "+id, true, s.now().Add(2*maxIDJAGLifetime))
	return nil
}

// identityClient is the client that an assertion or a request for one names, for
// the faults that ask for no other proof.
func (s *AuthServer) identityClient(p params) *Client {
	if p.get("requested_token_type") == tokenTypeIDJAG && s.faults.Has(fault.IDPUnproved) {
		return s.client(p.get("client_id"))
	}
	t, err := tokens.Parse(p.get("assertion"))
	if err != nil || !s.faults.Has(fault.IDJAGUnauthenticated) {
		return nil
	}
	id, _ := t.String("client_id")
	return s.client(id)
}

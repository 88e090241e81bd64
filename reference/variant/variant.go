// Package variant names legal but unusual shapes of the reference deployment.
// Nothing may fail on any of them: they guard against false findings.
package variant

import "fmt"

// A Variant is one legal way of doing things that is not the usual one.
type Variant struct {
	ID  string // stable, in kebab case
	Doc string // completes the sentence "a deployment that …"
}

// The variants. Each is acted upon where the usual behaviour lives.
var (
	PathIssuer       = Variant{"path-issuer", "has an issuer identifier with a path"}
	OIDCOnly         = Variant{"oidc-only", "publishes only the OpenID Connect discovery document"}
	AudienceArray    = Variant{"audience-array", "issues tokens whose aud is an array of several values"}
	ErrorPage        = Variant{"error-page", "shows an error page instead of redirecting with an error"}
	ConsentAlways    = Variant{"consent-always", "asks for consent every time"}
	NoConsent        = Variant{"no-consent", "asks for consent on its login page, and shows no other page to a user who has just signed in"}
	ManyChallenges   = Variant{"many-challenges", "answers 401 with several challenges on several header lines, Bearer not first"}
	OddChallenge     = Variant{"odd-challenge", "writes its challenge with unusual case, order, spacing and commas inside quoted strings"}
	NoRefreshTokens  = Variant{"no-refresh-tokens", "issues no refresh tokens"}
	ExtraClaims      = Variant{"extra-claims", "issues tokens and metadata with unusual but legal claims and members"}
	RootMetadataOnly = Variant{"root-metadata-only", "names its metadata only in the challenge and at the root well-known URI"}
	NoRegistration   = Variant{"no-registration", "offers no dynamic client registration, only registered clients"}
	ScriptedRedirect = Variant{"scripted-redirect", "redirects by script from a page instead of by status 302"}
	FormPostConsent  = Variant{"cancel-first", "puts the refusing button first and names fields unusually on its login and consent pages"}
	ModernOnly       = Variant{"modern-only", "speaks only revision 2026-07-28 of MCP, which has no sessions"}
	PAROnly          = Variant{"par-only", "takes pushed authorization requests only"}
	DPoPNonces       = Variant{"dpop-nonces", "takes DPoP proofs only with a nonce of its own"}
	RemembersConsent = Variant{"remembers-consent", "remembers the approval of clients that are answered at an https host of their own"}
	Proxy            = Variant{"proxy", "has an identity provider on another origin sign users in"}
	OpaqueTokens     = Variant{"opaque-tokens", "issues opaque access tokens"}

	IntrospectionCache = Variant{"introspection-cache", "issues opaque access tokens and caches what introspection says of them"}
	PhantomTokens      = Variant{"phantom-tokens", "issues opaque access tokens, for which a gateway gets JWTs"}
	TLS                = Variant{"tls", "speaks https everywhere, with certificates of a private authority"}

	LocalhostRefused   = Variant{"localhost-refused", "registers loopback redirect URIs by address only, and none under the name localhost"}
	RefreshGracePeriod = Variant{"refresh-grace-period", "takes a refresh token again for a second after its use, for the sake of clients that refresh in parallel"}
	ConsentTokenOnce   = Variant{"consent-token-once", "gives each showing of its consent page a token of its own, and takes only the last"}
	KeyRotation        = Variant{"key-rotation", "changes its signing key during the run, announced by its key set"}
	KeysByReference    = Variant{"keys-by-reference", "registers clients whose keys are published at a jwks_uri of theirs"}
	ClockAhead         = Variant{"clock-ahead", "has a clock that is five minutes fast"}
	ClockBehind        = Variant{"clock-behind", "has a clock that is five minutes slow"}

	Slow                  = Variant{"slow", "takes its time for every answer"}
	RateLimited           = Variant{"rate-limited", "answers requests that come too fast with 429 and Retry-After"}
	Firewall              = Variant{"firewall", "has a firewall before it that answers what looks like an attack with a page of its own"}
	SinglePageApplication = Variant{"single-page-application", "answers 200 with the same page for every path that nothing is at"}
	ScriptedLogin         = Variant{"scripted-login", "renders its login form by script, and submits it so"}
	ScopeRequired         = Variant{"scope-required", "gives nothing to a client that asks for no scope"}
	WebMessage            = Variant{"web-message", "also answers by postMessage, to pages of the registered origin that have opened or framed the request"}
)

// All returns every variant.
func All() []Variant {
	return []Variant{
		PathIssuer, OIDCOnly, AudienceArray, ErrorPage, ConsentAlways, NoConsent, ManyChallenges, OddChallenge,
		NoRefreshTokens, ExtraClaims, RootMetadataOnly, NoRegistration, ScriptedRedirect, FormPostConsent, OpaqueTokens,
		ModernOnly, PAROnly, RemembersConsent, Proxy, TLS, DPoPNonces, IntrospectionCache, PhantomTokens,
		LocalhostRefused, RefreshGracePeriod, ConsentTokenOnce, KeyRotation, KeysByReference, ClockAhead, ClockBehind,
		Slow, RateLimited, Firewall, SinglePageApplication, ScriptedLogin, WebMessage, ScopeRequired,
	}
}

// Find returns the variant with the id.
func Find(id string) (Variant, error) {
	for _, v := range All() {
		if v.ID == id {
			return v, nil
		}
	}
	return Variant{}, fmt.Errorf("no variant is called %q", id)
}

// A Set holds the variants that are switched on. The nil Set has none.
type Set map[Variant]bool

// Of returns the set of the variants.
func Of(variants ...Variant) Set {
	s := Set{}
	for _, v := range variants {
		s[v] = true
		if v == IntrospectionCache || v == PhantomTokens {
			s[OpaqueTokens] = true
		}
	}
	return s
}

// Has tells whether v is switched on.
func (s Set) Has(v Variant) bool { return s[v] }

package fault

// Faults of introspection, at the authorization server and at the resource server.
var (
	IntrospectByGet       = declare("introspect-by-get", "answers introspection requests by GET, with the token in the URL")
	IntrospectCacheable   = declare("introspect-cacheable", "lets introspection answers be cached")
	IntrospectActiveText  = declare("introspect-active-text", "says in introspection that active is a string")
	IntrospectDeadTold    = declare("introspect-dead-told", "describes tokens that are not active in introspection")
	IntrospectRevoked     = declare("introspect-revoked", "says in introspection that revoked tokens are active")
	IntrospectUnverified  = declare("introspect-unverified", "looks at nothing but the jti of a token in introspection")
	IntrospectUnknownFail = declare("introspect-unknown-fail", "answers introspection of an unknown token with an error")

	IntrospectionFailsOpen     = declare("introspection-fails-open", "lets calls through while introspection fails")
	IntrospectionStatus        = declare("introspection-status", "takes every 200 answer of introspection for a yes")
	IntrospectionTruthy        = declare("introspection-truthy", "takes every value of active but false for true")
	IntrospectionText          = declare("introspection-text", "takes the text true in active for true")
	IntrospectionClaimsIgnored = declare("introspection-claims-ignored", "looks at nothing but active in an introspection answer")
	IntrospectionKept          = declare("introspection-kept", "believes an introspection answer for an hour")
	IntrospectionKeyPart       = declare("introspection-key-part", "remembers introspection answers by the first characters of a token")
	IntrospectionKeyFolded     = declare("introspection-key-folded", "remembers introspection answers by the token in lower case")
	IntrospectionOutlives      = declare("introspection-outlives", "serves a token from its introspection cache after the token has expired")

	PhantomInner  = declare("phantom-inner", "takes the JWT from outside that its gateway makes of an opaque token")
	PhantomHeader = declare("phantom-header", "believes header fields that name the user, whoever sent them")
)

// Faults of what a resource server makes of actors.
var (
	ActorIsUser       = declare("actor-is-user", "takes the actor of a token for its user")
	ActorNestedIsUser = declare("actor-nested-is-user", "takes the innermost actor of a token for its user")
	ActMalformed      = declare("act-malformed", "takes tokens whose act is no object")
)

// Faults of what authorization servers say in access tokens.
var (
	TokenClaimsMissing = declare("token-claims-missing", "leaves iat and jti out of access tokens that say they are of type at+jwt")
	TokenPersonalData  = declare("token-personal-data", "puts the user's address and birthday into access tokens")
	TokenSymmetric     = declare("token-symmetric", "signs access tokens with a shared secret")
)

// Faults of resource servers with JWTs that cost much or prove nothing.
var (
	AcceptEncrypted  = declare("accept-encrypted", "takes a token for genuine that is encrypted to a public key")
	AcceptGuessable  = declare("accept-guessable", "takes a token for genuine that is encrypted with a password anybody guesses")
	CostlyDerivation = declare("costly-derivation", "derives keys from passwords as often as a token says")
	KeysNeverDropped = declare("keys-never-dropped", "goes on using keys that are no longer published")
	KeysNeverFetched = declare("keys-never-fetched", "does not look for new keys")
)

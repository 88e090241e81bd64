package fault

// Faults of client assertions (RFC 7523).
var (
	AssertionRefused        = declare("assertion-refused", "registers clients for private_key_jwt and refuses every assertion")
	AssertionIssuerRefused  = declare("assertion-issuer-refused", "takes client assertions only for its token endpoint, not for its issuer identifier")
	AssertionUnverified     = declare("assertion-unverified", "does not verify the signature of client assertions", "as-cimd-keys")
	AssertionUnsigned       = declare("assertion-unsigned", "takes client assertions with alg none")
	AssertionSymmetric      = declare("assertion-symmetric", "takes client assertions signed with HS256 and the client's public key")
	AssertionAnyIssuer      = declare("assertion-any-issuer", "takes client assertions that somebody else issued")
	AssertionAnySubject     = declare("assertion-any-subject", "takes client assertions about somebody else")
	AssertionEternal        = declare("assertion-eternal", "takes client assertions that never expire")
	AssertionExpired        = declare("assertion-expired", "takes client assertions that have expired")
	AssertionPremature      = declare("assertion-premature", "takes client assertions that are not valid yet")
	AssertionAnyAudience    = declare("assertion-any-audience", "takes client assertions that are for another server")
	AssertionNoAudience     = declare("assertion-no-audience", "takes client assertions that are for nobody in particular")
	AssertionManyAudiences  = declare("assertion-many-audiences", "takes client assertions that are for other servers too")
	AssertionReplayable     = declare("assertion-replayable", "takes a client assertion again and again")
	ClientKeysFrozen        = declare("client-keys-frozen", "reads the keys at a client's jwks_uri once and never again")
	ClientKeysKept          = declare("client-keys-kept", "goes on taking keys that a client has withdrawn from its jwks_uri")
	AssertionAlgorithmsGone = declare("assertion-algorithms-gone", "offers private_key_jwt and does not say with which algorithms")
	MachineMethodsGone      = declare("machine-methods-gone", "offers client credentials, and neither private_key_jwt nor client_secret_basic")
)

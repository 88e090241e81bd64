package fault

// Faults in the check of a token's audience and issuer.
var (
	AcceptAnyAudience     = declare("accept-any-audience", "accepts tokens meant for any resource")
	AcceptMissingAudience = declare("accept-missing-audience", "accepts tokens without an audience")
	AudiencePrefixMatch   = declare("audience-prefix-match", "accepts an audience that begins with its own identifier")
	AudienceOriginMatch   = declare("audience-origin-match", "accepts an audience anywhere on its own origin")
	AudienceHostMatch     = declare("audience-host-match", "accepts an audience whose host name is its own, on any port")
	AudienceCaseFolded    = declare("audience-case-folded", "compares audiences without regard to case")
	AudienceGeneric       = declare("audience-generic", "accepts the issuer, the client id or the word api as audience")
	AudienceArrayRefused  = declare("audience-array-refused", "reads an audience only if it is a string")
	AudienceSlashExpected = declare("audience-slash-expected", "expects its identifier with a slash at the end as audience")
	AcceptForeignIssuer   = declare("accept-foreign-issuer", "fetches the keys of whatever issuer a token names")
	IssuerUnchecked       = declare("issuer-unchecked", "does not compare iss, as long as the key is known")
	IssuerPrefixMatch     = declare("issuer-prefix-match", "accepts an iss that begins with its issuer's identifier")
)

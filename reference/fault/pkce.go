package fault

// Faults of PKCE at the authorization server.
var (
	PKCENotRequired             = declare("pkce-not-required", "gives codes to clients that send no code_challenge")
	PKCENotRequiredConfidential = declare("pkce-not-required-confidential", "gives codes to confidential clients that send no code_challenge")
	PKCEEmptyChallenge          = declare("pkce-empty-challenge", "takes an empty code_challenge and asks for no verifier afterwards")
	PKCEPlain                   = declare("pkce-plain", "accepts the challenge method plain")
	PKCEMethodDefault           = declare("pkce-method-default", "takes a challenge without a method for plain")
	PKCEMethodAbsent            = declare("pkce-method-absent-unverified", "verifies nothing if the challenge came without a method")
	PKCEMethodUnknown           = declare("pkce-method-unknown-unverified", "accepts methods it does not know and verifies nothing", "as-pkce-plain-refused")
	PKCEMethodLoose             = declare("pkce-method-loose", "takes s256 in any case, with spaces, for S256")
	PKCEMethodFromToken         = declare("pkce-method-from-token-request", "lets the token request choose the challenge method")
	PKCEDowngrade               = declare("pkce-downgrade", "accepts a verifier for a code that had no challenge",
		"as-pkce-required-public", "as-pkce-required-confidential", "as-request-object")

	VerifierIgnored     = declare("verifier-ignored", "never compares the verifier with the challenge")
	VerifierOptional    = declare("verifier-optional", "compares the verifier only if there is one")
	VerifierEmpty       = declare("verifier-empty", "takes an empty code_verifier for a right one")
	VerifierIsChallenge = declare("verifier-is-challenge", "accepts the S256 challenge itself as the verifier")
	VerifierTail        = declare("verifier-tail-ignored", "ignores what follows the first characters of the verifier")
	VerifierTrimmed     = declare("verifier-trimmed", "strips white space from the verifier")
	VerifierOfAnother   = declare("verifier-of-another", "accepts the verifier of any transaction of the client")
	VerifierShort       = declare("verifier-short", "accepts verifiers of less than 43 characters")
	VerifierLong        = declare("verifier-long", "accepts verifiers of more than 128 characters")
	VerifierCharacters  = declare("verifier-characters", "accepts verifiers with any characters")
	VerifierBounds      = declare("verifier-bounds", "refuses verifiers of 128 characters")

	ChallengePadded   = declare("challenge-padded", "takes padded and standard base64 challenges for equal to base64url")
	ChallengeIsLookup = declare("challenge-is-lookup", "finds the transaction of a code by its challenge")
	ChallengeLeaked   = declare("challenge-leaked", "repeats the code_challenge in the authorization response")
)

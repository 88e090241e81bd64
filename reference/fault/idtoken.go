package fault

// Faults of ID tokens.
var (
	IDTokenNonceDropped  = declare("id-token-nonce-dropped", "leaves the nonce out of ID tokens")
	IDTokenNonceInvented = declare("id-token-nonce-invented", "puts a nonce into ID tokens although none was sent")
	IDTokenAudience      = declare("id-token-audience", "issues every ID token to the same audience")
	IDTokenIssuer        = declare("id-token-issuer", "names another issuer in ID tokens")
	IDTokenUnsigned      = declare("id-token-unsigned", "issues ID tokens with the algorithm none")
	IDTokenExpired       = declare("id-token-expired", "issues ID tokens that have expired")
)

package fault

// Faults of the iss parameter of authorization responses (RFC 9207).
var (
	IssMissing        = declare("iss-missing", "leaves iss out of its responses although it advertises it")
	IssMissingOnError = declare("iss-missing-on-error", "leaves iss out of error responses")
	IssNotOffered     = declare("iss-not-offered", "neither advertises nor sends iss")
	IssUnadvertised   = declare("iss-unadvertised", "sends iss without advertising it")
	IssSlash          = declare("iss-slash", "sends iss with a slash that its issuer identifier does not have")
	IssForeign        = declare("iss-foreign", "sends another server's identifier as iss")
	IssTwice          = declare("iss-twice", "sends iss twice")
	IssFromRequest    = declare("iss-from-request", "returns an iss parameter of the request as its own")
	IssFromRedirect   = declare("iss-from-redirect", "registers redirect URIs that hold response parameters in their query")
	IssFromState      = declare("iss-from-state", "returns the state unescaped, so that it can add parameters", "as-state-returned")
	TokenIssuerSlash  = declare("token-issuer-slash", "signs tokens in the name of its issuer with a slash at the end, which its resource server takes")
)

package fault

// Faults of client authentication.
var (
	ClientUnauthenticated = declare("client-unauthenticated", "gives tokens to confidential clients that do not authenticate", "as-cimd-keys", "as-exchange-entitled", "as-idjag-client", "as-idjag-issued-to")
	ClientSecretIgnored   = declare("client-secret-ignored", "takes any client secret for the right one", "as-client-auth-every-grant", "as-exchange-entitled", "as-idjag-client", "as-idjag-issued-to")
	ClientSecretBeginning = declare("client-secret-beginning", "compares only the beginning of client secrets")
	ClientSecretOfAnother = declare("client-secret-of-another", "accepts the secret of any client for every client")
	ClientTwoMethods      = declare("client-two-methods", "accepts two authentication methods in one request")
	ClientIdentityMixed   = declare("client-identity-mixed", "authenticates one client and acts for another that the body names")
	ClientBasicSilent     = declare("client-basic-silent", "refuses Basic credentials without a challenge")
	ClientPostRefused     = declare("client-post-refused", "issues secrets but refuses them in the body")
	ClientAnyMethod       = declare("client-any-method", "accepts other authentication methods than the registered one")
)

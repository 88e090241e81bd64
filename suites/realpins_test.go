package suites_test

import (
	"maps"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
	"github.com/mcpassay/mcpassay/reports"
)

// trials are the deployments and what is true of them. Where there are no pages
// a browser adds nothing, and plain forms do.
var trials = []trial{
	{deployment: deployments.OIDCProvider, browser: true, pins: oidcProvider, left: []string{"client", "grant"}},
	{deployment: deployments.WorkersOAuthProvider, browser: true, slow: true, pins: workersOAuthProvider, left: []string{"client"}},
	{
		deployment: deployments.SDKDemo, shards: withinDemoLimits, other: "https://elsewhere.mcpassay.example/mcp",
		pins: sdkDemo, left: []string{"client", "grant"},
	},
	{deployment: deployments.SDKDemoStrict, slow: true, shards: withinDemoLimits, pins: sdkDemoStrict(), left: []string{"client", "grant"}},
}

// withinDemoLimits are shards that stay within what a process of the official
// SDK's demo takes: 20 registrations an hour, and 100 authorization and 50 token
// requests in a quarter of one.
var withinDemoLimits = [][]string{
	{"authorization-request", "client-authentication", "issuer-validation"},
	{
		"as-pkce-verifier-syntax", "as-pkce-challenge-syntax", "as-artifacts-not-confused",
		"as-code-bound-to-client", "as-code-replay-revokes", "as-code-single-use",
	},
	{"pkce"},
	{"token-request", "as-redirect-parser-confusion"},
	{"as-redirect-patterns", "as-redirect-loopback-exact", "as-redirect-query", "as-redirect-every-exit", "as-redirect-path"},
	{
		"as-redirect-host-lookalike", "as-redirect-traversal", "as-redirect-homograph", "as-redirect-header-injection",
		"as-redirect-private-scheme-exact", "as-redirect-duplicate", "as-redirect-percent-encoding",
	},
	{"redirect-uri"},
	{"as-dcr-script-redirects", "as-dcr-cleartext-redirects", "as-dcr-loopback-lookalikes"},
	{"as-dcr-malformed-redirects", "as-dcr-defaults"},
	{"as-dcr-credentials-fresh", "as-dcr-secret-entropy", "as-dcr-mass-assignment", "as-dcr-identity"},
	{"as-dcr-policy-without-members", "as-dcr-privileged-grants", "as-dcr-scope-ceiling", "as-dcr-size-limit"},
	{"registration-dcr"},
}

const (
	sdkNoOriginCheck = "The SDK's transport looks at Host only: a call with Origin https://evil.example and a good token is answered 200."
	sdkErrorCode     = "requireBearerAuth of the SDK says error=\"invalid_token\" when there is no Authorization header at all."
	headerAndQuery   = "With a good token in the header, one in the query string is not looked at: 200."
	lastWordIgnored  = "requireBearerAuth of the SDK splits the header at spaces and takes the second word: \"Bearer token more\" is answered 200."
	guessesGoOn      = "A wrong verifier leaves the code as it is; the right one is still taken after it."
	errorsAtOnce     = "Error redirects do not wait for a login: the answer to a request without a code_challenge is a redirect to the client."
)

var oidcProvider = map[string]pin{
	"as-client-registered-method": {reports.Warn, "A client registered for client_secret_basic gets tokens with client_secret_post, and the other way round."},
	"as-dcr-cleartext-redirects": {reports.Fail, "A client of application_type web may register http://client.example/callback, and codes are sent there; " +
		"a native one may not."},
	"as-dcr-malformed-redirects":    {reports.Fail, "A redirect URI with a space and a line break in it is registered, and echoed with both."},
	"as-error-redirect-after-login": {reports.Warn, errorsAtOnce},
	"as-pkce-guesses-limited":       {reports.Warn, guessesGoOn},
	"as-response-type-exact":        {reports.Warn, "response_type is read as a set: \"code code\" is code, while \"CODE\" is refused."},
	"rs-401-no-error-without-token": {reports.Warn, sdkErrorCode},
	"rs-malformed-authorization":    {reports.Warn, lastWordIgnored},
	"rs-origin-validated":           {reports.Fail, sdkNoOriginCheck},
	"rs-token-one-reading":          {reports.Warn, "jose takes the signature with its base64 padding (==), which the compact form has not."},
	"rs-two-methods-refused":        {reports.Warn, headerAndQuery},
}

var workersOAuthProvider = map[string]pin{
	"as-authorize-duplicate-parameters": {reports.Warn, "Of two code_challenge, state or response_type parameters the first is taken, and a code is issued."},
	"as-code-invalid-replay-harmless":   {reports.Warn, "A used code ends its grant whatever comes with it, a wrong verifier included."},
	"as-dcr-size-limit":                 {reports.Warn, "A registration of nearly a megabyte is answered 201; the package's own limit is 1 MiB."},
	"as-error-redirect-after-login":     {reports.Warn, errorsAtOnce},
	"as-pkce-guesses-limited":           {reports.Warn, guessesGoOn},
	"as-pkce-required-confidential": {reports.Warn, "Clients with a secret get a code without code_challenge and redeem it without verifier; " +
		"public ones do not."},
	"as-pkce-verifier-syntax": {reports.Warn, "A verifier of any length and alphabet is taken if its challenge matches: 14 characters, 129, others than unreserved ones."},
	"as-refresh-only-when-registered": {reports.Fail, "Every grant comes with a refresh token, and a registration for authorization_code alone is echoed so; " +
		"the package says that the one implies the other."},
	"as-refresh-reuse-ends-grant": {reports.Fail, "A refresh token whose successor was used is refused, but the newest one keeps working."},
	"rs-origin-validated":         {reports.Fail, "A call with a foreign Origin and a good token is answered 200, and Access-Control-Allow-Origin repeats the Origin."},
	"rs-two-methods-refused":      {reports.Warn, headerAndQuery},
}

var sdkDemo = map[string]pin{
	"as-client-one-identity":        {reports.Warn, "Secrets are read from the body only; credentials in the header beside them are not looked at."},
	"as-dcr-cleartext-redirects":    {reports.Fail, "Every http URI can be registered, and codes are sent there."},
	"as-dcr-defaults":               {reports.Fail, "grant_types with client_credentials is stored and echoed, and the token endpoint knows no such grant: unsupported_grant_type."},
	"as-dcr-malformed-redirects":    {reports.Fail, "Redirect URIs are checked for three script schemes only: a fragment, white space and an empty list are registered."},
	"as-dcr-script-redirects":       {reports.Warn, "javascript, data and vbscript are refused; blob and file are registered, and /authorize names them in Location."},
	"as-error-redirect-after-login": {reports.Warn, errorsAtOnce},
	"as-iss-offered":                {reports.Warn, "No response carries iss and the metadata does not speak of it."},
	"as-pkce-guesses-limited":       {reports.Warn, guessesGoOn},
	"as-pkce-verifier-syntax":       {reports.Warn, "Verifiers of one and of a thousand characters are taken, whatever is in them."},
	"as-redirect-automatic":         {reports.Warn, "There is no login and no consent: every authorization request is answered with a code at once."},
	"as-redirect-localhost-port":    {reports.Warn, "Another port of localhost gets error=invalid_request: the demo compares exactly, after the SDK has not."},
	"as-redirect-loopback-port":     {reports.Fail, "Another port of 127.0.0.1 or [::1] gets error=invalid_request and never a code, for the same reason."},
	"as-redirect-query":             {reports.Fail, "The demo sets the query of the redirect URI to its response, so that the registered one is lost (targetUrl.search =)."},
	"as-state-returned":             {reports.Fail, "Errors that the SDK finds itself are sent without state; those of the demo carry it."},
	"as-token-error-form":           {reports.Fail, "The demo throws on unknown codes, and the SDK makes 500 server_error of that."},
	"as-token-post-only":            {reports.Warn, "The demo puts express.json before everything, so that token requests may be JSON."},
	"as-token-redirect-uri":         {reports.Warn, "redirect_uri of a token request is not compared: any value redeems."},
	"rs-401-no-error-without-token": {reports.Warn, sdkErrorCode},
	"rs-401-scope":                  {reports.Warn, "The challenge has no scope parameter, while the resource metadata lists mcp:tools."},
	"rs-401-unknown-token":          {reports.Fail, "The demo's verifier throws an error of its own on unknown tokens, and the SDK answers 500. Nothing is served."},
	"rs-audience-validated":         {reports.Fail, "Without --oauth-strict a token asked for any resource at all is accepted."},
	"rs-malformed-authorization":    {reports.Fail, lastWordIgnored + " Where the second word is no token, the answer is the 500 of every unknown token."},
	"rs-origin-validated":           {reports.Fail, sdkNoOriginCheck},
	"rs-two-methods-refused":        {reports.Warn, headerAndQuery},
}

// sdkDemoStrict is what is true of the demo if its server is told to accept only
// tokens for its own resource: all the same but that.
func sdkDemoStrict() map[string]pin {
	pins := maps.Clone(sdkDemo)
	delete(pins, "rs-audience-validated")
	return pins
}

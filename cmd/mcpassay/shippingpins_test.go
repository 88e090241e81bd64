package main

import "github.com/mcpassay/mcpassay/reports"

const (
	noStepUpAsked = "it takes the 403 for the end, or refreshes its token and gets the same scope: no authorization request followed"
	stateUnread   = "its callback reads no state: a token request with the code of another flow followed, which the code challenge makes useless"
	proxyBreaks   = "with a proxy in its environment it ends before it asks for anything: its bundle cannot load undici on Node.js 20"
	byHandOnly    = "it cannot be told of a registration made by hand"
	lenientOnPKCE = "it refuses only metadata that lists methods without S256, not metadata that lists none: an authorization request was made"
	noDocument    = "it has no metadata document and registers dynamically, although the server reads documents"
	noProxyAsked  = "Node.js 20 asks no proxy of its environment, so that nobody sees what it sends to other machines"
	readWhole     = "it reads documents to their end, of whatever size: all 64 MB were taken"
	textAsPointer = "it takes the text within the quoted error_description for a parameter, and asks for the URL with the quotation mark at its end: 404, and it goes on to endpoints that the server does not have"
	noSecondTry   = "it takes the 503, or the 500, for the end"
	stateIgnored  = "its callback reads the code alone: a token request with that code followed"
	firstOnly     = "it takes the first of authorization_servers: after two 404 it tried /register there, and nothing went to the second"
	guesses       = "it falls back to the default endpoints of 2025-03-26 at whatever issuer has no metadata: it registered and asked for a code there"
	rootTried     = "after /.well-known/oauth-authorization-server/tenants/acme it asked for the same without the path, which is another issuer's"
)

// @ai-sdk/mcp 2.0.99.
var aiSDKPins = map[string]shippingPin{
	"client-authz-url-scheme-allowlist": {
		reports.Fail, []string{"endpoint-file", "endpoint-private-scheme", "endpoint-cleartext"},
		"its schema refuses javascript:, data: and vbscript: alone; all else reaches redirectToAuthorization, where an application opens what it is given",
	},
	"client-documents-bounded": {reports.Warn, []string{"giant-resource-metadata", "giant-server-metadata"}, readWhole},
	"client-opener-schemes": {
		reports.Fail, []string{"endpoint-file", "endpoint-private-scheme"},
		"its schema refuses javascript:, data: and vbscript: alone: the application was told to open file:///etc/hostname and a URL of another application",
	},
	"client-ssrf-https-only":        {reports.Inconclusive, []string{"issuer-elsewhere-cleartext", "issuer-elsewhere"}, noProxyAsked},
	"client-token-request-https":    {reports.Inconclusive, []string{"token-endpoint-cleartext"}, noProxyAsked},
	"client-cimd-supported":         {reports.Warn, []string{"document-clients"}, noDocument},
	"client-asm-discovery-order":    {reports.Fail, []string{"metadata-last-place"}, rootTried},
	"client-multiple-as-dead-first": {reports.Warn, []string{"first-server-dead"}, firstOnly},
	"client-no-guessed-endpoints":   {reports.Warn, []string{"metadata-missing"}, guesses},
	"client-foreign-metadata-refused": {
		reports.Inconclusive, []string{"pointer-foreign"}, "it ends without fetching what the pointer names, and does not say why",
	},
	"client-mix-up-fails": {
		reports.Inconclusive, []string{"mix-up"},
		"it takes no endpoint on loopback whose origin is not that of its metadata, and ends before it registers",
	},
	"client-no-cross-as-credentials": {
		reports.Inconclusive, []string{"authorization-server-moves"},
		"it ends with AuthorizationServerMismatchError as soon as the metadata names another issuer",
	},
	"client-reregisters-on-as-change": {
		reports.Fail, []string{"authorization-server-moves"},
		"it ends with AuthorizationServerMismatchError, which is safe, and never registers at the new one",
	},
	"client-rejects-duplicate-iss": {
		reports.Fail, []string{"iss-twice"}, "it reads the first iss only: the code was redeemed although a second, foreign one followed",
	},
	"client-rejects-missing-iss": {
		reports.Fail, []string{"iss-missing"},
		"it compares iss if there is one, and never asks whether it was promised: the tool was called",
	},
	"client-step-up-attempted": {reports.Warn, []string{"step-up"}, noStepUpAsked},
	"client-resource-in-authorization": {
		reports.Fail, []string{"phantom-token", "phantom-token-pointer-in-description"},
		"it drops the slash that the resource in the metadata ends with",
	},
	"client-copes-with-irregularities": {reports.Warn, []string{"agent-identity-bad-day", "static-cimd-bad-day"}, noSecondTry},
}

// mcp-remote 0.15.1.
var mcpRemotePins = map[string]shippingPin{
	"client-documents-bounded":      {reports.Warn, []string{"giant-resource-metadata", "giant-server-metadata"}, readWhole},
	"client-ssrf-https-only":        {reports.Inconclusive, []string{"issuer-elsewhere-cleartext", "issuer-elsewhere"}, noProxyAsked},
	"client-token-request-https":    {reports.Inconclusive, []string{"token-endpoint-cleartext"}, noProxyAsked},
	"client-asm-discovery-order":    {reports.Fail, []string{"metadata-last-place"}, rootTried},
	"client-multiple-as-dead-first": {reports.Warn, []string{"first-server-dead"}, firstOnly},
	"client-no-guessed-endpoints":   {reports.Warn, []string{"metadata-missing"}, guesses},
	"client-resource-most-specific": {
		reports.Warn, []string{"prm-origin-resource"}, "its URL parser adds a slash to the origin that the metadata names",
	},
	"client-scope-from-prm": {
		reports.Warn, []string{"scope-undefined"}, "where neither challenge nor resource names a scope it asks for all that the authorization server lists, admin among them",
	},
	"client-cimd-supported": {reports.Warn, []string{"document-clients"}, noDocument},
	"client-gets-through": {
		reports.Fail, []string{"phantom-token-pointer-in-description", "step-up", "step-up-unlisted"},
		textAsPointer + "; and it registers for notes.read alone, so that the scope of the step-up is not for it: invalid_scope",
	},
	"client-pkce-refuses-unadvertised": {reports.Fail, []string{"pkce-not-advertised", "agent-identity-no-pkce"}, lenientOnPKCE},
	"client-resource-in-authorization": {
		reports.Fail, []string{"resource-as"}, "it adds a slash to the resource in the metadata, which is an origin without one",
	},
	"client-copes-with-irregularities": {
		reports.Inconclusive, []string{"resource-as-bad-day"}, "it does not get through on a good day either: it asks for the resource with a slash, and the token is for another",
	},
	"client-refused-tokens-end": {
		reports.Inconclusive, []string{"resource-as-scope-401"}, "it comes to no token there, since it asks for the resource with a slash",
	},
	"client-state-verified": {reports.Warn, []string{"state-dropped"}, stateIgnored},
}

// @modelcontextprotocol/inspector 2.12.0.
var inspectorPins = map[string]shippingPin{
	"client-callback-own-response": {reports.Warn, []string{"callback-other-state"}, stateUnread},
	"client-state-compared":        {reports.Warn, []string{"state-foreign"}, stateUnread},
	"client-documents-bounded": {
		reports.Warn, []string{"giant-resource-metadata", "giant-server-metadata", "drip-fed-metadata"},
		"it reads documents to their end, of whatever size, and waits for it as long as anything arrives",
	},
	"client-ssrf-https-only":        {reports.Inconclusive, []string{"issuer-elsewhere-cleartext", "issuer-elsewhere"}, proxyBreaks},
	"client-token-request-https":    {reports.Inconclusive, []string{"token-endpoint-cleartext"}, proxyBreaks},
	"client-multiple-as-dead-first": {reports.Warn, []string{"first-server-dead"}, firstOnly},
	"client-no-guessed-endpoints":   {reports.Warn, []string{"metadata-missing"}, guesses},
	"client-challenge-authoritative": {
		reports.Fail, []string{"scope-unlisted"}, "the challenge names notes.read, and it asks for what the resource lists instead",
	},
	"client-cimd-supported":            {reports.Warn, []string{"document-clients"}, noDocument},
	"client-pkce-refuses-unadvertised": {reports.Fail, []string{"pkce-not-advertised", "agent-identity-no-pkce"}, lenientOnPKCE},
	"client-copes-with-irregularities": {reports.Warn, []string{"static-cimd-bad-day"}, noSecondTry},
	"client-scope-from-challenge": {
		reports.Warn, []string{"sound"}, "the challenge names notes.read, and it asks for every scope that the resource lists",
	},
	"client-state-verified": {reports.Warn, []string{"state-dropped"}, stateIgnored},
	"client-step-up-attempted": {
		reports.Inconclusive, []string{"step-up"}, "it had asked for every scope already",
	},
}

// The OAuth example of @modelcontextprotocol/sdk 1.32.2.
var sdkExamplePins = map[string]shippingPin{
	"client-documents-bounded":   {reports.Warn, []string{"giant-resource-metadata", "giant-server-metadata"}, readWhole},
	"client-ssrf-https-only":     {reports.Inconclusive, []string{"issuer-elsewhere-cleartext", "issuer-elsewhere"}, noProxyAsked},
	"client-token-request-https": {reports.Inconclusive, []string{"token-endpoint-cleartext"}, noProxyAsked},
	"client-callback-own-response": {
		reports.Fail, []string{"callback-other-path"}, "it takes a code that comes to any path of its listener: a token request with that code followed",
	},
	"client-external-user-agent": {
		reports.Inconclusive, []string{"sound"}, "it shows the URL and opens nothing: what opened it was ours",
	},
	"client-multiple-as-dead-first": {reports.Warn, []string{"first-server-dead"}, firstOnly},
	"client-no-guessed-endpoints":   {reports.Warn, []string{"metadata-missing"}, guesses},
	"client-gets-through":           {reports.Fail, []string{"phantom-token-pointer-in-description"}, textAsPointer},
	"client-cimd-supported":         {reports.Warn, []string{"document-clients"}, noDocument},
	"client-asm-issuer-validated": {
		reports.Fail, []string{"metadata-issuer-foreign", "phantom-token-issuer-differs"},
		"the SDK compares no issuer with the URL that the metadata came from: it registered and asked for a code",
	},
	"client-copes-with-irregularities": {reports.Warn, []string{"phantom-token-bad-day", "agent-identity-bad-day", "resource-as-bad-day"}, noSecondTry},
	"client-pkce-refuses-unadvertised": {reports.Fail, []string{"pkce-not-advertised", "agent-identity-no-pkce"}, lenientOnPKCE},
	"client-state-fresh":               {reports.Warn, nil, "its provider has no state method, and the SDK sends state only if there is one"},
	"client-step-up-attempted":         {reports.Warn, []string{"step-up"}, noStepUpAsked},
	"client-registration-priority":     {reports.Inconclusive, []string{"configured-client-beside-registration"}, byHandOnly},
	"client-token-endpoint-auth":       {reports.Inconclusive, []string{"configured-client"}, byHandOnly},
}

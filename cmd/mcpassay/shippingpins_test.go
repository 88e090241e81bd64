package main

import "github.com/mcpassay/mcpassay/reports"

const (
	noStepUpAsked = "it takes the 403 for the end, or refreshes its token and gets the same scope: no authorization request followed"
	byHandOnly    = "it cannot be told of a registration made by hand"
	lenientOnPKCE = "it refuses only metadata that lists methods without S256, not metadata that lists none: an authorization request was made"
	noDocument    = "it has no metadata document and registers dynamically, although the server reads documents"
	noProxyAsked  = "Node.js 20 asks no proxy of its environment, so that nobody sees what it sends to other machines"
	readWhole     = "it reads documents to their end, of whatever size: all 64 MB were taken"
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
	"client-documents-bounded": {reports.Warn, []string{"giant-resource-metadata"}, readWhole},
	"client-opener-schemes": {
		reports.Fail, []string{"endpoint-file", "endpoint-private-scheme"},
		"its schema refuses javascript:, data: and vbscript: alone: the application was told to open file:///etc/hostname and a URL of another application",
	},
	"client-ssrf-https-only":        {reports.Inconclusive, []string{"issuer-elsewhere-cleartext"}, noProxyAsked},
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
}

// mcp-remote 0.15.1.
var mcpRemotePins = map[string]shippingPin{
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
		reports.Fail, []string{"configured-client", "configured-client-beside-registration", "step-up", "step-up-unlisted"},
		"an error response to its callback, invalid_scope, ends it: it adds offline_access, which the configured client may not have; and it registers for notes.read alone, so that the scope of the step-up is not for it",
	},
	"client-pkce-refuses-unadvertised": {reports.Fail, []string{"pkce-not-advertised"}, lenientOnPKCE},
	"client-state-verified":            {reports.Warn, []string{"state-dropped"}, stateIgnored},
}

// @modelcontextprotocol/inspector 2.12.0.
var inspectorPins = map[string]shippingPin{
	"client-multiple-as-dead-first": {reports.Warn, []string{"first-server-dead"}, firstOnly},
	"client-no-guessed-endpoints":   {reports.Warn, []string{"metadata-missing"}, guesses},
	"client-challenge-authoritative": {
		reports.Fail, []string{"scope-unlisted"}, "the challenge names notes.read, and it asks for what the resource lists instead",
	},
	"client-cimd-supported": {reports.Warn, []string{"document-clients"}, noDocument},
	"client-gets-through": {
		reports.Fail, []string{"configured-client", "configured-client-beside-registration"},
		"it asks for every scope that the resource lists, rather than those of the challenge, and is refused one that it may not have",
	},
	"client-pkce-refuses-unadvertised": {reports.Fail, []string{"pkce-not-advertised"}, lenientOnPKCE},
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
	"client-multiple-as-dead-first": {reports.Warn, []string{"first-server-dead"}, firstOnly},
	"client-no-guessed-endpoints":   {reports.Warn, []string{"metadata-missing"}, guesses},
	"client-gets-through": {
		reports.Fail, []string{"token-dies-without-refresh"},
		"in the middle of a call it sends the user to the authorization server, and waits for his answer only when it connects",
	},
	"client-cimd-supported": {reports.Warn, []string{"document-clients"}, noDocument},
	"client-asm-issuer-validated": {
		reports.Fail, []string{"metadata-issuer-foreign"},
		"the SDK compares no issuer with the URL that the metadata came from: it registered and asked for a code",
	},
	"client-pkce-refuses-unadvertised": {reports.Fail, []string{"pkce-not-advertised"}, lenientOnPKCE},
	"client-state-fresh":               {reports.Warn, nil, "its provider has no state method, and the SDK sends state only if there is one"},
	"client-step-up-attempted":         {reports.Warn, []string{"step-up"}, noStepUpAsked},
	"client-registration-priority":     {reports.Inconclusive, []string{"configured-client-beside-registration"}, byHandOnly},
}

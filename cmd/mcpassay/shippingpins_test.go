package main

import "github.com/mcpassay/mcpassay/reports"

const (
	noStepUpAsked = "it takes the 403 for the end, or refreshes its token and gets the same scope: no authorization request followed"
	byHandOnly    = "it cannot be told of a registration made by hand"
	lenientOnPKCE = "it refuses only metadata that lists methods without S256, not metadata that lists none: an authorization request was made"
	noDocument    = "it has no metadata document and registers dynamically, although the server reads documents"
	textAsPointer = "it takes the text within the quoted error_description for a parameter, and asks for the URL with the quotation mark at its end: 404, and it goes on to endpoints that the server does not have"
	noSecondTry   = "it takes the 503, or the 500, for the end"
	stateIgnored  = "its callback reads the code alone: a token request with that code followed"
)

// @ai-sdk/mcp 2.0.99.
var aiSDKPins = map[string]shippingPin{
	"client-cimd-supported": {reports.Warn, []string{"document-clients"}, noDocument},
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
	"client-cimd-supported": {reports.Warn, []string{"document-clients"}, noDocument},
	"client-gets-through": {
		reports.Fail, []string{"phantom-token-pointer-in-description", "step-up"},
		textAsPointer + "; and it registers for notes.read alone, so that the scope of the step-up is not for it: invalid_scope",
	},
	"client-pkce-refuses-unadvertised": {reports.Fail, []string{"pkce-not-advertised", "agent-identity-no-pkce"}, lenientOnPKCE},
	"client-resource-in-authorization": {
		reports.Fail, []string{"resource-as"}, "it adds a slash to the resource in the metadata, which is an origin without one",
	},
	"client-refused-tokens-end": {
		reports.Inconclusive, []string{"resource-as-scope-401"}, "it comes to no token there, since it asks for the resource with a slash",
	},
	"client-state-verified": {reports.Warn, []string{"state-dropped"}, stateIgnored},
}

// @modelcontextprotocol/inspector 2.12.0.
var inspectorPins = map[string]shippingPin{
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
	"client-cimd-supported": {reports.Warn, []string{"document-clients"}, noDocument},
	"client-asm-issuer-validated": {
		reports.Fail, []string{"metadata-issuer-foreign", "phantom-token-issuer-differs"},
		"the SDK compares no issuer with the URL that the metadata came from: it registered and asked for a code",
	},
	"client-gets-through":              {reports.Fail, []string{"phantom-token-pointer-in-description"}, textAsPointer},
	"client-copes-with-irregularities": {reports.Warn, []string{"phantom-token-bad-day", "agent-identity-bad-day", "resource-as-bad-day"}, noSecondTry},
	"client-pkce-refuses-unadvertised": {reports.Fail, []string{"pkce-not-advertised", "agent-identity-no-pkce"}, lenientOnPKCE},
	"client-state-fresh":               {reports.Warn, nil, "its provider has no state method, and the SDK sends state only if there is one"},
	"client-step-up-attempted":         {reports.Warn, []string{"step-up"}, noStepUpAsked},
	"client-registration-priority":     {reports.Inconclusive, []string{"configured-client-beside-registration"}, byHandOnly},
}

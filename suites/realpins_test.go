package suites_test

import (
	"slices"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
)

// trials are the deployments in the order of their shortest trial. Where the
// browser adds nothing, since there are no pages, plain forms do.
var trials = []trial{
	{deployment: deployments.OIDCProvider, browser: true},
	{deployment: deployments.WorkersOAuthProvider, browser: true, slow: true},
	{deployment: deployments.SDKDemo, shards: withinDemoLimits, other: "https://elsewhere.mcpassay.example/mcp"},
	{deployment: deployments.SDKDemoStrict, slow: true, shards: withinDemoLimits},
}

// withinDemoLimits are shards that stay within what the official SDK's demo takes:
// 20 registrations an hour, and 100 authorization and 50 token requests in a
// quarter of one.
var withinDemoLimits = [][]string{
	{"authorization-request", "client-authentication", "issuer-validation"},
	{"as-pkce-verifier-syntax", "as-pkce-challenge-syntax", "as-artifacts-not-confused", "as-code-bound-to-client", "as-code-replay-revokes", "as-code-single-use"},
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

var _ = slices.Concat[[]string]

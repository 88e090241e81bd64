package suites_test

import "github.com/mcpassay/mcpassay/reports"

func init() {
	oidcProvider["as-assertion-audience"] = pin{reports.Warn,
		"The audience of an assertion may be an array in which the issuer stands beside others; assertJwtClientAuthClaimsAndHeader may forbid it."}
	oidcProvider["as-dcr-privileged-grants"] = pin{reports.Warn,
		"With the feature clientCredentials anybody may register for client_credentials, and the SDK's middleware serves the tokens."}
}

package suites_test

import (
	"strings"

	"github.com/mcpassay/mcpassay/reports"
)

func init() {
	workersOAuthProvider["rs-resource-case"] = pin{reports.Warn, "A resource with its host in upper case gets a token, whose audience is kept as it was asked for; " +
		"the resource server compares exactly and answers 401."}
	for _, t := range trials {
		if !strings.HasPrefix(t.deployment.Name, "sdk-demo") {
			continue
		}
		t.pins["as-client-grant-restriction"] = pin{reports.Fail, "Nothing looks at grant_types: a client registered for refresh tokens alone gets a code and redeems it."}
		t.pins["as-scope-unknown"] = pin{reports.Fail, "Whatever stands in scope is granted; the token response repeats it."}
	}
}

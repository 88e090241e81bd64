package suites_test

import (
	"maps"

	"github.com/mcpassay/mcpassay/reports"
)

// What a person saw of the pages of other people's deployments.
func init() {
	maps.Copy(oidcProvider, map[string]pin{
		"as-consent-again": {reports.Warn, "A grant is for a client and an account: the other redirect URI of the same client gets a code without a question."},
		"as-consent-facts": {reports.Warn, "The development page lists resource and scopes, and of the client shows nothing but a logo if it has one; neither redirect URI nor account."},
		"as-device-polling": {reports.Warn, "A device that polls twice within a second is told authorization_pending both times; " +
			"the package has the error slow_down and never raises it."},
		"as-guessing-user-codes": {reports.Warn, "Wrong user codes are answered \"The code you entered is incorrect\" for ever; limits are left to who runs it."},
		"as-pages-leak-nothing":  {reports.Warn, "The development pages load the font Roboto from fonts.googleapis.com."},
		"as-pages-not-framed": {reports.Warn, "No page has frame-ancestors or X-Frame-Options. In a frame of another site the cookies are missing, " +
			"and what shows is the page \"oops! something went wrong\"."},
	})
	maps.Copy(workersOAuthProvider, map[string]pin{
		"as-consent-client-name": {reports.Warn, "The consent page of the deployment shows the name as registered, U+202E and 1,900 characters and all."},
		"as-consent-facts":       {reports.Warn, "The consent page of the deployment names client, redirect host and account, but no resource."},
		"as-errors-no-oracle":    {reports.Warn, "A code or refresh token of another client is answered \"Client ID mismatch\", an unknown one otherwise."},
		"as-guessing-passwords":  {reports.Warn, "The sign-in page of the deployment counts nothing."},
		"as-login-csrf":          {reports.Fail, "The sign-in form of the deployment carries nothing that belongs to the browser: a form on another site signs it in."},
	})
	demo := map[string]pin{
		"as-errors-tell-no-internals": {reports.Fail, "A registration that is no JSON is answered with the stack trace of Express, paths and all."},
	}
	ofPages := []string{"consent", "web-security", "cors", "error-handling", "as-transactions-apart", "as-transaction-browser-bound"}
	for i := range trials {
		which := &trials[i]
		if len(which.shards) == 0 {
			continue
		}
		maps.Copy(which.pins, demo)
		which.shards = append([][]string{ofPages}, which.shards...)
	}
}

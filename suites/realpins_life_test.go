package suites_test

import "github.com/mcpassay/mcpassay/reports"

func init() {
	oidcProvider["as-race-refresh-benign"] = pin{reports.Warn, "The second of two refreshes at once counts as a replay and ends the whole grant, the tokens of the first included."}
	workersOAuthProvider["as-race-code"] = pin{reports.Fail, "The grant is read from the store, checked, and written back after several awaits: " +
		"every request that comes meanwhile gets an access token, and all are accepted."}
	workersOAuthProvider["as-race-revocation"] = pin{reports.Warn, "A refresh that has read the grant writes it back after the revocation has deleted it, and its refresh token works."}
}

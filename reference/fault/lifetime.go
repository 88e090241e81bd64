package fault

// Faults of how long things last.
var (
	AccessTokenLong     = declare("access-token-long", "issues access tokens that last a week")
	AccessTokenOutlasts = declare("access-token-outlasts", "issues access tokens that last longer than expires_in says")
	AccessTokenEternal  = declare("access-token-eternal", "issues access tokens that never expire", "as-token-response-members")
	CodeEternal         = declare("code-eternal", "accepts codes long after they were issued")
)

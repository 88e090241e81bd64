package fault

// Faults of how long things last.
var (
	AccessTokenLong     = declare("access-token-long", "issues access tokens that last a week")
	AccessTokenOutlasts = declare("access-token-outlasts", "issues access tokens that last longer than expires_in says")
	AccessTokenEternal  = declare("access-token-eternal", "issues access tokens that never expire", "as-token-response-members", "as-token-profile")
	RefreshSlides       = declare("refresh-slides", "puts the end of a grant off with each refresh")
	RefreshEternal      = declare("refresh-eternal", "issues refresh tokens that last a hundred years", "as-registration-paths-agree")
	RefreshOutlasts     = declare("refresh-outlasts", "accepts refresh tokens after the end that it announced")
	SecretOutlasts      = declare("secret-outlasts", "accepts client secrets after client_secret_expires_at")
	CodeEternal         = declare("code-eternal", "accepts codes long after they were issued")
)

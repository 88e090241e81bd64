package fault

// Faults of refresh tokens.
var (
	RefreshRefused         = declare("refresh-refused", "issues refresh tokens and refuses every one of them")
	RefreshNotRotated      = declare("refresh-not-rotated", "gives the same refresh token again and again")
	RefreshOldWorks        = declare("refresh-old-works", "rotates refresh tokens but goes on accepting the old ones")
	RefreshGrace           = declare("refresh-grace", "accepts a used refresh token for another hour")
	RefreshReuseForgiven   = declare("refresh-reuse-forgiven", "refuses a used refresh token but leaves the newer ones alive")
	RefreshForks           = declare("refresh-forks", "makes a grant of its own with each refresh, so that reuse ends only one branch", "as-code-replay-revokes", "as-race-revocation", "as-refresh-ends")
	RefreshAnyClient       = declare("refresh-any-client", "lets any client use a refresh token")
	RefreshUnauthenticated = declare("refresh-unauthenticated", "refreshes for confidential clients that do not authenticate", "as-cimd-keys")
	RefreshClientBlind     = declare("refresh-client-blind", "refreshes without asking which client it is")
	RefreshScopeWidens     = declare("refresh-scope-widens", "lets a refresh ask for scopes that were not granted")
	RefreshScopeMerged     = declare("refresh-scope-merged", "gives a refresh the scopes of the user's other grants to the client")
	RefreshScopeSticky     = declare("refresh-scope-sticky", "keeps the narrower scope of one refresh for all later ones")
	RefreshUnregistered    = declare("refresh-unregistered", "gives refresh tokens to clients that are not registered for them")
)

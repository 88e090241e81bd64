package fault

// Faults in the sessions of the revisions before 2026-07-28.
var (
	SessionAuthenticates   = declare("session-authenticates", "takes a session id in place of a token", "rs-stream-resume-isolated")
	SessionUnbound         = declare("session-unbound", "lets another user's token join a session")
	SessionKeepsScopes     = declare("session-keeps-scopes", "decides by the scopes of the token that opened the session")
	SessionOutlivesToken   = declare("session-outlives-token", "accepts an expired token within a session")
	SessionSequential      = declare("session-sequential", "numbers its sessions")
	SessionNotASCII        = declare("session-not-ascii", "issues session ids with other than visible ASCII characters")
	SessionNeverEnds       = declare("session-never-ends", "goes on serving a session that was ended")
	SessionMissingStatus   = declare("session-missing-status", "answers 404 to a request that lacks its session id")
	IdentityFromClientInfo = declare("identity-from-client-info", "lets a client that calls itself admin do everything")
)

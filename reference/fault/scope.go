package fault

// Faults in the enforcement of scopes and in the 403 challenge.
var (
	ScopeUnenforced     = declare("scope-unenforced", "does not look at scopes", "rs-403-not-a-result", "rs-cc-token-validated", "rs-wif-token-validated") // where the upstream looks at them
	ScopeSubstring      = declare("scope-substring", "searches the scope string for the name it needs")
	ScopeCaseFolded     = declare("scope-case-folded", "compares scopes without regard to case")
	ScopeByHeader       = declare("scope-by-header", "decides by the Mcp-Name header which scopes a call needs, and does not compare it with the body")
	ScopeEverything     = declare("scope-all-needed", "refuses every call of a token that lacks any of its scopes")
	ScopeUnauthorized   = declare("scope-unauthorized", "answers 401 instead of 403 to a token without the scope")
	ScopeAsResult       = declare("scope-as-result", "reports a missing scope as a tool result under status 200")
	ScopeNoChallenge    = declare("scope-no-challenge", "answers 403 without WWW-Authenticate")
	ScopeNoError        = declare("scope-no-error", "leaves insufficient_scope out of its 403 challenge")
	ScopeUnnamed        = declare("scope-unnamed", "does not name the missing scope in its 403 challenge")
	ScopeNamedWrongly   = declare("scope-named-wrongly", "names a scope in its 403 challenge that does not help")
	ScopeOneByOne       = declare("scope-one-by-one", "names one missing scope for each attempt")
	ScopeNoPointer      = declare("scope-no-pointer", "leaves resource_metadata out of its 403 challenge")
	ScopeForeignPointer = declare("scope-foreign-pointer", "points resource_metadata elsewhere in its 403 challenge")
	ListByConnection    = declare("list-by-connection", "lists fewer tools to every other request with the same token")
)

// Faults of granting scopes at the authorization server.
var (
	ScopeDefaultAll      = declare("scope-default-all", "grants every scope to clients that ask for none")
	ScopeDefaultCrash    = declare("scope-default-crash", "answers authorization requests without scope with a server error")
	ScopeDefaultUnscoped = declare("scope-default-unscoped", "issues tokens without any scope to clients that ask for none")
	ScopeUnknownGranted  = declare("scope-unknown-granted", "grants scopes that it does not know")
	ScopeUnknownDropped  = declare("scope-unknown-dropped", "leaves unknown scopes out and never says what it granted", "as-token-response-members")
)

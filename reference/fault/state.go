package fault

// Faults in what a resource server keeps for its users between requests.
var (
	HandleAuthenticates = declare("handle-authenticates", "serves whoever names a state handle, without a token")
	HandleUnbound       = declare("handle-unbound", "opens a user's state to any other user who knows its handle")
	HandleSequential    = declare("handle-sequential", "numbers its state handles")

	RequestStateUnsigned    = declare("request-state-unsigned", "believes a requestState without checking that it is its own")
	RequestStateForAnyone   = declare("request-state-for-anyone", "takes a requestState from another user than the one it was given to")
	RequestStateForAnything = declare("request-state-for-anything", "takes a requestState for another call than the one it was given for")
	RequestStateForever     = declare("request-state-forever", "takes a requestState at any time after")

	AsksForPassword  = declare("asks-for-password", "asks for a password in a form")
	AsksInsteadOf401 = declare("asks-instead-of-401", "asks whoever brings no token something, in place of a 401, and goes on with whoever answers")

	ElicitedURLTells  = declare("elicited-url-tells", "puts its user's token into a URL that it asks the user to open")
	ElicitedURLGrants = declare("elicited-url-grants", "links an account as soon as anybody opens the URL that its user was asked to open")
	ElicitedForAnyone = declare("elicited-for-anyone", "links to one user's account what another user has signed in for")

	CacheScopePublic = declare("cache-scope-public", "marks results that depend on the user as public for caches")

	TaskUnbound    = declare("task-unbound", "shows a user's tasks to any other user who knows their ids")
	TaskCancelled  = declare("task-cancelled-by-anyone", "lets any user cancel a task")
	TaskListed     = declare("task-listed-to-anyone", "lists everybody's tasks to everybody")
	TaskSequential = declare("task-sequential", "numbers its tasks")

	MirroredTenantTrusted = declare("mirrored-tenant-trusted", "opens whatever tenant the Mcp-Param header and the body agree upon")

	AnswersCrossed       = declare("answers-crossed", "gives two overlapping calls with the same id the answer to one of them", "rs-connection-identity")
	ConnectionIdentity   = declare("connection-identity", "takes all requests of a connection for the user of its first one")
	ReplayAcrossSessions = declare("replay-across-sessions", "replays a stream to whoever names one of its events")

	ScopeHierarchyIgnored = declare("scope-hierarchy-ignored", "refuses a scope that implies the one that is needed")
	VersionHeaderDemanded = declare("version-header-demanded", "refuses requests of revision 2025-03-26, which has no MCP-Protocol-Version")
	BindsEverywhere       = declare("binds-everywhere", "listens on every address of its machine although it is meant for loopback")
	PrivateScheme         = declare("own-scheme", "demands tokens in a way of its own and says nothing of where they come from",
		"rs-401-bearer-challenge", "rs-prm-discoverable")

	ScopeFirstMember = declare("scope-first-member", "decides about scope by the first of two JSON members of a name, and runs the last")
	ScopeFirstOfMany = declare("scope-first-of-batch", "decides about scope by the first message of a batch, and runs them all")
	ScopeExactMember = declare("scope-exact-member", "decides about scope by members spelled exactly, and runs members spelled in any case")
)

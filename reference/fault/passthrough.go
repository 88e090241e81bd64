package fault

// Faults in how the resource server deals with its upstream API.
var (
	CallerTokenForwarded  = declare("caller-token-forwarded", "sends the caller's token upstream")
	CallerTokenInQuery    = declare("caller-token-in-query", "sends an exchanged token upstream, and the caller's in the query string")
	CallerTokenEncoded    = declare("caller-token-encoded", "sends an exchanged token upstream, and the caller's encoded in a header")
	CallerTokenInAnswer   = declare("caller-token-in-answer", "shows the caller's token in the answer of the tool that calls upstream", "rs-token-not-in-results")
	ServiceKeyUpstream    = declare("service-key-upstream", "calls upstream with one key of its own for every user")
	UpstreamTokenAccepted = declare("upstream-token-accepted", "accepts tokens issued for its upstream API")
	UpstreamTokenLeaked   = declare("upstream-token-leaked", "shows the exchanged token in the result of a tool")
	CallerTokenShown      = declare("caller-token-shown", "shows the caller's token in the result of a tool")
)

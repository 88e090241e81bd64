package fault

// Faults of the flow itself.
var (
	TokenEndpointFails = declare("token-endpoint-fails", "answers every authorization code grant with a server error", "as-assertion-accepted", "as-dpop-token-bound", "as-par-response")
)

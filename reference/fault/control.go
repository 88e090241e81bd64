package fault

// Faults that make the controls fail. No check claims them: they show that a
// refusal counts only beside a request that succeeds.
var (
	RefuseEverything = declare("refuse-everything", "answers 401 to every call and 400 to every token request",
		"as-code-flow", "rs-401-invalid-token-error", "as-assertion-accepted", "as-cc-token", "as-dpop-token-bound", "as-par-response", "as-wif-accepted")
)

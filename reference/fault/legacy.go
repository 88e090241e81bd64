package fault

// Faults of flows that ought to be gone, and of clients that were not registered
// for the one they use.
var (
	LegacyImplicit   = declare("legacy-implicit", "advertises the implicit grant and serves it", "as-front-channel-no-tokens")
	LegacyPassword   = declare("legacy-password", "advertises the password grant and serves it", "as-password-grant-refused", "as-dcr-privileged-grants")
	CodeForAnyGrant  = declare("code-for-any-grant", "gives codes to clients that are not registered for the code flow, and redeems them")
	ResourceCaseKept = declare("resource-case-kept", "puts the resource into aud as the client spelt it, and compares it exactly")
)

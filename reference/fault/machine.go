package fault

// Faults of client credentials.
var (
	MachineRefused            = declare("machine-refused", "offers client credentials and refuses every client")
	MachineRefreshes          = declare("machine-refreshes", "gives refresh tokens for client credentials")
	MachinePublic             = declare("machine-public", "gives public clients tokens of their own", "as-dcr-privileged-grants", "as-grant-type-registered")
	MachineAnyAudience        = declare("machine-any-audience", "does not look at the resource that client credentials are for", "as-registration-paths-agree")
	MachineAsUser             = declare("machine-as-user", "gives clients tokens that name a user as their subject")
	MachineSignatureUnchecked = declare("machine-signature-unchecked", "does not verify the signature of tokens without a user")
	MachineAudienceUnchecked  = declare("machine-audience-unchecked", "takes tokens without a user for any audience")
	MachineScopeUnchecked     = declare("machine-scope-unchecked", "lets tokens without a user do everything")
	MachineSeesAll            = declare("machine-sees-all", "shows a token without a user what belongs to every user")
	MachineExtensionHidden    = declare("machine-extension-hidden", "takes tokens of clients and does not say so in server/discover")
)

package fault

// Faults of what errors and cross-origin answers tell.
var (
	ErrorInternals     = declare("error-internals", "adds a stack trace to its errors")
	OracleAccount      = declare("oracle-account", "says whether it was the name or the password that is wrong")
	OracleCode         = declare("oracle-code", "says that a code is another client's")
	OracleRefresh      = declare("oracle-refresh", "says that a refresh token is another client's")
	SharedCredentials  = declare("shared-credentials", "lets scripts of every origin call its endpoints with the user's cookies")
	LoginUnlimited     = declare("login-unlimited", "lets anybody try any number of passwords")
	DeviceUnlimited    = declare("device-unlimited", "lets anybody try any number of user codes")
	DevicePendingError = declare("device-pending-error", "answers a device that polls too early with another error than authorization_pending")
	DeviceNoSlowDown   = declare("device-no-slow-down", "answers a device that polls without a pause like any other")
	DeviceDenialHidden = declare("device-denial-hidden", "does not tell a device that the user refused")
	DeviceAnyClient    = declare("device-any-client", "gives tokens for a device code to another client")
	DeviceReusable     = declare("device-reusable", "gives tokens for a device code twice")
	DeviceEternal      = declare("device-eternal", "gives tokens for a device code that has expired")
	DeviceAutomatic    = declare("device-automatic", "approves a device when its verification URL is opened")
	DeviceHidesCode    = declare("device-hides-code", "does not show which device the user is about to approve")
	DeviceHidesClient  = declare("device-hides-client", "does not show which client the user is about to approve")
)

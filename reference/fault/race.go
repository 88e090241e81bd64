package fault

// Faults of things that can be used once: they hold when one request comes after
// the other, and not when two come at once.
var (
	CodeRaces       = declare("code-races", "looks at a code and marks it as used in two steps, so that two requests at once both get tokens")
	RefreshRaces    = declare("refresh-races", "looks at a refresh token and replaces it in two steps, so that two requests at once each get a grant of their own")
	RefreshRaceEnds = declare("refresh-race-ends", "ends the grant of a client that refreshes twice at once")
	RevocationRaces = declare("revocation-races", "goes on with a refresh that began before the revocation, on a copy of the grant")
	ConsentRaces    = declare("consent-races", "gives a code for each of two submissions of one consent form at once")
	ParRaces        = declare("par-races", "looks at a pushed request and marks it as used in two steps, so that two browsers at once are both let on")
	DeviceRaces     = declare("device-races", "looks at a device code and marks it as used in two steps, so that two polls at once both get tokens")
	AssertionRaces  = declare("assertion-races", "looks for a client assertion among those it has seen and notes it in two steps")
)

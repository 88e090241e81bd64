package fault

// Faults of what the authorization server fetches because somebody named it:
// server-side request forgery.
var (
	FetchAnyAddress      = later("fetch-any-address", "fetches client ID metadata documents from any address")
	FetchAddressText     = later("fetch-address-text", "refuses internal addresses by how they are spelt")
	FetchResolvedTwice   = later("fetch-resolved-twice", "resolves a name once to check the address and once more to connect")
	FetchRedirects       = declare("fetch-redirects", "follows redirects to a client ID metadata document")
	FetchRedirectsAny    = later("fetch-redirects-any", "follows redirects of a client ID metadata document to any address", "as-cimd-no-redirects")
	FetchKeySetAny       = later("fetch-key-set-any", "fetches the key set that a document names from any address")
	FetchDescription     = later("fetch-description", "fetches every URL that a document names, from any address")
	FetchRegistration    = later("fetch-registration", "fetches the pages that a registration names")
	FetchRegistrationAny = later("fetch-registration-any", "fetches the pages that a registration names, from any address")
	FetchRequestURI      = later("fetch-request-uri", "fetches any request_uri")
	FetchUnverified      = later("fetch-unverified", "fetches over TLS without verifying the certificate")
	FetchCredentials     = later("fetch-credentials", "sends a credential of its own with what it fetches")
	FetchErrorEchoed     = later("fetch-error-echoed", "shows what it was answered when a document cannot be read")
	FetchErrorDetailed   = later("fetch-error-detailed", "says why a document could not be fetched")
)

// later makes a fault that no check claims yet.
func later(id, doc string, _ ...string) Fault { return Fault{ID: id, Doc: doc} }

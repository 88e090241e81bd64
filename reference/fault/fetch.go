package fault

// Faults of what the authorization server fetches because somebody named it:
// server-side request forgery.
var (
	FetchAnyAddress     = declare("fetch-any-address", "fetches client ID metadata documents from any address")
	FetchAddressText    = declare("fetch-address-text", "refuses internal addresses by how they are spelt")
	FetchResolvedTwice  = declare("fetch-resolved-twice", "checks the addresses of a name, and resolves it once more to connect")
	FetchRedirects      = declare("fetch-redirects", "follows redirects to a client ID metadata document")
	FetchRedirectsAny   = declare("fetch-redirects-any", "follows redirects of a client ID metadata document to any address", "as-cimd-no-redirects")
	FetchKeySetAny      = declare("fetch-key-set-any", "fetches the key set that a document names from any address")
	FetchDescription    = declare("fetch-description", "fetches every URL that a document names, from any address", "as-ssrf-dns-rebinding")
	FetchRegistration   = declare("fetch-registration", "fetches the pages that a registration names, from any address", "as-ssrf-document-urls")
	FetchRegisteredKeys = declare("fetch-registered-keys", "fetches the key set that a registration names from any address")
	FetchRequestURI     = declare("fetch-request-uri", "fetches any request_uri")
	FetchUnverified     = declare("fetch-unverified", "fetches over TLS without verifying the certificate")
	FetchCredentials    = declare("fetch-credentials", "sends a credential of its own with what it fetches")
	FetchErrorEchoed    = declare("fetch-error-echoed", "shows what it was answered when a document cannot be read")
	FetchErrorDetailed  = declare("fetch-error-detailed", "says why a document could not be fetched")
)

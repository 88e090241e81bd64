package fault

// Faults of comparing redirect URIs at the authorization endpoint.
var (
	RedirectAny         = declare("redirect-any", "sends codes to any redirect URI", "as-cimd-redirect-uris")
	RedirectOtherClient = declare("redirect-other-client", "accepts redirect URIs that another client has registered", "as-cimd-freshness")

	RedirectScheme        = declare("redirect-scheme", "ignores the scheme of redirect URIs", "as-cimd-redirect-uris")
	RedirectSchemeCase    = declare("redirect-scheme-case", "ignores the case of the scheme")
	RedirectHostCase      = declare("redirect-host-case", "ignores the case of the host")
	RedirectHostDot       = declare("redirect-host-dot", "ignores a dot at the end of the host")
	RedirectDefaultPort   = declare("redirect-default-port", "takes an explicit default port for none")
	RedirectHostBeginning = declare("redirect-host-beginning", "accepts hosts that begin with the registered host",
		"as-redirect-homograph", "as-redirect-host-spelling", "as-redirect-parser-confusion")
	RedirectHostEnd   = declare("redirect-host-end", "accepts hosts that end with the registered host")
	RedirectSubdomain = declare("redirect-subdomain", "accepts subdomains of the registered host")
	RedirectSibling   = declare("redirect-sibling", "accepts hosts of the same parent domain, and the parent",
		"as-redirect-homograph", "as-redirect-host-spelling")
	RedirectContains = declare("redirect-contains", "accepts URIs that contain the registered host and path anywhere",
		"as-redirect-fragment", "as-redirect-parser-confusion", "as-redirect-path", "as-redirect-query", "as-redirect-scheme", "as-redirect-traversal", "as-redirect-userinfo", "as-cimd-redirect-uris")
	RedirectUserinfo     = declare("redirect-userinfo", "ignores user information before the host")
	RedirectUserinfoHost = declare("redirect-userinfo-host", "takes what stands before an @ for the host")
	RedirectPort         = declare("redirect-port", "ignores the port of every host",
		"as-redirect-host-spelling")
	RedirectHomograph = declare("redirect-homograph", "takes look-alike characters for the ones they look like")

	RedirectPath = declare("redirect-path", "ignores the path of redirect URIs",
		"as-redirect-fragment", "as-redirect-homograph", "as-redirect-parser-confusion", "as-redirect-percent-encoding", "as-redirect-traversal", "as-cimd-redirect-uris")
	RedirectPathCase      = declare("redirect-path-case", "ignores the case of the path")
	RedirectTrailingSlash = declare("redirect-trailing-slash", "ignores a slash at the end of the path")
	RedirectPrefix        = declare("redirect-prefix", "accepts URIs that begin with the registered one",
		"as-redirect-fragment", "as-redirect-parser-confusion", "as-redirect-query", "as-redirect-traversal", "as-cimd-redirect-uris")
	RedirectParent      = declare("redirect-parent", "accepts the folders above the registered path")
	RedirectMatrix      = declare("redirect-matrix", "ignores path parameters after a semicolon")
	RedirectSlashes     = declare("redirect-slashes", "takes several slashes for one")
	RedirectDotSegments = declare("redirect-dot-segments", "resolves dot segments before it compares")
	RedirectTraversal   = declare("redirect-traversal", "accepts dot segments below the registered path, in any encoding")
	RedirectDecoded     = declare("redirect-decoded", "compares percent-decoded URIs",
		"as-redirect-query")
	RedirectQuery          = declare("redirect-query", "ignores the query of redirect URIs", "as-cimd-redirect-uris")
	RedirectQueryAdded     = declare("redirect-query-added", "accepts parameters added to the registered query", "as-cimd-redirect-uris")
	RedirectQueryDropped   = declare("redirect-query-dropped", "drops the registered query from its answer")
	RedirectFragment       = declare("redirect-fragment", "ignores the fragment of redirect URIs")
	RedirectBackslash      = declare("redirect-backslash", "reads a backslash other than browsers do")
	RedirectControl        = declare("redirect-control", "strips control characters before it compares")
	RedirectTrimmed        = declare("redirect-trimmed", "trims white space around redirect URIs")
	RedirectNull           = declare("redirect-null", "ends the redirect URI at a NUL, plain or encoded")
	RedirectList           = declare("redirect-list", "compares only the first of a list of redirect URIs")
	RedirectRelative       = declare("redirect-relative", "compares the path alone where scheme or host seem to be missing")
	RedirectHostDelimiter  = declare("redirect-host-delimiter", "ends the host at a semicolon or bracket")
	RedirectHeaderSplit    = declare("redirect-header-split", "writes line breaks of the state into the response header")
	RedirectDuplicateLast  = declare("redirect-duplicate-last", "checks the first redirect_uri and uses the last")
	RedirectDuplicateFirst = declare("redirect-duplicate-first", "checks the last redirect_uri and uses the first")
	RedirectMissing        = declare("redirect-missing", "chooses one of several registered redirect URIs when none is named")
	RedirectWildcard       = declare("redirect-wildcard", "registers redirect URIs with an asterisk and takes them for patterns")
	RedirectRegexp         = declare("redirect-regexp", "takes registered redirect URIs for regular expressions",
		"as-redirect-homograph")

	LoopbackPortFixed = declare("loopback-port-fixed", "does not let the port of loopback redirect URIs vary",
		"as-redirect-localhost-port", "as-cimd-redirect-uris")
	LoopbackPortRegistered = declare("loopback-port-registered", "lets the port of loopback redirect URIs vary only if none was registered",
		"as-redirect-localhost-port", "as-cimd-redirect-uris")
	LoopbackIPv6Fixed = declare("loopback-ipv6-fixed", "lets the port of loopback redirect URIs vary for IPv4 only")
	LoopbackNameFixed = declare("loopback-name-fixed", "does not let the port vary for the name localhost")
	LoopbackPath      = declare("loopback-path", "ignores the path of loopback redirect URIs")
	LoopbackQuery     = declare("loopback-query", "ignores the query of loopback redirect URIs")
	LoopbackScheme    = declare("loopback-scheme", "takes https for http on loopback")
	LoopbackHosts     = declare("loopback-hosts", "takes 127.0.0.1, [::1] and localhost for one host")
	LoopbackNumbers   = declare("loopback-numbers", "takes any number of a loopback or unspecified address for 127.0.0.1")
	LoopbackBeginning = declare("loopback-beginning", "takes anything that begins like a loopback URI for one")

	PrivateSchemeBeginning = declare("private-scheme-beginning", "accepts schemes that share their beginning with a registered private-use scheme")
	PrivateSchemeCase      = declare("private-scheme-case", "ignores the case of private-use schemes")
	PrivateSchemePath      = declare("private-scheme-path", "compares only the scheme of private-use URIs")

	TokenRedirectUnchecked  = declare("token-redirect-unchecked", "does not compare the redirect_uri of the token request")
	TokenRedirectRegistered = declare("token-redirect-registered", "accepts any registered redirect_uri in the token request")
	TokenRedirectPort       = declare("token-redirect-port", "ignores the loopback port of redirect_uri in the token request")
	TokenRedirectSlash      = declare("token-redirect-slash", "ignores a slash at the end of redirect_uri in the token request")
	TokenRedirectRequired   = declare("token-redirect-required", "demands redirect_uri in the token request")

	ErrorToUnregistered = declare("error-to-unregistered", "sends errors to redirect URIs that nobody registered", "as-cimd-redirect-uris")
	ErrorToUnknown      = declare("error-to-unknown", "redirects for clients that it does not know")
	ErrorBeforeLogin    = declare("error-before-login", "redirects with an error before the user has signed in")
	RedirectKeepsMethod = declare("redirect-keeps-method", "redirects to the client with status 307")

	ErrorBeforeRedirectCheck = declare("error-before-redirect-check", "sends other errors to the redirect URI before it has looked at that")
	DenialUnchecked          = declare("denial-unchecked", "checks the redirect URI only when a code is due, and sends refusals anywhere")
	NobodyAsked              = declare("nobody-asked", "sends codes without asking the user for anything", "as-agent-consented")
)

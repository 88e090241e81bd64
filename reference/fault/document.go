package fault

// Faults of Client ID Metadata Documents.
var (
	DocumentsUnsupported  = declare("documents-unsupported", "knows nothing of client ID metadata documents")
	DocumentsUnadvertised = declare("documents-unadvertised", "takes client ID metadata documents without saying so", "as-cimd-supported")
	DocumentsFlagText     = declare("documents-flag-text", "announces client ID metadata documents with a string")
	DocumentsUnread       = declare("documents-unread", "announces client ID metadata documents and does not read them")

	DocumentURLCleartext = declare("document-url-cleartext", "takes client ids that are http URLs")
	DocumentURLPathless  = declare("document-url-pathless", "takes client ids that are URLs without a path")
	DocumentURLFragment  = declare("document-url-fragment", "takes client ids that are URLs with a fragment")
	DocumentURLUserinfo  = declare("document-url-userinfo", "takes client ids that are URLs with user information")
	DocumentURLDots      = declare("document-url-dots", "takes client ids that are URLs with dot segments")
	DocumentURLEncoded   = declare("document-url-encoded", "takes client ids that are URLs with encoded dot segments or a backslash")

	DocumentIDUnchecked  = declare("document-id-unchecked", "does not look at the client_id in a client ID metadata document")
	DocumentIDOptional   = declare("document-id-optional", "does without the client_id in a client ID metadata document")
	DocumentIDNormalised = declare("document-id-normalised", "compares the client_id in a document with its URL after normalising both")
	DocumentIDsJoined    = declare("document-ids-joined", "takes two spellings of a client ID URL for one client")
	RegisterURLIDs       = declare("register-url-ids", "gives registered clients ids that are https URLs")

	DocumentStatusIgnored   = declare("document-status-ignored", "reads client ID metadata documents from error responses")
	DocumentTypeIgnored     = declare("document-type-ignored", "reads client ID metadata documents of any media type")
	DocumentSyntaxLoose     = declare("document-syntax-loose", "reads what it can of a client ID metadata document that is no JSON object")
	DocumentUnredirected    = declare("document-unredirected", "answers anywhere if a client ID metadata document lists no redirect URIs")
	DocumentNameless        = declare("document-nameless", "takes client ID metadata documents without a client_name")
	DocumentSecret          = declare("document-secret", "authenticates clients by the secret that their public document holds")
	DocumentKeyOptional     = declare("document-key-optional", "gives tokens to the client of a document with keys although it proves nothing")
	DocumentKeyAny          = declare("document-key-any", "takes client assertions signed with any key from the clients of documents")
	DocumentKeyRefreshOnly  = declare("document-key-refresh", "refreshes the tokens of clients with keys without an assertion")
	DocumentRedirectAny     = declare("document-redirect-any", "answers the clients of documents at redirect URIs that the document does not list")
	DocumentPortFixed       = declare("document-port-fixed", "fixes the port of loopback redirect URIs in client ID metadata documents")
	DocumentFailureAnswered = declare("document-failure-answered", "sends the error to the redirect URI of the request when a document cannot be read")
	DocumentFailureIgnored  = declare("document-failure-ignored", "goes on with the redirect URI of the request when a document cannot be read",
		"as-cimd-id-match", "as-cimd-members-required", "as-cimd-no-redirects", "as-cimd-only-json", "as-cimd-size-limit", "as-cimd-url-rules")
	DocumentUnbounded = declare("document-unbounded", "reads client ID metadata documents of any size")
	DocumentUntimed   = declare("document-untimed", "waits for client ID metadata documents without end")

	DocumentUncached      = declare("document-uncached", "keeps no client ID metadata document although its server allows it")
	DocumentCachedForever = declare("document-cached-forever", "never reads a client ID metadata document again")
	DocumentErrorsCached  = declare("document-errors-cached", "remembers that a client ID metadata document could not be read")
	DocumentReread        = declare("document-reread", "shows users another reading of a client ID metadata document than it acts on", "as-cimd-cache-headers")
	DocumentConsentKept   = declare("document-consent-kept", "asks a user once for each client ID URL, whatever its document says later", "as-registration-paths-agree")

	ConsentHidesDocument  = declare("consent-hides-document", "tells users only the name that a document claims")
	ConsentLocalhostQuiet = declare("consent-localhost-quiet", "does not warn users of applications that anything on their computer can imitate")
	ConsentLogoLinked     = declare("consent-logo-linked", "shows logos from the client's own server")
)

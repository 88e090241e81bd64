package fault

// Faults in the transport: Origin, Host, protocol version and mirrored headers.
var (
	OriginIgnored       = declare("origin-ignored", "does not look at Origin")
	OriginNullAllowed   = declare("origin-null-allowed", "allows the Origin null")
	OriginPrefixMatch   = declare("origin-prefix-match", "allows an Origin that begins with its own")
	OriginOtherStatus   = declare("origin-other-status", "answers 400 instead of 403 to a foreign Origin")
	OriginRequired      = declare("origin-required", "refuses requests without Origin", "rs-401-without-token", "rs-accepts-bearer-header")
	OriginReflected     = declare("origin-reflected", "allows every Origin to read its answers, with credentials", "rs-origin-validated")
	HostIgnored         = declare("host-ignored", "does not look at Host")
	VersionIgnored      = declare("version-ignored", "serves protocol versions it has never heard of")
	MirrorIgnored       = declare("mirror-ignored", "does not compare Mcp-Method and Mcp-Name with the body")
	MetaOptional        = declare("meta-optional", "fills in the request metadata that a modern request lacks")
	UnknownMethodStatus = declare("unknown-method-status", "answers 200 to a method it does not have")
	DiscoverMissing     = declare("discover-missing", "does not implement server/discover")
	ModernSession       = declare("modern-session", "issues session ids to modern requests")

	// Only of a server that does not speak the older revisions.
	ModernGetServed       = declare("modern-get-served", "answers GET with a stream although it speaks only revision 2026-07-28")
	InitializeUnexplained = declare("initialize-unexplained", "refuses initialize without saying which versions it speaks")
)

package fault

// Faults of the pages that users see, and of their sessions.
var (
	PagesFramed          = declare("pages-framed", "lets other sites show its pages in a frame, which need no cookie", "as-login-csrf", "as-transaction-browser-bound")
	PagesFramedPlain     = declare("pages-framed-plain", "lets other sites show its pages in a frame, where they miss their cookies")
	PagesCrossOrigin     = declare("pages-cross-origin", "lets scripts of other origins read its login page")
	PagesCacheable       = declare("pages-cacheable", "lets its login and consent pages be stored")
	CodeCacheable        = declare("code-cacheable", "lets the redirect that carries a code be stored")
	PagesReferrer        = declare("pages-referrer", "sends the URLs of its pages to other sites")
	PagesThirdParty      = declare("pages-third-party", "loads a style sheet from another site into its pages")
	PagesReturn          = declare("pages-return", "forwards from its login page to wherever a parameter says")
	PagesScriptName      = declare("pages-script-name", "puts client names into its pages as they are", "as-consent-client-name")
	PagesScriptLink      = declare("pages-script-link", "links to whatever URL a client describes itself with")
	PagesScriptParameter = declare("pages-script-parameter", "puts request parameters into its error page as they are")

	LoginForged         = declare("login-forged", "takes a login that a page of another site sends")
	SessionFixed        = declare("session-fixed", "keeps the session identifier of before the login")
	CookieScriptable    = declare("cookie-scriptable", "lets scripts read its session cookie")
	CookieEverySite     = declare("cookie-every-site", "does not say SameSite of its session cookie")
	TransactionAnywhere = declare("transaction-anywhere", "lets a transaction go on in another browser", "as-login-csrf", "as-consent-csrf")

	PromptNoneShows    = declare("prompt-none-shows", "shows a login page to a request with prompt=none")
	PromptNoneGrants   = declare("prompt-none-grants", "approves requests with prompt=none by itself")
	PromptLoginIgnored = declare("prompt-login-ignored", "does not ask for a login again when the client wants one")
	MaxAgeIgnored      = declare("max-age-ignored", "does not look at how old a login may be")
	AuthTimeMissing    = declare("auth-time-missing", "does not say when the user signed in")
)

package fault

// Faults of an authorization server that is a proxy of an identity provider: it
// has the variant proxy besides.
var (
	ProxyConsentSkipped      = declare("proxy-consent-skipped", "goes to the identity provider without asking the user about the client")
	ProxyConsentLate         = declare("proxy-consent-late", "asks about the client only when the user is back from the identity provider")
	ProxyConsentPerUser      = declare("proxy-consent-per-user", "takes a user's approval of one client for that of every client")
	ProxyConsentForAll       = declare("proxy-consent-for-all", "takes one user's approval of a client for that of every user")
	ProxyConsentHidesScopes  = declare("proxy-consent-hides-scopes", "does not say which scopes it will ask the identity provider for")
	ProxyConsentHidesAddress = declare("proxy-consent-hides-address", "does not show the redirect URI when it asks about a client")
	ProxyConsentCookie       = declare("proxy-consent-cookie", "remembers approvals in a cookie that anybody can write")
	ProxyCookiePlain         = declare("proxy-cookie-plain", "sets the cookie that approvals depend on without prefix and attributes")
	ProxyStateCounter        = declare("proxy-state-counter", "numbers the states that it sends to the identity provider")
	ProxyStateFromClient     = declare("proxy-state-from-client", "sends the client's state to the identity provider as its own")
	ProxyStateReadable       = declare("proxy-state-readable", "keeps the client's redirect URI in the state, and believes it")
	ProxyStateBeforeConsent  = declare("proxy-state-before-consent", "sets the state cookie before the user has approved")
	ProxyStateIgnored        = declare("proxy-state-ignored", "looks at its cookie only when the user is back, not at the state")
	ProxyStateUnbound        = declare("proxy-state-unbound", "takes any browser back that brings a state of its own")
	ProxyStateReusable       = declare("proxy-state-reusable", "takes a browser back as often as it comes")
	ProxyNoPKCE              = declare("proxy-no-pkce", "sends neither a code challenge nor a nonce to the identity provider")
	ProxyChallengeReused     = declare("proxy-challenge-reused", "sends the same code challenge to the identity provider every time")
	ProxyStatusUnchecked     = declare("proxy-status-unchecked", "goes on when the identity provider has ended what it gave")
	ProxyExpiryIgnored       = declare("proxy-expiry-ignored", "goes on when what the identity provider gave has run out")
)

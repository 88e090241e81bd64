package fault

// Faults of asking for consent and remembering it.
var (
	ConsentNewSilent     = declare("consent-new-silent", "asks nothing for a client that is new, once the user is signed in", "as-cimd-change-consent")
	ConsentRemembered    = declare("consent-remembered", "remembers the approval of clients that anybody can claim to be")
	ConsentForged        = declare("consent-forged", "takes an approval that a page of another site sends", "as-session-cookie-attributes", "as-transactions-apart")
	ConsentAnySession    = declare("consent-any-session", "takes an approval that was made out for another browser", "as-session-cookie-attributes")
	ConsentFormScope     = declare("consent-form-scope", "grants the scopes that the consent form posts back")
	ConsentFormRedirect  = declare("consent-form-redirect", "answers at the redirect URI that the consent form posts back")
	ConsentDenialIgnored = declare("consent-denial-ignored", "issues a code to a client that the user refused")
	ConsentDenialOpen    = declare("consent-denial-open", "lets a refused request be approved after all")
	ConsentDenialSilent  = declare("consent-denial-silent", "answers a refusal with another error than access_denied")
	ConsentHidesClient   = declare("consent-hides-client", "does not say on its consent page which client asks", "as-device-confirmation")
	ConsentHidesTarget   = declare("consent-hides-target", "does not say on its consent page where the answer goes")
	ConsentHidesResource = declare("consent-hides-resource", "does not say on its consent page what resource the access is for")
	ConsentHidesUser     = declare("consent-hides-user", "does not say on its consent page who is signed in")
	ConsentNameRaw       = declare("consent-name-raw", "shows client names with characters that turn the direction of writing")
	ConsentNameEndless   = declare("consent-name-endless", "shows client names of any length")
	ConsentScopeBlind    = declare("consent-scope-blind", "remembers an approval for whatever scopes are asked for")
	ConsentResourceBlind = declare("consent-resource-blind", "remembers an approval for whatever resource is asked for")
	ConsentRedirectBlind = declare("consent-redirect-blind", "remembers an approval for whatever redirect URI is asked for")
	ConsentCookiePlain   = declare("consent-cookie-plain", "remembers approvals in a cookie that anybody can write", "as-cimd-change-consent", "as-consent-again", "as-consent-silent-code")
	ConsentCookieAnyUser = declare("consent-cookie-any-user", "remembers approvals in a cookie that is good for every user", "as-cimd-change-consent", "as-consent-again", "as-consent-silent-code")
)

// Faults of keeping authorization requests apart.
var (
	TransactionPerBrowser  = declare("transaction-per-browser", "keeps one authorization request for each browser, the latest")
	TransactionScopeLatest = declare("transaction-scope-latest", "grants the scopes of the browser's latest authorization request, whichever the user approves")
)

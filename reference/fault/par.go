package fault

// Faults of pushed authorization requests.
var (
	ParGuessable          = declare("par-guessable", "numbers its request URIs")
	ParCacheable          = declare("par-cacheable", "lets the answer to a pushed request be stored")
	ParExpiryMissing      = declare("par-expiry-missing", "does not say when a request URI expires")
	ParByGet              = declare("par-by-get", "takes pushed requests from the URL of a GET request")
	ParErrorPage          = declare("par-error-page", "refuses pushed requests with a web page")
	ParUnauthenticated    = declare("par-unauthenticated", "takes pushed requests of confidential clients without their proof")
	ParRedirectUnchecked  = declare("par-redirect-unchecked", "sends codes to any redirect URI that was pushed")
	ParChallengeUnchecked = declare("par-challenge-unchecked", "does not require a code challenge in pushed requests")
	ParDuplicates         = declare("par-duplicates", "takes the last of repeated parameters in a pushed request")
	ParNested             = declare("par-nested", "follows a request URI that stands in a pushed request")
	ParReusable           = declare("par-reusable", "lets a request URI be used again")
	ParEternal            = declare("par-eternal", "accepts request URIs that have expired")
	ParAnyClient          = declare("par-any-client", "lets any client use a request URI")
	ParFrontChannelWins   = declare("par-front-channel-wins", "lets parameters beside the request URI replace pushed ones")
	ParNotEnforced        = declare("par-not-enforced", "answers plain requests although it says that all have to be pushed")
)

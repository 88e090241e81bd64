package fault

// Faults of resource indicators and of the audience of what is issued.
var (
	ResourceRefused     = declare("resource-refused", "refuses every request that names a resource", "as-cc-token", "as-cimd-usable", "as-par-response", "as-wif-accepted")
	ResourceIgnored     = declare("resource-ignored", "issues every token for the same resource, whatever is asked for", "as-resource-unknown")
	ResourceAtTokenOnly = declare("resource-at-token-only", "forgets the resource of the authorization request, and issues tokens for everything unless the token request names one",
		"as-resource-token-cannot-widen", "as-resource-default-restricted", "as-refresh-resource-cannot-widen")
	ResourceUnknown        = declare("resource-unknown", "issues tokens for resources that it does not know", "as-idjag-no-gain")
	ResourceUnknownIgnored = declare("resource-unknown-ignored", "issues tokens for its default resource if it does not know the one asked for")
	ResourceBeginning      = declare("resource-beginning", "issues tokens for whatever begins like a known resource")
	ResourceFragment       = declare("resource-fragment", "ignores the fragment of a resource")
	ResourceScheme         = declare("resource-scheme", "ignores the scheme of a resource")
	ResourceUserinfo       = declare("resource-userinfo", "reads the user information of a resource as its host")
	ResourceCrash          = declare("resource-crash", "answers 500 to a resource that is not a URL")

	TokenResourceWidens   = declare("token-resource-widens", "lets the token request name any known resource", "as-refresh-resource-cannot-widen")
	TokenResourceConjured = declare("token-resource-conjured", "lets the token request name any resource if none was authorized")
	TokenResourceBoth     = declare("token-resource-both", "issues a token for two resources at once", "as-refresh-resource-cannot-widen")
	RefreshResourceWidens = declare("refresh-resource-widens", "lets a refresh name any known resource")
	RefreshResourceBoth   = declare("refresh-resource-both", "adds a resource named in a refresh to the audience")
	RefreshResourceLost   = declare("refresh-resource-lost", "issues refreshed tokens for the client instead of the resource")

	ResourceSlash = declare("resource-slash", "issues tokens for a resource with a slash at its end, spelt so, which its resource server does not take")

	DefaultEverything  = declare("default-everything", "issues tokens for every resource if none is named")
	AudienceClient     = declare("audience-client", "issues access tokens whose audience is the client", "as-idjag-no-gain", "as-registration-paths-agree")
	AudienceIssuer     = declare("audience-issuer", "issues access tokens whose audience is the issuer", "as-idjag-no-gain")
	AudienceOrigin     = declare("audience-origin", "issues access tokens for the whole origin of the resource", "as-idjag-no-gain")
	AudienceEverything = declare("audience-everything", "issues access tokens for all resources at once", "as-resource-default-restricted", "as-idjag-no-gain")
	AudienceMissing    = declare("audience-missing", "issues access tokens without an audience", "as-resource-default-restricted", "as-idjag-no-gain", "as-token-profile")
)

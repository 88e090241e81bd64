package fault

// Faults of revocation and introspection.
var (
	RevokeNothing    = declare("revoke-nothing", "answers 200 to revocation and revokes nothing", "as-race-revocation")
	RevokeKeepsGrant = declare("revoke-keeps-grant", "revokes a refresh token but not what else was issued from its grant", "as-race-revocation")
	RevokeForeign    = declare("revoke-foreign", "lets one client revoke the tokens of another")
	RevokeAnonymous  = declare("revoke-anonymous", "lets anybody revoke a token")
	RevokeUnknown    = declare("revoke-unknown", "answers 400 when it is to revoke a token it does not know")
	RevokeHint       = declare("revoke-hint", "looks for a token only among those that token_type_hint names")
	RevokeByGet      = declare("revoke-by-get", "revokes tokens named in the query of a GET")

	IntrospectAnonymous = declare("introspect-anonymous", "tells anybody about a token")
	IntrospectPublic    = declare("introspect-public", "tells public clients about their tokens")
	IntrospectForeign   = declare("introspect-foreign", "tells self-registered clients about the tokens of others")
)

package fault

// Faults of request objects.
var (
	RequestObjectUnsigned  = declare("request-object-unsigned", "takes request objects with the algorithm none")
	RequestObjectAnyKey    = declare("request-object-any-key", "does not verify the signature of request objects")
	RequestObjectHMAC      = declare("request-object-hmac", "takes request objects that are signed with the client's id as a secret")
	RequestObjectAssertion = declare("request-object-assertion", "takes a client's assertion for a request object")
	RequestObjectClient    = declare("request-object-client", "does not look at the client_id in request objects")
	RequestObjectAudience  = declare("request-object-audience", "takes request objects that are for another server")
	RequestObjectEternal   = declare("request-object-eternal", "takes request objects that have expired")
	RequestObjectReplaced  = declare("request-object-replaced", "lets parameters of the URL replace those of the request object")
	RequestObjectFilled    = declare("request-object-filled", "takes from the URL what the request object leaves out")
)

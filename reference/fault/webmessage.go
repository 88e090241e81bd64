package fault

// Faults of answering by postMessage. They show on deployments that do.
var (
	WebMessageAnyOrigin      = declare("web-message-any-origin", "posts codes to whatever page has opened the request, of any origin")
	WebMessageOriginAsked    = declare("web-message-origin-asked", "posts codes to an origin that the request names")
	WebMessageOriginReferrer = declare("web-message-origin-referrer", "posts codes to the origin of the page that led to the request")
	WebMessageFramed         = declare("web-message-framed", "posts codes to whatever page shows the request in a frame")
)

package fault

// Faults in how https is spoken. They show only where it is.
var (
	TLSOld              = declare("tls-old", "takes TLS 1.0 and 1.1")
	TLSWeakCiphers      = declare("tls-weak-ciphers", "takes cipher suites that are broken")
	TLSExpired          = declare("tls-expired", "serves its authorization server under a certificate that has expired")
	TLSOtherName        = declare("tls-other-name", "serves its authorization server under a certificate for another name")
	TLSUnknownAuthority = declare("tls-unknown-authority", "serves its authorization server under a certificate of an authority that nobody knows")
	HSTSMissing         = declare("hsts-missing", "does not tell browsers to come by https only")
	HSTSEnded           = declare("hsts-ended", "tells browsers to forget that they should come by https only")

	CleartextAdvertised = declare("cleartext-advertised", "advertises an http URL in its protected resource metadata")
)

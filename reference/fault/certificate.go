package fault

// Faults of client certificates (RFC 8705).
var (
	CertificateUnchecked     = declare("certificate-unchecked", "takes certificate-bound tokens over any connection")
	CertificateAny           = declare("certificate-any", "takes certificate-bound tokens over connections with any certificate")
	CertificateHeaderTrusted = declare("certificate-header-trusted", "takes the client's certificate from a header that anybody can send")
)

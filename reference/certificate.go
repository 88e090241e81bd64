package reference

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// authCertificate authenticates a client by the certificate that it registered and
// presents on the connection (RFC 8705, section 2.2).
const authCertificate = "self_signed_tls_client_auth"

// provenCertificate holds, among the parameters of a token request, the thumbprint
// of the certificate that its tokens are to be bound to, as provenKey does of a key.
const provenCertificate = "x5t#S256"

// certificateOf is the certificate that came with the connection; nil if none did.
// Whatever headers say of one, anybody can say.
func certificateOf(r *http.Request, faults fault.Set) *x509.Certificate {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return r.TLS.PeerCertificates[0]
	}
	if faults.Has(fault.CertificateHeaderTrusted) {
		return forwardedCertificate(r)
	}
	return nil
}

// forwardedCertificate reads a certificate as proxies forward it.
func forwardedCertificate(r *http.Request) *x509.Certificate {
	text, err := url.QueryUnescape(r.Header.Get("X-SSL-Client-Cert"))
	if err != nil {
		return nil
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return certificate
}

// certificateThumbprint is the x5t#S256 of a certificate (RFC 8705, section 3.1).
func certificateThumbprint(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// takesCertificates tells whether connections can carry client certificates.
func (s *AuthServer) takesCertificates() bool { return s.variants.Has(variant.TLS) }

// certificateHolds tells whether the connection presents a certificate that the
// client has registered.
func (s *AuthServer) certificateHolds(r *http.Request, client *Client) bool {
	presented := certificateOf(r, s.faults)
	var set struct {
		Keys []struct {
			Chain []string `json:"x5c"`
		} `json:"keys"`
	}
	if presented == nil || json.Unmarshal(client.jwks, &set) != nil {
		return false
	}
	for _, key := range set.Keys {
		if len(key.Chain) == 0 {
			continue
		}
		registered, err := base64.StdEncoding.DecodeString(key.Chain[0])
		if err == nil && bytes.Equal(registered, presented.Raw) {
			return true
		}
	}
	return false
}

// readCertificate finds out what the tokens of a request are to be bound to, if
// the client is registered for that (RFC 8705, section 3.4).
func (s *AuthServer) readCertificate(r *http.Request, p params, client *Client) *denial {
	delete(p, provenCertificate)
	if !client.certificateBound {
		return nil
	}
	presented := certificateOf(r, s.faults)
	if presented == nil {
		return refuse(invalidRequest, "the client is registered for certificate-bound tokens, and presents no certificate")
	}
	p[provenCertificate] = []string{certificateThumbprint(presented)}
	return nil
}

// describeCertificates says in the metadata what certificates are good for.
func (s *AuthServer) describeCertificates(document map[string]any) {
	if !s.takesCertificates() {
		return
	}
	document["tls_client_certificate_bound_access_tokens"] = true
	for _, endpoint := range []string{"token", "revocation"} {
		name := endpoint + "_endpoint_auth_methods_supported"
		if methods, ok := document[name].([]string); ok {
			document[name] = append(methods[:len(methods):len(methods)], authCertificate)
		}
	}
}

// certified makes sure that a certificate-bound token comes over a connection with
// that certificate (RFC 8705, section 3).
func (e *endpoint) certified(r *http.Request, who *caller) error {
	presented := certificateOf(r, nil) // no resource server has a fault there
	switch {
	case who.certificate == "", e.faults.Has(fault.CertificateUnchecked),
		presented != nil && e.faults.Has(fault.CertificateAny),
		certificateThumbprint(presented) == who.certificate:
		return nil
	}
	return errInvalidToken
}

// readCertificateMembers reads what a client registers of certificates.
func (s *AuthServer) readCertificateMembers(m *clientMetadata, client *Client) {
	if s.takesCertificates() {
		m.read("tls_client_certificate_bound_access_tokens", &client.certificateBound)
	}
}

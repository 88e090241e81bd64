package reference

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A security is what a deployment that speaks https has in common. It is nil
// where http is spoken, which is for loopback only.
type security struct{ authority *certs.Authority }

// silent is where servers complain of broken handshakes, which tests cause.
var silent = log.New(io.Discard, "", 0)

// secure makes the listeners speak TLS if that is wanted (OAuth 2.1, section
// 1.5), in the way that RFC 9325, sections 3.1.1 and 4.2, recommend.
func (o *Options) secure(listeners *[3]net.Listener) (*security, error) {
	if !variant.Of(o.Variants...).Has(variant.TLS) {
		return nil, nil
	}
	authority, err := o.ForClients.authority()
	if err != nil {
		return nil, err
	}
	for i, l := range listeners {
		config, err := o.tlsConfig(authority, l, []Party{PartyAuthServer, PartyResourceServer, PartyUpstream}[i])
		if err != nil {
			return nil, err
		}
		listeners[i] = tls.NewListener(l, config)
	}
	return &security{authority}, nil
}

// tlsConfig is that of one server. Faults that leave no valid certificate are of
// the authorization server alone, or nothing could be reached.
func (o *Options) tlsConfig(authority *certs.Authority, l net.Listener, party Party) (*tls.Config, error) {
	isAuthServer := party == PartyAuthServer
	host, _, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	faults := fault.Of(o.Faults...)
	end := time.Now().Add(12 * time.Hour)
	if isAuthServer && faults.Has(fault.TLSExpired) {
		end = time.Now().Add(-time.Minute)
	}
	if isAuthServer && faults.Has(fault.TLSOtherName) {
		host = "elsewhere.example"
	}
	if isAuthServer && faults.Has(fault.TLSUnknownAuthority) {
		if authority, err = certs.New(); err != nil {
			return nil, err
		}
	}
	names := []string{host}
	if o.Host != "" && !faults.Has(fault.TLSOtherName) {
		names = append(names, o.Host)
	}
	certificate, err := authority.IssueUntil(end, names...)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		ClientAuth: tls.RequestClientCert} // which certificate it has to be is for OAuth to say (RFC 8705)
	if faults.Has(fault.TLSOld) {
		config.MinVersion = tls.VersionTLS10
	}
	if faults.Has(fault.TLSWeakCiphers) {
		config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}
	}
	return config, o.ForClients.spoil(config, party, names)
}

func (s *security) scheme() string {
	if s == nil {
		return "http"
	}
	return "https"
}

// roots are what a client has to trust; nil means nothing in particular.
func (s *security) roots() *x509.CertPool {
	if s == nil {
		return nil
	}
	return s.authority.Pool()
}

// guard tells browsers to come by https only, from now on (RFC 6797, section 7.1).
func (s *security) guard(h http.Handler, o *Options) http.Handler {
	faults := fault.Of(o.Faults...)
	if s == nil || faults.Has(fault.HSTSMissing) {
		return h
	}
	policy := "max-age=31536000"
	if faults.Has(fault.HSTSEnded) {
		policy = "max-age=0"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", policy)
		h.ServeHTTP(w, r)
	})
}

// trust makes requests to the authorization server trust these authorities; nil
// leaves it at the system's. Nothing makes them trust all.
func (a *authority) trust(roots *x509.CertPool) {
	if roots != nil {
		a.transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
}

// Roots are the authorities that have to be trusted to reach the deployment; nil
// if it speaks http.
func (s *Server) Roots() *x509.CertPool { return s.secured.roots() }

// Authority is the certificate of the deployment's own authority, in PEM; nil if
// it speaks http.
func (s *Server) Authority() []byte {
	if s.secured == nil {
		return nil
	}
	return s.secured.authority.PEM()
}

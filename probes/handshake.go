package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Handshaken host is what TLS handshakes with it came to.
type Handshaken struct {
	Host    string
	Invalid error  // why a client that checks certificates leaves; nil if it stays
	Old     string // the version that it took although that is too old (RFC 8996)
	Weak    string // the cipher suite that it took although that is broken (RFC 9325, section 4.1)
}

// Handshakes tries the TLS of every https origin among the URLs. An error says
// that a host could not be spoken to at all.
func (d *Deployment) Handshakes(ctx context.Context, urls ...string) ([]Handshaken, error) {
	var all []Handshaken
	for _, host := range hostsOf(urls) {
		h, err := d.handshakes(ctx, host)
		if err != nil {
			return nil, err
		}
		all = append(all, *h)
	}
	return all, nil
}

// hostsOf are host and port of the https URLs, up to eight.
func hostsOf(urls []string) []string {
	var hosts []string
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			continue
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		if host := net.JoinHostPort(u.Hostname(), port); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts[:min(len(hosts), 8)]
}

// handshakes are those with one host: as any client would before and after, and
// in between as none should be able to. What a client then checks of the
// certificate is looked at by itself, so that there is something to say.
func (d *Deployment) handshakes(ctx context.Context, address string) (*Handshaken, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	attempt := func(what string, least, most uint16, suites []uint16) (*tls.ConnectionState, error) {
		return d.wire.Handshake(ctx, what, address, &tls.Config{
			ServerName: host, MinVersion: least, MaxVersion: most, CipherSuites: suites,
			InsecureSkipVerify: true, //nolint:gosec // what is sent is nothing, and the chain is looked at below
		})
	}
	sound := func() (*tls.ConnectionState, error) {
		state, err := attempt("as clients do it", tls.VersionTLS12, 0, nil)
		if err != nil {
			return nil, &Blocked{By: "network", Owner: reports.Network, Err: fmt.Errorf("no TLS 1.2 or newer with %s: %w", address, err)}
		}
		return state, nil
	}
	state, err := sound()
	if err != nil {
		return nil, err
	}
	h := &Handshaken{Host: address, Invalid: d.invalid(state, host)}
	ctx = wire.For(ctx, "attack")
	if old, err := attempt("at most TLS 1.1", tls.VersionTLS10, tls.VersionTLS11, everySuite()); err == nil { //nolint:gosec // to see it refused
		h.Old = tls.VersionName(old.Version)
	}
	if weak, err := attempt("with RC4 or 3DES", tls.VersionTLS12, tls.VersionTLS12, brokenSuites); err == nil {
		h.Weak = tls.CipherSuiteName(weak.CipherSuite)
	}
	_, err = sound()
	return h, err
}

// TrustedKeys are the digests of the keys of every https host of the target that
// shows a certificate which the client trusts. A browser that knows no private
// authority can be told to take them.
func TrustedKeys(ctx context.Context, client *wire.Client, t Target) []string {
	d, err := Open(ctx, t, client, nil)
	if err != nil {
		return nil
	}
	urls, err := d.ServerURLs(ctx)
	if err != nil {
		return nil // the run says why
	}
	var keys []string
	for _, address := range hostsOf(append(append(urls, t.URL), t.Origins...)) {
		host, _, _ := net.SplitHostPort(address) // made by joining them
		state, err := client.Handshake(ctx, "as a browser does it", address, &tls.Config{ServerName: host, RootCAs: client.Roots(), MinVersion: tls.VersionTLS12})
		if err == nil {
			keys = append(keys, certs.KeyDigest(state.PeerCertificates[0]))
		}
	}
	return keys
}

// invalid is what is wrong with the certificates that a host showed.
func (d *Deployment) invalid(state *tls.ConnectionState, host string) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("no certificate was shown")
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Roots: d.wire.Roots(), Intermediates: between})
	return err
}

func everySuite() []uint16 {
	var all []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		all = append(all, s.ID)
	}
	return all
}

// brokenSuites encrypt with RC4 or 3DES, which RFC 9325, section 4.1, forbids.
var brokenSuites = []uint16{
	tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA,
}

// ServerURLs are the issuer and the endpoints of the authorization server.
func (d *Deployment) ServerURLs(ctx context.Context) ([]string, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	urls := []string{x.Issuer}
	if x.AS == nil {
		return urls, nil
	}
	for _, member := range []string{"authorization_endpoint", "token_endpoint", "registration_endpoint", "jwks_uri"} {
		if endpoint, ok := x.AS.Document.String(member); ok {
			urls = append(urls, endpoint)
		}
	}
	return urls, nil
}

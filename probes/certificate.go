package probes

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

const (
	certificateMethod = "self_signed_tls_client_auth"
	certificateBound  = "tls_client_certificate_bound_access_tokens"
)

// Why nothing can be said about client certificates.
var (
	ErrNoCertificateClient = errors.New("the authorization server registers no client for " + certificateMethod)
	ErrNotCertificateBound = errors.New("no client can be registered for certificate-bound tokens, or its tokens are bound to no certificate")
	ErrCleartext           = errors.New("over http no certificate can arrive: what is refused there shows nothing, and nothing was taken")
)

// BindsCertificates tells whether the metadata offers tokens that are bound to
// client certificates.
func (d *Deployment) BindsCertificates(ctx context.Context) (bool, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return false, err
	}
	offered, _ := metadata.Bool(certificateBound)
	return offered, nil
}

// certificateEndpoint is the token endpoint for requests with a certificate (RFC
// 8705, section 5).
func (d *Deployment) certificateEndpoint(ctx context.Context) (string, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return "", err
	}
	if aliases, err := wire.ParseDocument(metadata.Members["mtls_endpoint_aliases"]); err == nil {
		if alias, ok := aliases.String("token_endpoint"); ok {
			return alias, nil
		}
	}
	return d.ServerEndpoint(ctx, "token_endpoint")
}

// redeemPresenting redeems a code over a connection that presents the certificates.
func (d *Deployment) redeemPresenting(ctx context.Context, a *Authorization, header http.Header, presented ...tls.Certificate) (*Tokens, error) {
	endpoint, err := d.certificateEndpoint(ctx)
	if err != nil {
		return nil, err
	}
	ctx, done := d.wire.Presenting(ctx, presented...)
	defer done()
	form := &Form{Values: redemption(a), Header: http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"},
	}}
	form.Values.Set("client_id", a.Request.Client.ID)
	for name, values := range header {
		form.Header[name] = values
	}
	return d.postTo(ctx, endpoint, form, a.Request.Client)
}

// A CertificateUse is what came of using a certificate-bound token over other
// connections than its own.
type CertificateUse struct{ Without, Other *Answer }

// UseCertificateBound gets a token that is bound to a certificate, and makes the
// protected call with it over a connection without one and over one with another,
// between two calls over one with its own.
func (d *Deployment) UseCertificateBound(ctx context.Context) (*CertificateUse, error) {
	own, err := certs.SelfSigned(ClientName)
	if err != nil {
		return nil, err
	}
	other, err := certs.SelfSigned(ClientName)
	if err != nil {
		return nil, err
	}
	t, err := d.certificateToken(ctx, own)
	if err != nil {
		return nil, err
	}
	call := func(purpose string, presented ...tls.Certificate) (*Answer, error) {
		ctx, done := d.wire.Presenting(wire.For(ctx, purpose), presented...)
		defer done()
		return d.Call(ctx, t.Access)
	}
	sound := func() error {
		a, err := call("control", own)
		if err == nil && !a.Served() {
			err = &Blocked{Owner: reports.ResourceServer, Err: fmt.Errorf("the protected call with a bound token over a connection with its certificate was %s", a.Said())}
		}
		return err
	}
	if _, err := d.FirstCall(ctx); err != nil {
		return nil, err
	}
	if err := sound(); err != nil {
		return nil, err
	}
	use := &CertificateUse{}
	if use.Without, err = call("attack"); err != nil {
		return nil, err
	}
	if use.Other, err = call("attack", other); err != nil {
		return nil, err
	}
	return use, sound()
}

// certificateToken is a token that says to be bound to the certificate.
func (d *Deployment) certificateToken(ctx context.Context, own tls.Certificate) (*Tokens, error) {
	if !d.Registers(ctx) {
		return nil, ErrNotCertificateBound
	}
	r, err := d.RegisterChanged(ctx, map[string]any{certificateBound: true})
	if err != nil {
		return nil, err
	}
	if kept, _ := r.Document.Bool(certificateBound); r.Client == nil || !kept {
		return nil, ErrNotCertificateBound
	}
	a, err := d.Code(wire.For(ctx, "control"), r.Client)
	if err != nil {
		return nil, err
	}
	t, err := d.redeemPresenting(wire.For(ctx, "control"), a, nil, own)
	if err != nil {
		return nil, err
	}
	if !t.Issued() {
		return nil, &Blocked{Owner: reports.AuthServer, Err: fmt.Errorf("a token request over a connection with a certificate was answered %d %s", t.Response.Status, t.Error)}
	}
	if jwt, ok := t.JWT(); ok && !strings.Contains(string(jwt.Claims.Members["cnf"]), "x5t#S256") {
		return nil, ErrNotCertificateBound
	}
	return t, nil
}

// forwardedCertificates are headers by which proxies say which certificate a
// connection had, made by somebody who is no proxy.
func forwardedCertificates(c tls.Certificate) map[string]http.Header {
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
	escaped, encoded := url.QueryEscape(text), strings.ReplaceAll(strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text),
		"-----BEGIN CERTIFICATE-----"), "-----END CERTIFICATE-----")), "\n", "")
	verified := http.Header{"X-Ssl-Client-Verify": {"SUCCESS"}, "Ssl-Client-Verify": {"SUCCESS"}}
	all := map[string]http.Header{
		"X-SSL-Client-Cert":           {"X-Ssl-Client-Cert": {escaped}},
		"X-Client-Cert":               {"X-Client-Cert": {escaped}},
		"SSL-Client-Cert":             {"Ssl-Client-Cert": {escaped}},
		"X-Forwarded-Tls-Client-Cert": {"X-Forwarded-Tls-Client-Cert": {encoded}},
		"X-Forwarded-Client-Cert":     {"X-Forwarded-Client-Cert": {`Cert="` + escaped + `"`}},
		"X-ARR-ClientCert":            {"X-Arr-Clientcert": {encoded}},
		"Client-Cert":                 {"Client-Cert": {":" + encoded + ":"}},
	}
	for _, header := range all {
		for name, values := range verified {
			header[name] = values
		}
	}
	return all
}

// ForgeCertificate redeems a code of a client that authenticates by certificate,
// over connections without one, with headers that claim one.
func (d *Deployment) ForgeCertificate(ctx context.Context) ([]Tried, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	methods, _ := metadata.Strings("token_endpoint_auth_methods_supported")
	if !d.Registers(ctx) || !slices.Contains(methods, certificateMethod) {
		return nil, ErrNoCertificateClient
	}
	own, err := certs.SelfSigned(ClientName)
	if err != nil {
		return nil, err
	}
	jwks, err := certs.KeySet(own)
	if err != nil {
		return nil, err
	}
	r, err := d.RegisterChanged(ctx, map[string]any{"token_endpoint_auth_method": certificateMethod, "jwks": jwks})
	if err != nil {
		return nil, err
	}
	if r.Client == nil || r.Client.Method != certificateMethod {
		return nil, ErrNoCertificateClient
	}
	var ways []Redeeming
	headers := forwardedCertificates(own)
	for name, header := range headers {
		ways = append(ways, Redeeming{"a certificate in " + name, func(ctx context.Context, a *Authorization) (*Tokens, error) {
			return d.redeemPresenting(ctx, a, header)
		}})
	}
	slices.SortFunc(ways, func(a, b Redeeming) int { return strings.Compare(a.Name, b.Name) })
	return d.redeemForged(ctx, r.Client, own, ways)
}

// redeemForged tries the ways, and shows where it can that the certificate itself
// would do.
func (d *Deployment) redeemForged(ctx context.Context, c *Client, own tls.Certificate, ways []Redeeming) ([]Tried, error) {
	endpoint, err := d.certificateEndpoint(ctx)
	if err != nil {
		return nil, err
	}
	secure := strings.HasPrefix(endpoint, "https:")
	sound := Redeeming{"client certificate", func(ctx context.Context, a *Authorization) (*Tokens, error) {
		return d.redeemPresenting(ctx, a, nil, own)
	}}
	if secure {
		return d.RedeemInTurn(ctx, c, sound, ways)
	}
	a, err := d.Code(ctx, c)
	if err != nil {
		return nil, err
	}
	var all []Tried
	for _, way := range ways {
		tried, err := redeemAs(ctx, way, a)
		if err != nil {
			return nil, err
		}
		if all = append(all, tried); tried.Issued() {
			return all, nil
		}
	}
	return all, ErrCleartext
}

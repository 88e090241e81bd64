package wire

import (
	"context"
	"crypto/tls"
	"net/http"
)

// Presenting returns a context whose requests go over connections of their own, on
// which the client presents the certificate. Without one they are connections that
// have never seen any. The caller calls done when they are over.
func (c *Client) Presenting(ctx context.Context, certificates ...tls.Certificate) (presenting context.Context, done func()) {
	own := c.base.(*http.Transport).Clone()
	if own.TLSClientConfig == nil {
		own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	own.TLSClientConfig.Certificates = certificates
	return context.WithValue(ctx, transportKey{}, http.RoundTripper(own)), own.CloseIdleConnections
}

package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// Roots are the authorities that the client trusts; nil means the system's.
func (c *Client) Roots() *x509.CertPool {
	if config := c.base.(*http.Transport).TLSClientConfig; config != nil {
		return config.RootCAs
	}
	return nil
}

// Handshake takes a TLS handshake with a host and port to its end, and records
// it under what it is called. It counts as a request.
func (c *Client) Handshake(ctx context.Context, what, address string, config *tls.Config) (*tls.ConnectionState, error) {
	done, err := c.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	c.sent.Add(1)
	ctx, cancel := context.WithTimeout(ctx, c.limits.Timeout)
	defer cancel()
	x := &Exchange{At: time.Now(), Actor: "client", Purpose: purpose(ctx), Step: "TLS handshake with " + address + ", " + what}
	connection, err := (&tls.Dialer{Config: config, NetDialer: &net.Dialer{}}).DialContext(ctx, "tcp", address)
	x.Took = time.Since(x.At)
	Spend(ctx, x.Took)
	if err != nil {
		x.Error = c.Redactor.String(err.Error())
		record(ctx, x)
		return nil, err
	}
	defer connection.Close() //nolint:errcheck // nothing depends on it
	record(ctx, x)
	state := connection.(*tls.Conn).ConnectionState()
	return &state, nil
}

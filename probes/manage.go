package probes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// ErrUnmanaged says that a client cannot be managed: its registration named no
// management URL and token.
var ErrUnmanaged = errors.New("the registration named no client configuration endpoint (RFC 7592)")

// Management is the configuration endpoint and the access token of a
// registration (RFC 7592, section 3).
func (c *Client) Management() (endpoint, token string, ok bool) {
	endpoint, hasURL := c.Metadata.String("registration_client_uri")
	token, hasToken := c.Metadata.String("registration_access_token")
	return endpoint, token, hasURL && hasToken
}

// Manage reads, updates or deletes a client's registration with its own
// registration access token (RFC 7592, section 2).
func (d *Deployment) Manage(ctx context.Context, c *Client, method string, metadata map[string]any) (*wire.Response, error) {
	endpoint, token, ok := c.Management()
	if !ok {
		return nil, ErrUnmanaged
	}
	return d.ManageAt(ctx, endpoint, token, method, metadata)
}

// ManageAt does the same at any URL with any token; an empty one sends none.
func (d *Deployment) ManageAt(ctx context.Context, endpoint, token, method string, metadata map[string]any) (*wire.Response, error) {
	body := []byte{}
	if metadata != nil {
		var err error
		if body, err = json.Marshal(metadata); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if metadata != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return d.wire.Do(req)
}

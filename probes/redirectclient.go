package probes

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// RedirectClient is the client whose redirect URI is varied: one on an https
// host where such a client can be registered, else the run's own.
func (d *Deployment) RedirectClient(ctx context.Context) (*Client, error) {
	if d.Registers(ctx) {
		if c, err := d.WebClient(ctx); err == nil {
			return c, nil
		}
	}
	return d.Client(ctx)
}

// LoopbackClient is a client that is answered at 127.0.0.1 (RFC 8252, section 7.3).
func (d *Deployment) LoopbackClient(ctx context.Context) (*Client, error) {
	onLoopback := func(c *Client) bool { return strings.HasPrefix(c.RedirectURI, "http://127.0.0.1") }
	c, err := d.Client(ctx)
	if err != nil || onLoopback(c) {
		return c, err
	}
	if d.Registers(ctx) {
		if c, err := d.SecondClient(ctx); err == nil && onLoopback(c) {
			return c, nil
		}
	}
	return nil, &NotRegistered{URIs: []string{LoopbackRedirect}}
}

// NotRegistered says that no client with the redirect URIs can be had.
type NotRegistered struct {
	URIs   []string
	Status int // of the answer to the registration; 0 if none is offered
}

func (e *NotRegistered) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("there is no client with the redirect URI %s", strings.Join(e.URIs, " and "))
	}
	return fmt.Sprintf("the redirect URI %s is not registered (the answer is %d)", strings.Join(e.URIs, " and "), e.Status)
}

// WithRedirects registers a client of the application type with the redirect
// URIs. If the server does not take them, the error is a NotRegistered.
func (d *Deployment) WithRedirects(ctx context.Context, applicationType string, uris ...string) (*Client, error) {
	if _, err := d.Metadata(ctx); err != nil {
		return nil, err
	}
	if !d.Registers(ctx) {
		return nil, &NotRegistered{URIs: uris}
	}
	metadata := d.NativeClient(ctx)
	metadata["application_type"], metadata["redirect_uris"] = applicationType, uris
	r, err := d.Register(ctx, metadata)
	switch {
	case err != nil:
		return nil, err
	case r.Client == nil:
		return nil, &NotRegistered{URIs: uris, Status: r.Response.Status}
	}
	for _, uri := range uris {
		if !slices.Contains(r.Client.RedirectURIs, uri) {
			return nil, &NotRegistered{URIs: uris, Status: r.Response.Status}
		}
	}
	r.Client.RedirectURI = uris[0]
	return r.Client, nil
}

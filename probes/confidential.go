package probes

import (
	"context"
	"errors"
	"slices"
)

// ErrNoSecret says that no client with a secret can be had.
var ErrNoSecret = errors.New("the authorization server gives no client a secret and none is configured")

// ConfidentialClient is a client that authenticates with a secret: a configured
// one, else one registered for it. If there is none, the error is ErrNoSecret.
func (d *Deployment) ConfidentialClient(ctx context.Context) (*Client, error) {
	return Once(d, "confidential client", func(ctx context.Context) (*Client, error) {
		for _, s := range d.Target.Clients {
			if s.Secret != "" {
				return s.client(), nil
			}
		}
		return d.RegisterConfidential(ctx, "client_secret_basic", "client_secret_post")
	}).Get(ctx)
}

// OtherConfidentialClient is another one, always registered by the run.
func (d *Deployment) OtherConfidentialClient(ctx context.Context) (*Client, error) {
	return Once(d, "other confidential client", func(ctx context.Context) (*Client, error) {
		return d.RegisterConfidential(ctx, "client_secret_basic", "client_secret_post")
	}).Get(ctx)
}

// RegisterConfidential registers a client that authenticates by the first of the
// methods which the server says it supports. A server may give no secrets to
// clients that nobody vouches for: the error is ErrNoSecret then.
func (d *Deployment) RegisterConfidential(ctx context.Context, methods ...string) (*Client, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if !d.Registers(ctx) {
		return nil, ErrNoSecret
	}
	supported, listed := metadata.Strings("token_endpoint_auth_methods_supported")
	for _, method := range methods {
		if listed && !slices.Contains(supported, method) {
			continue
		}
		change := d.NativeClient(ctx)
		change["token_endpoint_auth_method"] = method
		r, err := d.Register(ctx, change)
		switch {
		case err != nil:
			return nil, err
		case r.Client == nil || r.Client.Secret == "" || !r.Client.Confidential():
			return nil, ErrNoSecret
		}
		return r.Client, nil
	}
	return nil, ErrNoSecret
}

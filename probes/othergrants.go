package probes

import (
	"context"
	"net/url"
	"slices"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// MachineGrant asks for a token by client_credentials, as a confidential client
// that is registered for the code flow only. The answer is nil if the server
// registered it for more, or did not say what for.
func (d *Deployment) MachineGrant(ctx context.Context) (*Tokens, error) {
	c, err := d.ConfidentialClient(ctx)
	if err != nil {
		return nil, err
	}
	registered, ok := c.Metadata.Strings("grant_types")
	if !ok || slices.Contains(registered, "client_credentials") {
		return nil, nil
	}
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Tokens, error) {
		return d.TokenRequest(ctx, c, url.Values{"grant_type": {"client_credentials"}, "resource": {resource}})
	})
}

// PasswordGrant asks for a token by the user's name and password (RFC 6749,
// section 4.3).
func (d *Deployment) PasswordGrant(ctx context.Context) (*Tokens, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	user := d.user()
	return Controlled(ctx, d, c, func(ctx context.Context) (*Tokens, error) {
		return d.TokenRequest(ctx, c, url.Values{"grant_type": {"password"}, "username": {user.Name}, "password": {user.Password}})
	})
}

// A Mixture is what came of a refresh with the code of a wider grant beside it.
type Mixture struct {
	Granted []string // scopes of the narrow grant, as asked for
	Plain   *Tokens  // a refresh of it without a code
	Mixed   *Tokens  // the next refresh, with the code
}

// MixGrants refreshes a grant of one scope, then again with a code of all scopes
// in the same request.
func (d *Deployment) MixGrants(ctx context.Context) (*Mixture, error) {
	c, err := d.DisposableClient(ctx)
	if err != nil {
		return nil, err
	}
	all, err := d.AllScopes(ctx)
	if err != nil {
		return nil, err
	}
	m := &Mixture{Granted: d.withOffline(ctx, all[0])}
	narrow, err := d.Refreshable(ctx, c, d.OnlyScopes(ctx, all[0]))
	if err != nil {
		return nil, err
	}
	wide, err := d.Code(ctx, c, d.OnlyScopes(ctx, all[0], all[1]))
	if err != nil {
		return nil, err
	}
	if m.Plain, err = d.soundRefresh(ctx, narrow); err != nil {
		return nil, err
	}
	newest := m.Plain
	if newest.Refresh == "" {
		newest = narrow
	}
	m.Mixed, err = d.RefreshWith(wire.For(ctx, "attack"), newest, With("code", wide.Code), With("code_verifier", wide.Request.Verifier))
	return m, err
}

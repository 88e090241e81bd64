package probes

import (
	"context"
	"errors"
	"slices"

	"github.com/mcpassay/mcpassay/probes/wire"
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

// AsClient replaces the authentication in a request by that of another client,
// or of the same one with another secret or method.
func AsClient(c Client) Mutation {
	return func(f *Form) {
		f.Header.Del("Authorization")
		f.Values.Del("client_id")
		f.Values.Del("client_secret")
		_ = authenticate(f, &c) // it has a secret, or nothing
	}
}

// MixClients redeems a code of the run's client with the credentials of the
// confidential client, while the body names the former.
func (d *Deployment) MixClients(ctx context.Context) (*Attempt, error) {
	owner, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	prover, err := d.ConfidentialClient(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, prover, func(ctx context.Context) (*Attempt, error) {
		a, err := d.Code(ctx, owner)
		if err != nil {
			return nil, err
		}
		t, err := d.Redeem(ctx, a, AsClient(*prover), With("client_id", owner.ID))
		return &Attempt{Authorization: a, Tokens: t}, err
	})
}

// Impostures is what came of using a confidential client's refresh token without
// its proof.
type Impostures struct {
	Refreshes []*Tokens // by the impostors, one after the other
	Sound     *Tokens   // the refresh of its client afterwards; nil if an impostor had used the token
}

// RefreshUnproved uses a refresh token of the confidential client with each of
// the proofs that are none, then soundly.
func (d *Deployment) RefreshUnproved(ctx context.Context) (*Impostures, error) {
	c, err := d.ConfidentialClient(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Refreshable(ctx, c)
	if err != nil {
		return nil, err
	}
	i := &Impostures{}
	for _, impostor := range Impostors(c) {
		r, err := d.RefreshWith(wire.For(ctx, "attack"), t, AsClient(impostor))
		if err != nil {
			return nil, err
		}
		i.Refreshes = append(i.Refreshes, r)
		if r.Issued() {
			return i, nil
		}
	}
	i.Sound, err = d.soundRefresh(ctx, t)
	return i, err
}

// Impostors are ways to appear as a confidential client without its secret.
func Impostors(c *Client) []Client {
	unnamed, empty, wrong := *c, *c, *c
	unnamed.Method = "none"
	empty.Secret = ""
	wrong.Secret = NewVerifier()
	return []Client{unnamed, empty, wrong}
}

// RevokeUnproved revokes a refresh token of the confidential client without its
// proof, then uses the token.
func (d *Deployment) RevokeUnproved(ctx context.Context) (*Tokens, error) {
	c, err := d.ConfidentialClient(ctx)
	if err != nil {
		return nil, err
	}
	return d.useAfter(ctx, c, func(t *Tokens) error {
		for _, impostor := range Impostors(c) {
			if _, err := d.Revoke(wire.For(ctx, "attack"), c, t.Refresh, "refresh_token", AsClient(impostor)); err != nil {
				return err
			}
		}
		return nil
	})
}

// PostedSecret takes a client that is registered to send its secret in the body
// through a flow, while the usual confidential client goes through one too. The
// result is nil if no such client can be registered.
func (d *Deployment) PostedSecret(ctx context.Context) (*Attempt, error) {
	c, err := d.RegisterConfidential(ctx, "client_secret_post")
	switch {
	case errors.Is(err, ErrNoSecret):
		return nil, nil
	case err != nil:
		return nil, err
	case c.Method != "client_secret_post":
		return nil, nil
	}
	usual, err := d.ConfidentialClient(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, usual, func(ctx context.Context) (*Attempt, error) { return d.Attempt(ctx, c, nil, nil) })
}

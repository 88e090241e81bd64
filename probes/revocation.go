package probes

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// Revocations is what came of revoking refresh tokens, each of a grant of its
// own, in several ways.
type Revocations struct {
	Own     *wire.Response // with the right hint
	Dead    *Tokens        // use of the token after that
	Again   *wire.Response // the same once more
	Unknown *wire.Response // a token that never was
	Misled  *Tokens        // use of a token that was revoked with the wrong hint
	ByGet   *Tokens        // use of a token that was named in the URL of a GET
}

// RevokeTokens revokes refresh tokens of a client whose grants no other check
// needs, since a server may end more than the one grant.
func (d *Deployment) RevokeTokens(ctx context.Context) (*Revocations, error) {
	c, err := d.revokedClient(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Revocations, error) {
		r := &Revocations{}
		t, err := d.Refreshable(ctx, c)
		if err != nil {
			return nil, err
		}
		if r.Own, err = d.Revoke(ctx, c, t.Refresh, "refresh_token"); err != nil {
			return nil, err
		}
		if r.Dead, err = d.RefreshWith(ctx, t); err != nil {
			return nil, err
		}
		if r.Again, err = d.Revoke(ctx, c, t.Refresh, "refresh_token"); err != nil {
			return nil, err
		}
		if r.Unknown, err = d.Revoke(ctx, c, "unknown-"+NewVerifier(), "refresh_token"); err != nil {
			return nil, err
		}
		r.Misled, err = d.useAfter(ctx, c, func(t *Tokens) error {
			_, err := d.Revoke(ctx, c, t.Refresh, "access_token")
			return err
		})
		if err != nil {
			return nil, err
		}
		r.ByGet, err = d.useAfter(ctx, c, func(t *Tokens) error { return d.revokeByGet(ctx, c, t.Refresh) })
		return r, err
	})
}

// RevokeForeign revokes a refresh token as somebody else, then uses it.
func (d *Deployment) RevokeForeign(ctx context.Context, thief func(context.Context) (*Client, error), mutations ...Mutation) (*Tokens, error) {
	owner, err := d.revokedClient(ctx)
	if err != nil {
		return nil, err
	}
	c, err := thief(ctx)
	if err != nil {
		return nil, err
	}
	return d.useAfter(ctx, owner, func(t *Tokens) error {
		_, err := d.Revoke(wire.For(ctx, "attack"), c, t.Refresh, "refresh_token", mutations...)
		return err
	})
}

// RevokeGrant revokes the refresh token of a fresh grant, then calls with its
// access token for the first time, so that no cache can know it.
func (d *Deployment) RevokeGrant(ctx context.Context) (*Answer, error) {
	c, err := d.revokedClient(ctx)
	if err != nil {
		return nil, err
	}
	return d.GuardedCall(ctx, func(ctx context.Context, _ string) (*Answer, error) {
		t, err := d.Refreshable(ctx, c)
		if err != nil {
			return nil, err
		}
		if _, err := d.Revoke(ctx, c, t.Refresh, "refresh_token"); err != nil {
			return nil, err
		}
		return d.Call(ctx, t.Access)
	})
}

// useAfter does something about the refresh token of a fresh grant, then uses
// it. That it is refused means something only if others are not.
func (d *Deployment) useAfter(ctx context.Context, c *Client, do func(*Tokens) error) (*Tokens, error) {
	t, err := d.Refreshable(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := do(t); err != nil {
		return nil, err
	}
	used, err := d.RefreshWith(ctx, t)
	if err == nil && !used.Issued() {
		err = d.refreshes(ctx, c)
	}
	return used, err
}

// refreshes errs if not even a refresh token that nobody touched can be used.
func (d *Deployment) refreshes(ctx context.Context, c *Client) error {
	t, err := d.Refreshable(ctx, c)
	if err != nil {
		return err
	}
	_, err = d.soundRefresh(ctx, t)
	return err
}

func (d *Deployment) revokeByGet(ctx context.Context, c *Client, token string) error {
	endpoint, err := d.ServerEndpoint(ctx, "revocation_endpoint")
	if err != nil {
		return err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	form := &Form{Values: u.Query(), Header: http.Header{}}
	form.Values.Set("token", token)
	if err := authenticate(form, c); err != nil {
		return err
	}
	u.RawQuery = form.Values.Encode()
	_, err = d.Get(ctx, u.String(), form.Header)
	return err
}

// revokedClient is the client whose tokens are revoked. Where the revocation
// endpoint takes no public clients it is a confidential one, if there can be one.
func (d *Deployment) revokedClient(ctx context.Context) (*Client, error) {
	return Once(d, "revoked client", func(ctx context.Context) (*Client, error) {
		metadata, err := d.Metadata(ctx)
		if err != nil {
			return nil, err
		}
		methods, listed := metadata.Strings("revocation_endpoint_auth_methods_supported")
		if listed && !slices.Contains(methods, "none") {
			c, err := d.RegisterConfidential(ctx, "client_secret_basic", "client_secret_post")
			if !errors.Is(err, ErrNoSecret) {
				return c, err
			}
		}
		return d.replayClient(ctx)
	}).Get(ctx)
}

// An Introspection is what somebody was told about a live access token.
type Introspection struct {
	Response *wire.Response
	Document *wire.Document // nil if the answer is no JSON object
}

// Disclosed names what was told: nothing, if the token is not said to be active
// and is not described.
func (i *Introspection) Disclosed() []string {
	var told []string
	if active, _ := i.Document.Bool("active"); active {
		told = append(told, "active")
	}
	for _, name := range []string{"sub", "scope", "username", "client_id", "aud"} {
		if i.Document.Has(name) {
			told = append(told, name)
		}
	}
	return told
}

// IntrospectAs asks about a live access token of the run's client, with the
// authentication of any client, then mutated.
func (d *Deployment) IntrospectAs(ctx context.Context, asker func(context.Context) (*Client, error), mutate func(token string) []Mutation) (*Introspection, error) {
	owner, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	c, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, owner, func(ctx context.Context) (*Introspection, error) {
		t, err := d.Grant(ctx, owner)
		if err != nil {
			return nil, err
		}
		res, err := d.Introspect(ctx, c, t.Access, mutate(t.Access)...)
		if err != nil {
			return nil, err
		}
		i := &Introspection{Response: res}
		if i.Document, err = wire.ParseDocument(res.Body); err != nil {
			i.Document = nil
		}
		return i, nil
	})
}

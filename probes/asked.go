package probes

import (
	"context"
	"fmt"
	"net/url"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// An Asking is a request to the token endpoint that is not part of a code flow.
type Asking struct {
	Name   string // what is different, in a few words
	Client *Client
	Form   url.Values
	Change []Mutation
}

// Asked is what came of it.
type Asked struct {
	Asking
	*Tokens
}

// askAll sends the requests one after the other, between two that are sound. The
// sound ones go by a name: the first of them is made once in a run, and those
// afterwards are shared.
func (d *Deployment) askAll(ctx context.Context, name string, sound func(context.Context) (*Tokens, error), make func(context.Context) ([]Asking, error)) ([]Asked, error) {
	if _, err := d.firstAsked(ctx, name, sound); err != nil {
		return nil, err
	}
	askings, err := make(wire.For(ctx, "control"))
	if err != nil {
		return nil, err
	}
	var all []Asked
	for _, a := range askings {
		t, err := d.TokenRequest(wire.For(ctx, "attack"), a.Client, a.Form, a.Change...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		all = append(all, Asked{a, t})
	}
	return all, d.after(ctx, name, func(ctx context.Context) error {
		_, err := sound(ctx)
		return err
	})
}

// firstAsked is what the first sound request of the name came to.
func (d *Deployment) firstAsked(ctx context.Context, name string, sound func(context.Context) (*Tokens, error)) (*Tokens, error) {
	return Once(d, "first "+name, func(ctx context.Context) (*Tokens, error) {
		return sound(wire.For(ctx, "control"))
	}).Get(ctx)
}

// Described is what is known of an access token: its claims, if it is a JWT, else
// what introspection says of it. It is nil if nothing is.
func (d *Deployment) Described(ctx context.Context, access string) (*wire.Document, error) {
	if jwt, ok := DecodeJWT(access); ok {
		return jwt.Claims, nil
	}
	if d.Target.Introspector == nil {
		return nil, nil
	}
	metadata, err := d.Metadata(ctx)
	if err != nil || !metadata.Has("introspection_endpoint") {
		return nil, err
	}
	res, err := d.Introspect(ctx, d.Target.Introspector.client(), access)
	if err != nil {
		return nil, err
	}
	document, err := wire.ParseDocument(res.Body)
	if active, _ := document.Bool("active"); err != nil || !active {
		return nil, nil //nolint:nilerr // then nothing is known
	}
	return document, nil
}

package probes

import (
	"context"
	"fmt"
	"slices"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// Bound is what an attempt to get a token for a resource came to.
type Bound struct {
	*Attempt
	Audience []string // of the access token; nil if it cannot be read
	Readable bool     // the access token is a JWT
}

// For tells whether the token is for the resource.
func (b *Bound) For(resource string) bool { return slices.Contains(b.Audience, resource) }

// bind reads the audience of what an attempt came to.
func bind(a *Attempt) *Bound {
	b := &Bound{Attempt: a}
	if !a.Issued() {
		return b
	}
	if jwt, ok := a.Tokens.JWT(); ok {
		b.Audience, b.Readable = jwt.Audience(), true
	}
	return b
}

// TryResource sends the run's client through a flow whose authorization and
// token requests are mutated, between sound flows, and reads whom the token is for.
func (d *Deployment) TryResource(authorization, redemption []Mutation) *Future[*Bound] {
	return Start(d, func(ctx context.Context) (*Bound, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (*Bound, error) {
			a, err := d.Attempt(ctx, c, authorization, redemption)
			if err != nil {
				return nil, err
			}
			return bind(a), nil
		})
	})
}

// TryRefresh takes a sound flow to a refresh token and uses it with each set of
// mutations in turn, always the newest one, and reads whom the tokens are for. A
// refusal that uses the refresh token up ends the series with an error.
func (d *Deployment) TryRefresh(series ...[]Mutation) *Future[[]*Bound] {
	return Start(d, func(ctx context.Context) ([]*Bound, error) {
		c, err := d.DisposableClient(ctx)
		if err != nil {
			return nil, err
		}
		newest, err := d.Refreshable(ctx, c)
		if err != nil {
			return nil, err
		}
		var all []*Bound
		for _, mutations := range series {
			t, err := d.RefreshWith(wire.For(ctx, "attack"), newest, mutations...)
			if err != nil {
				return nil, err
			}
			all = append(all, bind(&Attempt{Tokens: t}))
			if newest, err = d.refreshedAfter(ctx, newest, t); err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

// refreshedAfter returns tokens of the client that can be refreshed after the
// attack on t, by a sound refresh: what was refused must not be so because nothing
// works. A server may have used the refresh token up with the request that it
// refused; then those of another flow show that refreshing works.
func (d *Deployment) refreshedAfter(ctx context.Context, t, attacked *Tokens) (*Tokens, error) {
	if attacked.Issued() && attacked.Refresh != "" {
		t = attacked
	}
	next, err := d.soundRefresh(ctx, t)
	if err != nil {
		if t, err = d.Refreshable(ctx, t.Client); err == nil {
			next, err = d.soundRefresh(ctx, t)
		}
	}
	if err != nil || next.Refresh == "" {
		return t, err
	}
	return next, nil
}

// TryResources is TryResource for several resources of the authorization
// request, by name, between one pair of sound flows.
func (d *Deployment) TryResources(make func(resource string) map[string]string) *Future[map[string]*Bound] {
	return Start(d, func(ctx context.Context) (map[string]*Bound, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		resource, err := d.Resource(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (map[string]*Bound, error) {
			all := map[string]*Bound{}
			for name, spelt := range make(resource) {
				a, err := d.Attempt(ctx, c, []Mutation{With("resource", spelt)}, nil)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				all[name] = bind(a)
			}
			return all, nil
		})
	})
}

package probes

import (
	"context"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// CodeWithoutGrant registers a client with a redirect URI and without the grant
// type authorization_code, and takes it through the code flow, beside an ordinary
// one. The result is nil if the server registers no such client.
func (d *Deployment) CodeWithoutGrant(ctx context.Context) (*Attempt, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	for _, grant := range []string{"client_credentials", "refresh_token"} {
		r, err := d.RegisterChanged(ctx, map[string]any{"grant_types": []string{grant}, "response_types": []string{}})
		if err != nil {
			return nil, err
		}
		if r.Client == nil {
			continue
		}
		grants, said := r.Document.Strings("grant_types")
		uris, _ := r.Document.Strings("redirect_uris")
		if !said || slices.Contains(grants, "authorization_code") || !slices.Contains(uris, LoopbackRedirect) {
			continue
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (*Attempt, error) { return d.Attempt(ctx, r.Client, nil, nil) })
	}
	return nil, nil
}

// Scopes are the scopes of a JWT access token, if it names any (RFC 9068, section 2.2.3).
func (j *JWT) Scopes() ([]string, bool) {
	if scope, ok := j.Claims.String("scope"); ok {
		return strings.Fields(scope), true
	}
	return j.Claims.Strings("scope")
}

// A SpeltResource is what came of asking for a token for the resource in another
// spelling, and of using it there.
type SpeltResource struct {
	Asked string
	*Bound
	Called *Answer // nil if no token was issued
}

// SpellResource asks for a token for a respelt resource, between two sound flows,
// and calls the resource server with it.
func (d *Deployment) SpellResource(ctx context.Context, spell func(string) string) (*SpeltResource, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := d.FirstCall(ctx); err != nil {
		return nil, err
	}
	s := &SpeltResource{Asked: spell(resource)}
	s.Bound, err = Controlled(ctx, d, c, func(ctx context.Context) (*Bound, error) {
		a, err := d.Attempt(ctx, c, []Mutation{With("resource", s.Asked)}, nil)
		if err != nil {
			return nil, err
		}
		return bind(a), nil
	})
	if err != nil || !s.Issued() {
		return s, err
	}
	s.Called, err = d.Call(wire.For(ctx, "attack"), s.Tokens.Access)
	return s, err
}

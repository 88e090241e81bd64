package probes

import (
	"context"
	"errors"
	"slices"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// An Identified is an ID token and the transaction it was issued in.
type Identified struct {
	*JWT
	Client *Client
	Nonce  string // that was sent; empty if none was
	Signed error  // nil if a published key has signed it
	Tokens *Tokens
}

// IssuesIDTokens tells whether the server says that it issues ID tokens.
func (d *Deployment) IssuesIDTokens(ctx context.Context) (bool, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return false, err
	}
	scopes, _ := metadata.Strings("scopes_supported")
	return slices.Contains(scopes, "openid"), nil
}

// Identify takes the run's client through a flow for an ID token, with a nonce or
// without one. Nil without an error says that a flow without a nonce, which is
// optional, came to nothing, or that no ID token came of it.
func (d *Deployment) Identify(ctx context.Context, nonce bool) (*Identified, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	mutations, err := d.askingWho(ctx)
	if err != nil || mutations == nil {
		return nil, err
	}
	if !nonce {
		mutations = append(mutations, Without("nonce"))
	}
	t, asked, err := d.identified(wire.For(ctx, "control"), c, mutations)
	if err != nil || t == nil || t.ID == "" {
		return nil, err
	}
	d.wire.Redactor.Learn("id_token", t.ID)
	i := &Identified{Client: c, Nonce: asked.Get("nonce"), Tokens: t}
	var ok bool
	if i.JWT, ok = DecodeJWT(t.ID); !ok {
		return nil, &Blocked{Owner: reports.AuthServer, Err: errors.New("the ID token is no signed JWT: it may be encrypted")}
	}
	keys, err := d.KeySet(ctx)
	if err != nil {
		return nil, err
	}
	i.Signed = tokens.SignedBy(t.ID, keys)
	return i, nil
}

func (d *Deployment) identified(ctx context.Context, c *Client, mutations []Mutation) (*Tokens, interface{ Get(string) string }, error) {
	a, err := d.Attempt(ctx, c, mutations, nil)
	if err != nil {
		return nil, nil, err
	}
	return a.Tokens, a.Authorization.Request.Values, nil
}

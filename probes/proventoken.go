package probes

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// IssuesBound tells whether the authorization server issues DPoP-bound tokens: it
// says so, or does so where the resource server speaks of it.
func (d *Deployment) IssuesBound(ctx context.Context) (bool, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return false, err
	}
	metadata, err := d.Metadata(ctx)
	switch {
	case err != nil:
		return false, err
	case metadata.Has(algorithmsDPoP):
		return true, nil
	case x.PRM == nil || !x.PRM.Document.Has(algorithmsDPoP):
		return false, nil
	}
	p, err := d.BoundTokens(ctx)
	if b := (*Blocked)(nil); errors.As(err, &b) && b.By == "as-dpop-token-bound" {
		return false, nil
	} else if err != nil {
		return false, err
	}
	typed, _, bound := p.BoundTo()
	return typed || bound, nil
}

// soundProven redeems a code soundly with the holder's proof.
func (d *Deployment) soundProven(h *Holder) Redeeming {
	return Redeeming{"as-dpop-token-bound", func(ctx context.Context, a *Authorization) (*Tokens, error) {
		return d.ProvenRequest(ctx, a.Request.Client, redemption(a), h, Proving{})
	}}
}

// ProvenRedemptions are ways to redeem a code with the holder's proof.
func (d *Deployment) ProvenRedemptions(h *Holder, provings ...Proving) []Redeeming {
	var all []Redeeming
	for _, v := range provings {
		all = append(all, Redeeming{v.Name, func(ctx context.Context, a *Authorization) (*Tokens, error) {
			return d.ProvenRequest(ctx, a.Request.Client, redemption(a), h, v)
		}})
	}
	return all
}

// TryTokenProofs redeems a code of the proving client with proofs that must not
// do, and then with a sound one. The mutations are those of the authorization
// request, made for the holder of the sound proof.
func (d *Deployment) TryTokenProofs(provings func(context.Context, *Holder) ([]Proving, error), mutations func(*Holder) []Mutation) *Future[[]Tried] {
	return Start(d, func(ctx context.Context) ([]Tried, error) {
		c, err := d.ProvingClient(ctx)
		if err != nil {
			return nil, err
		}
		return d.tokenProofs(ctx, c, provings, mutations)
	})
}

func (d *Deployment) tokenProofs(ctx context.Context, c *Client, provings func(context.Context, *Holder) ([]Proving, error), mutations func(*Holder) []Mutation) ([]Tried, error) {
	sound, err := d.trulyBound(ctx)
	if err != nil {
		return nil, err
	}
	h := sound.Holder
	tried, err := provings(ctx, h)
	if err != nil {
		return nil, err
	}
	var asked []Mutation
	if mutations != nil {
		asked = mutations(h)
	}
	return d.RedeemInTurn(ctx, c, d.soundProven(h), d.ProvenRedemptions(h, tried...), asked...)
}

// trulyBound errs if proofs are not looked at: then no bad one says anything.
func (d *Deployment) trulyBound(ctx context.Context) (*Proven, error) {
	p, err := d.BoundTokens(ctx)
	if err != nil {
		return nil, err
	}
	if typed, _, bound := p.BoundTo(); !typed && !bound {
		return nil, &Blocked{By: "as-dpop-token-bound", Owner: reports.AuthServer, Err: errors.New("a sound proof is not looked at")}
	}
	return p, nil
}

// TokenNonces tells whether the token endpoint hands out nonces for proofs.
func (d *Deployment) TokenNonces(ctx context.Context) (Nonces, error) {
	p, err := d.BoundTokens(ctx)
	if err != nil {
		return Nonces{}, err
	}
	endpoint, err := d.ServerEndpoint(ctx, "token_endpoint")
	if err != nil {
		return Nonces{}, err
	}
	return p.Holder.noncesOf(endpoint), nil
}

// OtherHolder is a holder of another key that knows the same nonces.
func (d *Deployment) OtherHolder(ctx context.Context, h *Holder) (*Holder, error) {
	other, err := d.NewHolder(ctx)
	if err == nil {
		other.adopt(h)
	}
	return other, err
}

// ErrNoBoundClients says that clients cannot be registered for bound tokens.
var ErrNoBoundClients = errors.New("clients cannot be registered with dpop_bound_access_tokens, or the registration does not say that they are")

// BoundClient redeems a code of a client that is registered for bound tokens
// without a proof, then with one.
func (d *Deployment) BoundClient(ctx context.Context) ([]Tried, error) {
	if !d.Registers(ctx) {
		return nil, ErrNoBoundClients
	}
	r, err := d.RegisterChanged(ctx, map[string]any{"dpop_bound_access_tokens": true})
	if err != nil {
		return nil, err
	}
	if kept, _ := r.Document.Bool("dpop_bound_access_tokens"); r.Client == nil || !kept {
		return nil, ErrNoBoundClients
	}
	return d.tokenProofs(ctx, r.Client, func(context.Context, *Holder) ([]Proving, error) {
		return []Proving{{Name: "no proof", None: true}}, nil
	}, nil)
}

// ErrConfidential says that a client proves itself otherwise, so that its refresh
// tokens need not be bound to a key.
var ErrConfidential = errors.New("the client of this run is confidential, and its refresh tokens are bound to its credentials")

// RefreshBound uses a refresh token of a public client, that came with a bound
// token, without a proof and with another key, and then soundly.
func (d *Deployment) RefreshBound(ctx context.Context) ([]Tried, error) {
	c, err := d.ProvingClient(ctx)
	if err != nil {
		return nil, err
	}
	if c.Confidential() {
		return nil, ErrConfidential
	}
	sound, err := d.trulyBound(ctx)
	if err != nil {
		return nil, err
	}
	other, err := d.OtherHolder(ctx, sound.Holder)
	if err != nil {
		return nil, err
	}
	var all []Tried
	for _, v := range []Proving{{Name: "no proof", None: true}, {Name: "the proof of another key", By: other}} {
		t, err := d.boundRefresh(ctx, c, sound.Holder, v)
		if err != nil {
			return nil, err
		}
		all = append(all, Tried{Trial{Name: v.Name}, &Attempt{Tokens: t}})
	}
	return all, nil
}

// boundRefresh refreshes tokens of a flow of their own as said, and shows that
// those of the same or of another flow can be refreshed.
func (d *Deployment) boundRefresh(ctx context.Context, c *Client, h *Holder, v Proving) (*Tokens, error) {
	p, err := d.ProvenGrant(ctx, c, h)
	if err != nil {
		return nil, err
	}
	if p.Refresh == "" {
		return nil, &Blocked{By: "as-refresh-flow", Owner: reports.AuthServer, Err: ErrNoRefreshToken}
	}
	attacked, err := d.refreshProven(wire.For(ctx, "attack"), p, v)
	if err != nil || attacked.Issued() {
		return attacked, err
	}
	for range 2 {
		t, err := d.refreshProven(wire.For(ctx, "control"), p, Proving{})
		if err != nil || t.Issued() {
			return attacked, err
		}
		if p, err = d.ProvenGrant(ctx, c, h); err != nil { // the refused request may have spent it
			return nil, err
		}
	}
	return nil, &Blocked{By: "as-refresh-flow", Owner: reports.AuthServer, Err: fmt.Errorf("a sound refresh of bound tokens is refused")}
}

func (d *Deployment) refreshProven(ctx context.Context, p *Proven, v Proving) (*Tokens, error) {
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.Refresh}, "resource": {resource}}
	return d.ProvenRequest(ctx, p.Client, form, p.Holder, v)
}

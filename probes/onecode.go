package probes

import (
	"context"
	"fmt"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Redeeming is one way to redeem a code.
type Redeeming struct {
	Name   string
	Redeem func(context.Context, *Authorization) (*Tokens, error)
}

// RedeemInTurn takes a client to a code and redeems it in several ways that must
// fail, then soundly, which shows that the failures were not for the code. Only
// where a failure spends the code does each way get a code of its own: a flow
// costs the deployment more than a token request does.
func (d *Deployment) RedeemInTurn(ctx context.Context, c *Client, sound Redeeming, ways []Redeeming, mutations ...Mutation) ([]Tried, error) {
	if _, err := d.Baseline(ctx); err != nil {
		return nil, err
	}
	tried := make([]Tried, len(ways))
	a, err := d.Code(ctx, c, mutations...)
	if err != nil {
		return nil, err
	}
	for i, way := range ways {
		if tried[i], err = redeemAs(ctx, way, a); err != nil {
			return nil, err
		}
		if tried[i].Issued() {
			if a, err = d.Code(ctx, c, mutations...); err != nil {
				return nil, err
			}
		}
	}
	t, err := sound.Redeem(wire.For(ctx, "control"), a)
	if err != nil || t.Issued() {
		return tried, err
	}
	return d.redeemApart(ctx, c, sound, tried, ways, mutations)
}

// redeemApart tries again what was refused, each way with a code of its own.
func (d *Deployment) redeemApart(ctx context.Context, c *Client, sound Redeeming, tried []Tried, ways []Redeeming, mutations []Mutation) ([]Tried, error) {
	for i, way := range ways {
		if tried[i].Issued() {
			continue
		}
		a, err := d.Code(ctx, c, mutations...)
		if err != nil {
			return nil, err
		}
		if tried[i], err = redeemAs(ctx, way, a); err != nil {
			return nil, err
		}
	}
	a, err := d.Code(ctx, c, mutations...)
	if err != nil {
		return nil, err
	}
	t, err := sound.Redeem(wire.For(ctx, "control"), a)
	if err == nil && !t.Issued() {
		err = &Blocked{By: sound.Name, Owner: reports.AuthServer, Err: fmt.Errorf("the sound token request was answered %d %s", t.Response.Status, t.Error)}
	}
	return tried, err
}

func redeemAs(ctx context.Context, way Redeeming, a *Authorization) (Tried, error) {
	t, err := way.Redeem(wire.For(ctx, "attack"), a)
	if err != nil {
		return Tried{}, fmt.Errorf("%s: %w", way.Name, err)
	}
	return Tried{Trial{Name: way.Name}, &Attempt{Authorization: a, Tokens: t}}, nil
}

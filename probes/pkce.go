package probes

import (
	"context"
	"errors"

	"github.com/mcpassay/mcpassay/reports"
)

// SwapVerifiers takes two flows of the client to their codes, and redeems one
// code with the verifier of the other.
func (d *Deployment) SwapVerifiers(ctx context.Context) (*Attempt, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	swapped, err := Controlled(ctx, d, c, func(ctx context.Context) (*Attempt, error) {
		one, err := d.Code(ctx, c)
		if err != nil {
			return nil, err
		}
		other, err := d.Code(ctx, c)
		if err != nil {
			return nil, err
		}
		t, err := d.Redeem(ctx, one, With("code_verifier", other.Request.Verifier))
		return &Attempt{Authorization: one, Tokens: t}, err
	})
	if err == nil && swapped.Issued() {
		err = d.verifiersCompared(ctx)
	}
	return swapped, err
}

// SwapClients takes the client and the second client to codes with one and the
// same challenge, and redeems the first one's code as the second. If that works
// with different challenges too, it is not for the challenge.
func (d *Deployment) SwapClients(ctx context.Context) (*Attempt, error) {
	one, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	other, err := d.SecondClient(ctx)
	if err != nil {
		return nil, err
	}
	swapped, err := Controlled(ctx, d, other, func(ctx context.Context) (*Attempt, error) {
		a, err := d.Code(ctx, one)
		if err != nil {
			return nil, err
		}
		request, err := d.NewRequest(ctx, other, With("code_challenge", a.Request.Values.Get("code_challenge")))
		if err != nil {
			return nil, err
		}
		if _, err := d.Authorize(ctx, request); err != nil { // it may be refused: the challenge is not new
			return nil, err
		}
		t, err := d.RedeemAs(ctx, a, other)
		return &Attempt{Authorization: a, Tokens: t}, err
	})
	if err != nil || !swapped.Issued() {
		return swapped, err
	}
	bound, err := d.ForeignRedemption(ctx)
	if err == nil && bound.Issued() {
		err = &Blocked{By: "as-code-bound-to-client", Owner: reports.AuthServer, Err: errors.New("any client can redeem any code")}
	}
	return swapped, err
}

// RedeemAs redeems the code of an authorization as another client.
func (d *Deployment) RedeemAs(ctx context.Context, a *Authorization, c *Client, mutations ...Mutation) (*Tokens, error) {
	stolen := *a
	request := *a.Request
	request.Client = c
	if request.Values.Get("redirect_uri") == "" {
		return nil, errors.New("the authorization request named no redirect URI")
	}
	stolen.Request = &request
	return d.Redeem(ctx, &stolen, mutations...)
}

// ForeignRedemption is what comes of redeeming a sound code of the client, with
// its verifier, as the second client.
func (d *Deployment) ForeignRedemption(ctx context.Context) (*Attempt, error) {
	return Once(d, "foreign redemption", func(ctx context.Context) (*Attempt, error) {
		one, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		other, err := d.SecondClient(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, other, func(ctx context.Context) (*Attempt, error) {
			a, err := d.Code(ctx, one)
			if err != nil {
				return nil, err
			}
			t, err := d.RedeemAs(ctx, a, other)
			return &Attempt{Authorization: a, Tokens: t}, err
		})
	}).Get(ctx)
}

// Guesses is what came of guessing at a verifier.
type Guesses struct {
	Wrong int      // verifiers tried before the right one
	Last  *Attempt // with the right one
}

// GuessVerifier redeems one sound code with wrong verifiers, then with the right
// one.
func (d *Deployment) GuessVerifier(ctx context.Context, wrong int) (*Guesses, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Guesses, error) {
		a, err := d.Code(ctx, c)
		if err != nil {
			return nil, err
		}
		for range wrong {
			t, err := d.Redeem(ctx, a, With("code_verifier", NewVerifier()))
			if err != nil {
				return nil, err
			}
			if t.Issued() {
				return nil, &Blocked{By: "as-pkce-wrong-verifier", Owner: reports.AuthServer, Err: errors.New("any code verifier will do")}
			}
		}
		t, err := d.Redeem(ctx, a)
		return &Guesses{Wrong: wrong, Last: &Attempt{Authorization: a, Tokens: t}}, err
	})
}

package probes

import (
	"context"
	"errors"
	"fmt"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// An Attempt is how far an attack on the authorization server got. It succeeded
// if an access token was issued; reaching a page or a code is not enough.
type Attempt struct {
	Authorization *Authorization
	Tokens        *Tokens // nil if there was no code to redeem
}

// Issued tells whether the attempt ended with an access token.
func (a *Attempt) Issued() bool { return a.Tokens != nil && a.Tokens.Issued() }

// Ended says in a few words how the attempt ended.
func (a *Attempt) Ended() string {
	if a.Tokens == nil {
		return a.Authorization.Ended()
	}
	if a.Tokens.Issued() {
		return "an access token was issued"
	}
	return fmt.Sprintf("the token request was answered %d %s", a.Tokens.Response.Status, a.Tokens.Error)
}

// Controlled runs attack between two sound flows of the client. A server that
// refuses the sound flow says nothing by refusing the attack, so that is an error.
func Controlled[T any](ctx context.Context, d *Deployment, c *Client, attack func(context.Context) (T, error)) (T, error) {
	var none T
	if _, err := d.Baseline(ctx); err != nil {
		return none, err
	}
	result, err := attack(wire.For(ctx, "attack"))
	if err != nil {
		return none, err
	}
	if err := d.ControlFlow(ctx, c); err != nil {
		return none, fmt.Errorf("the control after the attack failed: %w", err)
	}
	return result, nil
}

// ControlFlow takes a client through a sound flow that began after the call. Its
// error says why there is no telling what a refusal before it means.
func (d *Deployment) ControlFlow(ctx context.Context, c *Client) error {
	return d.after(ctx, "flow of "+c.ID, func(ctx context.Context) error {
		_, err := d.Grant(ctx, c)
		var b *Blocked
		if errors.As(err, &b) && b.By == "as-code-flow" {
			// Another flow of the client may have ended this one, as servers do
			// that keep one grant for a user and a client. Once is no pattern.
			_, err = d.Grant(ctx, c)
		}
		return err
	})
}

// TryAuthorization mutates an authorization request of the run's client and, if
// a code comes of it, redeems the code as a sound client would.
func (d *Deployment) TryAuthorization(mutations ...Mutation) *Future[*Attempt] {
	return Start(d, func(ctx context.Context) (*Attempt, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (*Attempt, error) {
			return d.Attempt(ctx, c, mutations, nil)
		})
	})
}

// TryRedemption mutates the token request for a sound code of the run's client.
func (d *Deployment) TryRedemption(mutations ...Mutation) *Future[*Attempt] {
	return Start(d, func(ctx context.Context) (*Attempt, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (*Attempt, error) {
			return d.Attempt(ctx, c, nil, mutations)
		})
	})
}

// Attempt sends one authorization request and, if a code comes of it, one token
// request, each mutated. It has no controls of its own.
func (d *Deployment) Attempt(ctx context.Context, c *Client, authorization, redemption []Mutation) (*Attempt, error) {
	r, err := d.NewRequest(ctx, c, authorization...)
	if err != nil {
		return nil, err
	}
	a := &Attempt{}
	if a.Authorization, err = d.Authorize(ctx, r); err != nil {
		return nil, err
	}
	if a.Authorization.Code == "" {
		return a, nil
	}
	a.Tokens, err = d.Redeem(ctx, a.Authorization, redemption...)
	return a, err
}

package probes

import (
	"context"
	"errors"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// CodeReplays is what came of redeeming used codes again.
type CodeReplays struct {
	First *Tokens // from the code; from another, if the harmless replay ended the first one's

	Harmless *Tokens // answer to a replay with a wrong verifier
	Kept     *Tokens // a refresh of First after that; nil without refresh tokens

	Replay *Tokens // answer to a replay that is right in every respect

	// What came of the tokens if that was refused.
	After  *Tokens // a refresh of the newest; nil without refresh tokens
	Called *Answer // a call with First's access token; nil if it is a JWT
}

// ReplayCodes redeems a code, then again with a wrong verifier, then once more
// rightly, and looks each time what became of the tokens from it. It uses a
// client of its own, since a server may end more than the one grant.
func (d *Deployment) ReplayCodes(ctx context.Context) (*CodeReplays, error) {
	return Once(d, "code replays", d.replayCodes).Get(ctx)
}

func (d *Deployment) replayCodes(ctx context.Context) (*CodeReplays, error) {
	c, err := d.replayClient(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*CodeReplays, error) {
		a, first, err := d.redeemed(ctx, c)
		if err != nil {
			return nil, err
		}
		r := &CodeReplays{First: first}
		if !first.Issued() {
			return r, nil
		}
		newest := first
		if r.Harmless, err = d.Redeem(ctx, a, With("code_verifier", NewVerifier())); err != nil {
			return nil, err
		}
		if newest.Refresh != "" {
			if r.Kept, err = d.RefreshWith(ctx, newest); err != nil {
				return nil, err
			}
			if !r.Kept.Issued() {
				if err := errors.Join(d.refreshes(ctx, c), d.verifiersCompared(ctx)); err != nil {
					return nil, err
				}
			}
			if r.Kept.Refresh != "" {
				newest = r.Kept
			}
			if !r.Kept.Issued() {
				if a, newest, err = d.redeemed(ctx, c); err != nil {
					return nil, err
				}
				r.First = newest
			}
		}
		if r.Replay, err = d.Redeem(ctx, a); err != nil {
			return nil, err
		}
		if r.Replay.Issued() {
			return r, nil // there is nothing to look for afterwards
		}
		if newest.Refresh != "" {
			if r.After, err = d.RefreshWith(ctx, newest); err != nil {
				return nil, err
			}
		}
		if _, isJWT := r.First.JWT(); !isJWT {
			r.Called, err = d.Call(ctx, r.First.Access)
		}
		return r, err
	})
}

// redeemed takes a sound flow to its tokens, and returns its code as well.
func (d *Deployment) redeemed(ctx context.Context, c *Client) (*Authorization, *Tokens, error) {
	a, err := d.Code(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	t, err := d.Redeem(wire.For(ctx, "control"), a)
	return a, t, err
}

// replayClient is a client whose grants no other check needs.
func (d *Deployment) replayClient(ctx context.Context) (*Client, error) {
	if d.Registers(ctx) {
		return d.RegisterSoundly(ctx, nil)
	}
	return d.DisposableClient(ctx)
}

// Codes takes n flows of the client to their codes, which are not redeemed.
func (d *Deployment) Codes(ctx context.Context, n int) ([]*Authorization, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	var all []*Authorization
	for range n {
		a, err := d.Code(ctx, c)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// longestCode is how long a code may live at most, as OAuth 2.1, section 4.1.2,
// recommends.
const longestCode = 10 * time.Minute

// CodeWait is how long to wait for a code to have expired: a little longer than
// the operator says that codes live, or than they ever should.
func (d *Deployment) CodeWait() time.Duration {
	lifetime := longestCode
	if promised := d.Target.Contract.CodeLifetime; promised > 0 {
		lifetime = min(lifetime, promised)
	}
	return lifetime + lifetime/10
}

// RedeemLate redeems a code when it ought to have expired.
func (d *Deployment) RedeemLate(ctx context.Context) (*Attempt, error) {
	if p := d.unparked(ParkedCode); p != nil {
		return d.redeemParked(ctx, p)
	}
	if d.CodeWait() > d.Target.Wait {
		return nil, d.parkCode(ctx)
	}
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Attempt, error) {
		a, err := d.Code(ctx, c)
		if err != nil {
			return nil, err
		}
		if err := d.pauseUntil(ctx, time.Now().Add(d.CodeWait())); err != nil {
			return nil, err
		}
		t, err := d.Redeem(ctx, a)
		return &Attempt{Authorization: a, Tokens: t}, err
	})
}

package probes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// ErrPatience says that a token was still accepted when the wait had to end.
var ErrPatience = errors.New("the run may not wait longer to see an expired token refused")

// An Expired is the answer to a call with a token that expired some time ago.
type Expired struct {
	*Answer
	Past time.Duration
}

// ExpiredToken presents a token past its end. Where the lab's key can sign one it
// does so at once; else it waits for a genuine one to expire.
func (d *Deployment) ExpiredToken(ctx context.Context) (*Expired, error) {
	if d.Target.Lab != nil {
		taken, err := d.TakesLabTokens(ctx)
		if err != nil {
			return nil, err
		}
		if taken {
			return d.mintedExpired(ctx)
		}
	}
	return d.waitedExpired(ctx)
}

func (d *Deployment) mintedExpired(ctx context.Context) (*Expired, error) {
	var last *Expired
	for _, past := range []time.Duration{10 * time.Minute, 24 * time.Hour} {
		all, err := d.Minted(ctx, d.Target.Lab.With("that has expired",
			tokens.Dated("iat", -past-time.Hour), tokens.Dated("exp", -past)))
		if err != nil {
			return nil, err
		}
		if all[0].Err != nil {
			return nil, all[0].Err
		}
		if last = (&Expired{all[0].Answer, past}); last.Served() {
			break
		}
	}
	return last, nil
}

// expiryPoll is how often a token is tried that should be refused soon.
const expiryPoll = 500 * time.Millisecond

// waitedExpired tries a genuine token from its declared end on, until it is
// refused or the wait is over. What was accepted within a minute of its end may
// be due to clocks that differ: that is not decided.
func (d *Deployment) waitedExpired(ctx context.Context) (*Expired, error) {
	if p := d.unparked(ParkedAccess); p != nil {
		return d.expiredParked(ctx, p)
	}
	if t, err := d.Baseline(ctx); err == nil && d.Target.Park {
		if lifetime, ok := t.ExpiresIn(); !ok || lifetime > d.Target.Wait {
			return nil, d.parkAccess(ctx)
		}
	}
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Grant(wire.For(ctx, "control"), c)
	if err != nil {
		return nil, err
	}
	lifetime, _ := t.ExpiresIn()
	end := t.Response.At.Add(lifetime)
	if err := d.stillSound(ctx, t.Access); err != nil {
		return nil, err
	}
	deadline := end.Add(max(d.Target.Wait-lifetime, 0))
	for at := end; ; at = time.Now().Add(expiryPoll) {
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		a, err := d.Call(wire.For(ctx, "attack"), t.Access)
		if err != nil {
			return nil, err
		}
		past := time.Since(end)
		switch {
		case !a.Served():
			_, err := d.soundCall(ctx)
			return &Expired{a, past}, err
		case past > time.Minute:
			return &Expired{a, past}, nil
		case !time.Now().Before(deadline):
			return nil, fmt.Errorf("%w: it was still accepted %s after its end", ErrPatience, past.Round(time.Second))
		}
	}
}

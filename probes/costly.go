package probes

import (
	"context"
	"errors"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// A Cost is how long a server took to refuse a token.
type Cost struct {
	Name    string
	Took    time.Duration // the shorter of two attempts
	Control time.Duration // the longest of the sound calls round them
	Served  bool
}

// CostlyTokens presents tokens, one after the other and each twice, that cost
// much to refuse for whoever does as they say.
func (d *Deployment) CostlyTokens(ctx context.Context) ([]Cost, error) {
	sound, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.closedToGarbage(ctx); err != nil {
		return nil, err
	}
	timed := func(ctx context.Context, token string) (*Answer, time.Duration, error) {
		start := time.Now()
		a, err := d.Call(ctx, token)
		return a, time.Since(start), err
	}
	var all []Cost
	for _, r := range tokens.Costly() {
		token, err := r.Make(sound)
		if err != nil {
			return nil, err
		}
		c := Cost{Name: r.Name}
		for i := range 2 {
			a, took, err := timed(wire.For(ctx, "attack"), token)
			if errors.Is(err, wire.ErrLimited) || ctx.Err() != nil {
				return nil, err
			}
			c.Served = c.Served || err == nil && a.Served()
			if i == 0 || took < c.Took {
				c.Took = took
			}
			_, control, err := timed(wire.For(ctx, "control"), sound)
			if err != nil {
				return nil, err
			}
			c.Control = max(c.Control, control)
		}
		all = append(all, c)
	}
	return all, d.ControlCall(ctx)
}

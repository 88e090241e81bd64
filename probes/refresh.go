package probes

import (
	"context"
	"fmt"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Replay is what came of using a refresh token again after its successor had
// been issued (RFC 9700, section 4.14.2).
type Replay struct {
	Rotated bool // the first use issued another refresh token
	First   *Tokens
	Reuse   *Tokens       // the second use of the first token, at once
	Late    *Tokens       // another use of it after Waited, if the one at once was accepted
	Waited  time.Duration // between first use and Late
	Newest  *Tokens       // use of the newest token after the reuse; nil if reuse was accepted
}

// ReplayRefresh uses a refresh token, its successor, then the first one again,
// once for all checks. If that is accepted, as within a grace window, it is tried
// once more after the time that the user allows to wait.
func (d *Deployment) ReplayRefresh(ctx context.Context) (*Replay, error) { return d.replay.Get(ctx) }

func (b *bench) replayRefresh(ctx context.Context) (*Replay, error) {
	d := b.view(ctx)
	c, err := d.DisposableClient(ctx)
	if err != nil {
		return nil, err
	}
	original, err := d.Refreshable(ctx, c)
	if err != nil {
		return nil, err
	}
	r := &Replay{}
	if r.First, err = d.soundRefresh(ctx, original); err != nil {
		return nil, err
	}
	used := time.Now()
	r.Rotated = r.First.Refresh != "" && r.First.Refresh != original.Refresh
	if !r.Rotated {
		return r, nil
	}
	second, err := d.soundRefresh(ctx, r.First)
	if err != nil {
		return nil, err
	}
	if r.Reuse, err = d.RefreshWith(wire.For(ctx, "attack"), original); err != nil {
		return nil, err
	}
	if !r.Reuse.Issued() {
		newest := second
		if newest.Refresh == "" {
			newest = r.First
		}
		r.Newest, err = d.RefreshWith(wire.For(ctx, "attack"), newest)
		return r, err
	}
	if err := d.pauseUntil(ctx, used.Add(d.Target.Wait)); err != nil {
		return nil, err
	}
	r.Waited = time.Since(used)
	r.Late, err = d.RefreshWith(wire.For(ctx, "attack"), original)
	return r, err
}

// soundRefresh uses a refresh token as its client would, and errs if refused.
func (d *Deployment) soundRefresh(ctx context.Context, t *Tokens) (*Tokens, error) {
	next, err := d.RefreshWith(wire.For(ctx, "control"), t)
	if err != nil {
		return nil, err
	}
	if !next.Issued() {
		return nil, &Blocked{By: "as-refresh-flow", Owner: reports.AuthServer,
			Err: fmt.Errorf("a sound refresh was answered %d %s", next.Response.Status, next.Error)}
	}
	return next, nil
}

// SoundRefresh takes a client through a flow and one refresh.
func (d *Deployment) SoundRefresh(ctx context.Context) (*Tokens, error) {
	c, err := d.DisposableClient(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Refreshable(ctx, c)
	if err != nil {
		return nil, err
	}
	return d.soundRefresh(ctx, t)
}

// pauseUntil waits for something to expire.
func (d *Deployment) pauseUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// StealRefresh presents the refresh token of one client as another, with the
// mutations, then uses it soundly: what was refused must have been good.
func (d *Deployment) StealRefresh(thief func(context.Context) (*Client, error), mutations ...Mutation) *Future[*Tokens] {
	return Start(d, func(ctx context.Context) (*Tokens, error) {
		owner, err := d.DisposableClient(ctx)
		if err != nil {
			return nil, err
		}
		t, err := d.Refreshable(ctx, owner)
		if err != nil {
			return nil, err
		}
		stolen := *t
		if stolen.Client, err = thief(ctx); err != nil {
			return nil, err
		}
		result, err := d.RefreshWith(wire.For(ctx, "attack"), &stolen, mutations...)
		if err != nil || result.Issued() {
			return result, err
		}
		// A server may end the grant when its token turns up at another client;
		// then a fresh one shows that refreshing works.
		if _, err = d.soundRefresh(ctx, t); err != nil {
			_, err = d.SoundRefresh(ctx)
		}
		return result, err
	})
}

// Widening is a grant of some scopes and what refreshing it for others gave.
type Widening struct {
	Asked   []string // scopes of the authorization request
	Granted []string // scopes that the token response names, else Asked
	Wanted  string   // the scope that a refresh asked for on top
	Results []*Tokens
}

// WidenRefresh has a client authorized for one scope, then for another in a
// second flow, and refreshes the first grant with each set of mutations.
func (d *Deployment) WidenRefresh(make func(granted, wanted string) [][]Mutation) *Future[*Widening] {
	return Start(d, func(ctx context.Context) (*Widening, error) {
		c, err := d.DisposableClient(ctx)
		if err != nil {
			return nil, err
		}
		scopes, err := d.AllScopes(ctx)
		if err != nil {
			return nil, err
		}
		w := &Widening{Asked: scopes[:1], Wanted: scopes[1]}
		t, err := d.Refreshable(ctx, c, d.OnlyScopes(ctx, scopes[0]))
		if err != nil {
			return nil, err
		}
		w.Granted = w.Asked
		if named, ok := t.Scopes(); ok {
			w.Granted = named
		}
		if _, err := d.Grant(ctx, c, d.OnlyScopes(ctx, scopes[1])); err != nil {
			return nil, err
		}
		newest := t
		for _, mutations := range make(scopes[0], scopes[1]) {
			result, err := d.RefreshWith(wire.For(ctx, "attack"), newest, mutations...)
			if err != nil {
				return nil, err
			}
			w.Results = append(w.Results, result)
			if result.Issued() && result.Refresh != "" {
				newest = result
			}
		}
		_, err = d.soundRefresh(ctx, newest)
		return w, err
	})
}

// NarrowRefresh has a client authorized for two scopes, refreshes for the first
// only, then without naming any, and returns both.
func (d *Deployment) NarrowRefresh(ctx context.Context) (narrow, again *Tokens, both []string, err error) {
	c, err := d.DisposableClient(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	scopes, err := d.AllScopes(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	t, err := d.Refreshable(ctx, c, d.OnlyScopes(ctx, scopes[0], scopes[1]))
	if err != nil {
		return nil, nil, nil, err
	}
	if narrow, err = d.RefreshWith(ctx, t, With("scope", scopes[0])); err != nil || !narrow.Issued() {
		return narrow, nil, scopes[:2], err
	}
	newest := t
	if narrow.Refresh != "" {
		newest = narrow
	}
	again, err = d.soundRefresh(ctx, newest)
	return narrow, again, scopes[:2], err
}

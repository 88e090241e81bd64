package probes

import (
	"context"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// RefreshEnd is when the refresh token ends, as far as anybody can tell: by the
// token response, where servers say it under either of two names that no RFC has
// settled, or by the token itself if it is a JWT.
func (t *Tokens) RefreshEnd() (end time.Time, told bool) {
	if t.Refresh == "" {
		return end, false
	}
	for _, name := range []string{"refresh_token_expires_in", "refresh_expires_in"} {
		if seconds, ok := t.Document.Number(name); ok && seconds > 0 {
			return t.Response.At.Add(t.Response.Took + time.Duration(seconds*float64(time.Second))), true
		}
	}
	if jwt, ok := DecodeJWT(t.Refresh); ok {
		if seconds, ok := jwt.Claims.Number("exp"); ok {
			return time.Unix(int64(seconds), 0), true
		}
	}
	return end, false
}

// Ends is when the refresh tokens of one grant end, as each of them says.
type Ends struct {
	First, Last time.Time
	Told        bool          // all of them say it
	Elapsed     time.Duration // between the first and the last of them
	Lifetime    time.Duration // of the first, when it was issued
}

// betweenRefreshes is how long to wait until an end that moves has moved farther
// than one that is told in whole seconds seems to.
const betweenRefreshes = 3 * time.Second

// RefreshEnds refreshes a grant of a public web client twice at once and once
// more a little later, and notes when each refresh token says that it ends.
func (d *Deployment) RefreshEnds(ctx context.Context) (*Ends, error) {
	c, err := d.WebClient(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Refreshable(wire.For(ctx, "control"), c)
	if err != nil {
		return nil, err
	}
	e := &Ends{}
	if e.First, e.Told = t.RefreshEnd(); !e.Told {
		return e, nil
	}
	began := t.Response.At
	e.Lifetime = e.First.Sub(began)
	for i := range 3 {
		if i == 2 {
			if err := d.pauseUntil(ctx, began.Add(min(d.Target.Wait, betweenRefreshes))); err != nil {
				return nil, err
			}
		}
		next, err := d.soundRefresh(ctx, t)
		if err != nil {
			return nil, err
		}
		if next.Refresh != "" {
			t = next
			e.Elapsed = next.Response.At.Sub(began)
			if e.Last, e.Told = next.RefreshEnd(); !e.Told {
				return e, nil
			}
		}
	}
	return e, nil
}

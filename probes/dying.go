package probes

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Dying access token was revoked after it had been used, and tried until it was
// refused or the wait was over.
type Dying struct {
	Unsupported bool          // the server revokes no access tokens (RFC 7009, section 2.2.1)
	JWT         bool          // it can be judged without asking anybody
	Lifetime    time.Duration // as declared; 0 if it is not
	Dead        bool
	After       time.Duration // when it was refused, or last accepted
}

// revocationPatience is how long a revoked token may go on being accepted because
// somebody remembers what it stood for.
const revocationPatience = 5 * time.Minute

// RevokedToken revokes an access token that was in use, and tries it until it is
// refused.
func (d *Deployment) RevokedToken(ctx context.Context) (*Dying, error) {
	if p := d.unparked(ParkedRevoked); p != nil {
		return d.revokedParked(ctx, p)
	}
	client := d.revokedClient
	if d.Target.Park {
		client = d.keptClient
	}
	c, err := client(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Grant(wire.For(ctx, "control"), c)
	if err != nil {
		return nil, err
	}
	x := &Dying{}
	_, x.JWT = t.JWT()
	x.Lifetime, _ = t.ExpiresIn()
	if err := d.stillSound(ctx, t.Access); err != nil {
		return nil, err
	}
	res, err := d.Revoke(ctx, c, t.Access, "access_token")
	if err != nil {
		return nil, err
	}
	if res.Status >= 300 {
		x.Unsupported = strings.Contains(string(res.Body), "unsupported_token_type")
		if !x.Unsupported {
			err = &Blocked{By: "as-revocation-works", Owner: reports.AuthServer, Err: errors.New("the revocation of an access token was refused")}
		}
		return x, err
	}
	revoked := time.Now()
	if err := d.untilRefused(ctx, t.Access, revoked, x); err != nil || x.Dead || x.JWT || !d.Target.Park || x.After >= revocationPatience {
		return x, err
	}
	return nil, d.park(Parked{
		What: ParkedRevoked, Check: "rs-revoked-token-refused", Ended: revoked, Due: revoked.Add(revocationPatience), Secret: t.Access,
	}, c)
}

// untilRefused tries a revoked token until it is refused, or for as long as the
// run may wait.
func (d *Deployment) untilRefused(ctx context.Context, token string, revoked time.Time, x *Dying) error {
	wait := d.Target.Wait
	if x.JWT {
		wait = min(wait, expiryPoll) // nobody asks, so nobody forgets
	}
	for {
		a, err := d.Call(wire.For(ctx, "attack"), token)
		if err != nil {
			return err
		}
		x.After = time.Since(revoked)
		if x.Dead = !a.Served(); x.Dead {
			return d.ControlCall(ctx)
		}
		if x.After >= wait {
			return nil
		}
		if err := d.pauseUntil(ctx, slices.MinFunc([]time.Time{time.Now().Add(expiryPoll), revoked.Add(wait)}, time.Time.Compare)); err != nil {
			return err
		}
	}
}

// revokedParked tries a revoked token that an earlier run parked.
func (d *Deployment) revokedParked(ctx context.Context, p *Parked) (*Dying, error) {
	p.client(d)
	a, err := d.GuardedCall(ctx, func(ctx context.Context, _ string) (*Answer, error) { return d.Call(ctx, p.Secret) })
	if err != nil {
		return nil, err
	}
	return &Dying{Dead: !a.Served(), After: time.Since(p.Ended)}, nil
}

// SecretEnd is when the secret of a registered client ends, if it does (RFC 7591,
// section 3.2.1).
func (c *Client) SecretEnd() (time.Time, bool) {
	seconds, ok := c.Metadata.Number("client_secret_expires_at")
	return time.Unix(int64(seconds), 0), ok && seconds > 0
}

// SecretWait is how long client secrets live; false if they do not end.
func (d *Deployment) SecretWait(ctx context.Context) (time.Duration, bool) {
	c, err := d.OtherConfidentialClient(ctx)
	if err != nil || c.Answer == nil {
		return 0, false
	}
	end, ends := c.SecretEnd()
	return end.Sub(c.Answer.At), ends
}

// SecretAfterEnd refreshes with a client secret before its end, and with the next
// refresh token after that.
func (d *Deployment) SecretAfterEnd(ctx context.Context) (*Aftermath, error) {
	if p := d.unparked(ParkedSecret); p != nil {
		t, err := d.afterControl(ctx, func(ctx context.Context) (*Tokens, error) {
			return d.RefreshWith(ctx, &Tokens{Refresh: p.Secret, Client: p.client(d)})
		})
		return &Aftermath{After: t, Past: time.Since(p.Ended)}, err
	}
	c, err := d.RegisterConfidential(ctx, "client_secret_basic", "client_secret_post")
	if err != nil {
		return nil, err
	}
	end, _ := c.SecretEnd()
	t, err := d.Refreshable(wire.For(ctx, "control"), c)
	if err != nil {
		return nil, err
	}
	m := &Aftermath{}
	if m.Before, err = d.soundRefresh(ctx, t); err != nil {
		return nil, err
	}
	if m.Before.Refresh != "" {
		t = m.Before
	}
	if time.Until(end) > d.Target.Wait {
		d.keep(c)
		return nil, d.park(Parked{What: ParkedSecret, Check: "as-client-secret-expires", Ended: end, Due: end.Add(afterEnd), Secret: t.Refresh}, c)
	}
	if err := d.pauseUntil(ctx, end.Add(afterEnd)); err != nil {
		return nil, err
	}
	m.After, err = d.afterControl(ctx, func(ctx context.Context) (*Tokens, error) { return d.RefreshWith(ctx, t) })
	m.Past = time.Since(end)
	return m, err
}

package probes

import (
	"context"
	"net/url"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// UsePushLate uses a request URI after it has expired. One that does not while the
// run lasts is parked for another run.
func (d *Deployment) UsePushLate(ctx context.Context, c *Client) (*Attempt, error) {
	if p := d.unparked(ParkedPush); p != nil {
		return d.useParkedPush(ctx, p)
	}
	wait, err := d.PushWait(ctx)
	if err != nil {
		return nil, err
	}
	if wait > d.Target.Wait {
		return nil, d.parkPush(ctx, wait)
	}
	p, r, err := d.SoundPush(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := d.pauseUntil(ctx, time.Now().Add(wait)); err != nil {
		return nil, err
	}
	return d.AuthorizePushed(ctx, p, r, c, nil, nil)
}

// parkPush pushes a request of the kept client and sets it aside.
func (d *Deployment) parkPush(ctx context.Context, wait time.Duration) error {
	c, err := d.keptClient(ctx)
	if err != nil {
		return err
	}
	p, r, err := d.SoundPush(wire.For(ctx, "control"), c)
	if err != nil {
		return err
	}
	due := time.Now().Add(wait)
	return d.park(Parked{
		What: ParkedPush, Check: "as-par-expiry", Ended: due, Due: due,
		Secret: p.URI, Verifier: r.Verifier, RedirectURI: r.RedirectURI(), Resources: r.Values["resource"],
	}, c)
}

// useParkedPush uses a request URI that an earlier run parked.
func (d *Deployment) useParkedPush(ctx context.Context, p *Parked) (*Attempt, error) {
	c := p.client(d)
	r := &Request{
		Client: c, Verifier: p.Verifier, User: d.user(),
		Values: url.Values{"client_id": {c.ID}, "redirect_uri": {p.RedirectURI}, "resource": p.Resources},
	}
	return d.AuthorizePushed(ctx, &Push{URI: p.Secret}, r, c, nil, nil)
}

package probes

import (
	"context"
	"net/http"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// A RevokedToken is what became of an access token at the resource server after
// it was revoked.
type RevokedToken struct {
	Refused  bool
	Window   time.Duration // how long that took, or how long was waited
	JWT      bool          // it verifies by itself
	Lifetime time.Duration // as declared; 0: not known
}

// RevokedToken revokes an access token that is in use, and waits for the resource
// server to refuse it. One that verifies by itself is tried only a few times.
func (d *Deployment) RevokedToken(ctx context.Context) (*RevokedToken, error) {
	if _, err := d.FirstCall(ctx); err != nil {
		return nil, err
	}
	c, err := d.revokedClient(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Grant(wire.For(ctx, "control"), c)
	if err != nil {
		return nil, err
	}
	if err := d.stillSound(ctx, t.Access); err != nil {
		return nil, err
	}
	res, err := d.Revoke(ctx, c, t.Access, "access_token")
	if err != nil {
		return nil, err
	}
	if res.Status >= http.StatusMultipleChoices {
		return nil, ErrNotRevocable
	}
	r := &RevokedToken{}
	_, r.JWT = t.JWT()
	r.Lifetime, _ = t.ExpiresIn()
	if r.JWT {
		a, err := d.Call(wire.For(ctx, "attack"), t.Access)
		if err != nil {
			return nil, err
		}
		r.Refused = !a.Served()
	} else if r.Refused, r.Window, err = d.untilRefused(ctx, t.Access); err != nil {
		return nil, err
	}
	return r, d.ControlCall(ctx)
}

package probes

import (
	"context"
	"errors"
	"net/url"
	"sync"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// RacePush has several browsers come with one request URI at one moment, and
// redeems the codes that come of it.
func (d *Deployment) RacePush(ctx context.Context) (*OnceRace, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	n := min(raceFew, cap(d.turns), d.wire.Concurrency())
	if !metadata.Has(pushEndpoint) || n < pair {
		return &OnceRace{}, nil
	}
	c, err := d.raceClient(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.PushControl(ctx, c); err != nil {
		return nil, err
	}
	r := &OnceRace{Offered: true}
	for range raceRounds {
		if err := d.pushRound(wire.For(ctx, "attack"), c, n, r); err != nil {
			return nil, err
		}
		if len(r.Issued) > 1 {
			break
		}
	}
	return r, d.PushControl(ctx, c)
}

func (d *Deployment) pushRound(ctx context.Context, c *Client, n int, r *OnceRace) error {
	p, asked, err := d.SoundPush(ctx, c)
	if err != nil {
		return err
	}
	all, errs := make([]*Attempt, n), make([]error, n)
	var browsers sync.WaitGroup
	for i := range n {
		browsers.Go(func() { all[i], errs[i] = d.AuthorizePushed(ctx, p, asked, c, nil, nil) })
	}
	browsers.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	r.Issued = nil
	for _, a := range all {
		if a.Issued() {
			r.Issued = append(r.Issued, a.Tokens)
		}
	}
	if len(r.Issued) < 2 {
		return nil
	}
	again, err := d.AuthorizePushed(ctx, p, asked, c, nil, nil)
	if err == nil && again.Issued() {
		r.Open = &Blocked{By: "as-par-single-use", Owner: reports.AuthServer, Err: errors.New("a request URI can be used again at any time")}
	}
	return err
}

// RaceDevice has a user connect a device that then polls several times at one
// moment.
func (d *Deployment) RaceDevice(ctx context.Context) (*OnceRace, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if !metadata.Has("device_authorization_endpoint") || d.wire.Concurrency() < pair {
		return &OnceRace{}, nil
	}
	r := &OnceRace{}
	for range raceRounds {
		err := d.deviceRound(ctx, r)
		if errors.Is(err, ErrNoDevices) || errors.Is(err, ErrNoComplete) {
			return &OnceRace{}, nil
		}
		if err != nil || len(r.Issued) > 1 {
			return r, err
		}
	}
	return r, nil
}

func (d *Deployment) deviceRound(ctx context.Context, r *OnceRace) error {
	asked, err := d.AskAsDevice(ctx)
	if err != nil {
		return err
	}
	if asked.Complete == "" {
		return ErrNoComplete
	}
	who := d.user()
	if len(d.Target.Users) > 1 {
		who = d.Target.Users[1] // the first may have guessed too many user codes
	}
	if _, err := seated(ctx, d, func(s *Sitting) (*Authorization, error) {
		return s.pages(wire.For(ctx, "control"), asked, By(who))
	}); err != nil {
		return err
	}
	form := url.Values{"grant_type": {deviceGrant}, "device_code": {asked.Code}}
	answers, err := d.volley(ctx, asked.Client, times(min(raceFew, d.wire.Concurrency()), form))
	if err != nil {
		return err
	}
	r.Offered, r.Issued = true, nil
	for _, t := range answers {
		if t.Issued() {
			r.Issued = append(r.Issued, t)
		}
	}
	switch len(r.Issued) {
	case 0:
		return &Blocked{Owner: reports.AuthServer, Err: errors.New("of several polls at once for a device that its user was to approve none gave tokens")}
	case 1:
		return nil
	}
	again, err := d.Poll(wire.For(ctx, "attack"), asked, asked.Client)
	if err == nil && again.Issued() {
		r.Open = &Blocked{By: "as-device-polling", Owner: reports.AuthServer, Err: errors.New("a device code can be used again at any time")}
	}
	return err
}

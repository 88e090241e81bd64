package probes

import (
	"context"
	"errors"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
)

// A KeyLab chooses which keys the authorization server publishes beside its own.
type KeyLab interface {
	// Publish publishes a fresh key, and returns what signs with it.
	Publish(ctx context.Context) (*tokens.Issuer, error)
	// Withdraw publishes it no longer.
	Withdraw(ctx context.Context) error
	// Fetched is how often the key set was fetched so far.
	Fetched(ctx context.Context) (int, error)
}

// keyLab is the reference authorization server's.
type keyLab struct{ server *reference.AuthServer }

func (l keyLab) Publish(context.Context) (*tokens.Issuer, error) { return l.server.PublishSpareKey() }
func (l keyLab) Withdraw(context.Context) error                  { l.server.WithdrawSpareKey(); return nil }
func (l keyLab) Fetched(context.Context) (int, error)            { return l.server.KeysFetched(), nil }

// A KeyChange is what was seen of a key that came and went.
type KeyChange struct {
	Learned   bool          // a token signed with the new key was accepted
	LearnedIn time.Duration // after that long, or not within
	Dropped   bool          // it was refused after the key had gone
	DroppedIn time.Duration // after that long, or not within
	Fetched   bool          // the server fetched the keys after the key had gone
}

// ChangeKeys publishes a second key, withdraws it, and sees what becomes of a
// token that is signed with it.
func (d *Deployment) ChangeKeys(ctx context.Context) (*KeyChange, error) {
	sound, err := d.LabToken(ctx)
	if err != nil {
		return nil, err
	}
	key, err := d.Target.Keys.Publish(ctx)
	if err != nil {
		return nil, err
	}
	withdrawn := false
	defer func() {
		if !withdrawn {
			_ = d.Target.Keys.Withdraw(context.WithoutCancel(ctx)) // the lab ends with the run
		}
	}()
	token, err := key.Sound(tokens.Dated("exp", 10*time.Minute)).Make(sound)
	if err != nil {
		return nil, err
	}
	c := &KeyChange{}
	if c.Learned, c.LearnedIn, err = d.poll(ctx, func(ctx context.Context) (bool, error) {
		a, err := d.Call(wire.For(ctx, "control"), token)
		return err == nil && a.Served(), err
	}); err != nil || !c.Learned {
		return c, errors.Join(err, d.stillSound(ctx, sound))
	}
	if err := d.Target.Keys.Withdraw(ctx); err != nil {
		return nil, err
	}
	withdrawn = true
	if err := d.awaitDropped(ctx, sound, token, c); err != nil {
		return nil, err
	}
	return c, d.stillSound(ctx, sound)
}

// awaitDropped tries the token until it is refused. In between it shows the
// server tokens of keys that nobody knows, which makes many look for new ones.
func (d *Deployment) awaitDropped(ctx context.Context, sound, token string, c *KeyChange) error {
	before, err := d.Target.Keys.Fetched(ctx)
	if err != nil {
		return err
	}
	stranger, err := tokens.NewIssuer("")
	if err != nil {
		return err
	}
	unknown, err := stranger.Sound(tokens.Dated("exp", 10*time.Minute)).Make(sound)
	if err != nil {
		return err
	}
	c.Dropped, c.DroppedIn, err = d.poll(ctx, func(ctx context.Context) (bool, error) {
		if _, err := d.Call(wire.For(ctx, "attack"), unknown); err != nil {
			return false, err
		}
		a, err := d.Call(wire.For(ctx, "attack"), token)
		return err == nil && !a.Served(), err
	})
	if err != nil {
		return err
	}
	after, err := d.Target.Keys.Fetched(ctx)
	c.Fetched = after > before
	return err
}

// poll does something again and again until it succeeds, or the run may wait no
// longer.
func (d *Deployment) poll(ctx context.Context, try func(context.Context) (bool, error)) (bool, time.Duration, error) {
	start := time.Now()
	for {
		done, err := try(ctx)
		past := time.Since(start)
		if err != nil || done || past >= d.Target.Wait {
			return done, past, err
		}
		select {
		case <-time.After(cachePoll):
		case <-ctx.Done():
			return false, past, context.Cause(ctx)
		}
	}
}

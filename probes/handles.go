package probes

import (
	"context"
	"fmt"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A HandleTrial is what others could do with a handle that a user was given.
type HandleTrial struct {
	Bare  *HandleNaming // without a token
	Other *HandleNaming // with the second user's; nil without one
}

// mintHandle calls the tool that mints a handle, and finds it in the result.
func (t *talk) mintHandle(ctx context.Context) (string, error) {
	h := t.d.Target.State.Handles
	a, err := t.call(ctx, h.Create)
	if err != nil {
		return "", err
	}
	if !a.Served() {
		return "", t.d.Unserved("handles", reports.Configuration, "the tool "+h.Create.Name+" with a sound token", a)
	}
	member := h.Result
	if member == "" {
		member = h.Argument
	}
	handle := memberOf(a.Result, member)
	if handle == "" {
		return "", &Blocked{By: "handles", Owner: reports.Configuration, Err: fmt.Errorf("the result of the tool %s has no %s", h.Create.Name, member)}
	}
	t.d.wire.Redactor.Learn("handle", handle)
	return handle, nil
}

// TryHandle lets a user have a handle minted, and others name it. That its owner
// can use it, before and after, is the control.
func (d *Deployment) TryHandle(ctx context.Context) (*HandleTrial, error) {
	return Once(d, "handles", func(ctx context.Context) (*HandleTrial, error) { return d.view(ctx).tryHandle(ctx) }).Get(ctx)
}

func (d *Deployment) tryHandle(ctx context.Context) (*HandleTrial, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	owner, err := d.talkAs(ctx, token, nil)
	if err != nil {
		return nil, err
	}
	defer owner.end(ctx)
	h := d.Target.State.Handles
	handle, err := owner.mintHandle(wire.For(ctx, "control"))
	if err != nil {
		return nil, err
	}
	sound := func() error {
		a, err := owner.call(wire.For(ctx, "control"), h.Use.with(h.Argument, handle))
		if err == nil && !a.Served() {
			err = d.Unserved("handles", reports.Configuration, "the tool "+h.Use.Name+" with its owner's handle", a)
		}
		return err
	}
	if err := sound(); err != nil {
		return nil, err
	}
	invented := madeUp(handle)
	name := func(t *talk, token string) (*HandleNaming, error) {
		n := &HandleNaming{realID: handle, madeUpID: invented}
		if n.Made, err = t.sayAs(wire.For(ctx, "attack"), token, "tools/call", toolParams(h.Use.with(h.Argument, invented))); err != nil {
			return nil, err
		}
		n.Real, err = t.sayAs(wire.For(ctx, "attack"), token, "tools/call", toolParams(h.Use.with(h.Argument, handle)))
		return n, err
	}
	x := &HandleTrial{}
	if x.Bare, err = name(owner, ""); err != nil {
		return nil, err
	}
	if len(d.Target.Users) > 1 {
		if x.Other, err = d.asSecond(ctx, nil, func(t *talk) (*HandleNaming, error) { return name(t, t.token) }); err != nil {
			return nil, err
		}
	}
	return x, sound()
}

// asSecond does something as the second user, who can make the protected call.
func (d *Deployment) asSecond(ctx context.Context, capabilities map[string]any, do func(*talk) (*HandleNaming, error)) (*HandleNaming, error) {
	token, err := d.SecondUserToken(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.talkAs(ctx, token, capabilities)
	if err != nil {
		return nil, err
	}
	defer t.end(ctx)
	method, params := d.protected()
	a, err := t.say(wire.For(ctx, "control"), method, params)
	if err != nil {
		return nil, err
	}
	if !a.Served() {
		return nil, d.Unserved("second user", reports.Configuration, "the protected call of the second user", a)
	}
	return do(t)
}

// MintHandles has handles minted one after the other.
func (d *Deployment) MintHandles(ctx context.Context, n int) ([]string, error) {
	t, err := d.firstTalk(ctx)
	if err != nil {
		return nil, err
	}
	defer t.end(ctx)
	var handles []string
	for range n {
		handle, err := t.mintHandle(wire.For(ctx, "control"))
		if err != nil {
			return nil, err
		}
		handles = append(handles, handle)
	}
	return handles, nil
}

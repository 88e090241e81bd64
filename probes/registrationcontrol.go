package probes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A RefusedRegistration is the error of an ordinary registration that came to
// no client.
type RefusedRegistration struct {
	Status int
	Code   string // the error member (RFC 7591, section 3.2.2); empty if there is none
}

func (e *RefusedRegistration) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("an ordinary registration was answered %d", e.Status)
	}
	return fmt.Sprintf("an ordinary registration was answered %d %s", e.Status, e.Code)
}

// Code is the error member of the answer, if it has one.
func (r *Registration) Code() string {
	code, _ := r.Document.String("error")
	return code
}

// A Turn says when an attack on the registration endpoint is due. Many servers
// allow some twenty registrations an hour: what matters most goes first.
type Turn int

// The turns.
const (
	First Turn = iota
	Then
	Last
)

// enrolling lets attacks on the registration endpoint take turns, and remembers
// when a registration last succeeded: whichever did so after an attack is the
// control of that attack.
type enrolling struct {
	mu        sync.Mutex
	busy      bool
	waiting   []*place
	succeeded time.Time     // when the latest registration that succeeded had begun
	changed   chan struct{} // closed and replaced when busy, waiting or succeeded change
	limited   error         // the server's word that it takes no more
}

// A place in the queue; due is closed when it is its turn.
type place struct {
	turn Turn
	due  chan struct{}
}

func (e *enrolling) notify() {
	if e.changed != nil {
		close(e.changed)
	}
	e.changed = make(chan struct{})
}

// enter waits for its turn.
func (e *enrolling) enter(ctx context.Context, turn Turn) error {
	e.mu.Lock()
	if !e.busy {
		e.busy = true
		e.mu.Unlock()
		return nil
	}
	p := &place{turn, make(chan struct{})}
	at := slices.IndexFunc(e.waiting, func(q *place) bool { return q.turn > turn })
	if at < 0 {
		at = len(e.waiting)
	}
	e.waiting = slices.Insert(e.waiting, at, p)
	e.mu.Unlock()
	select {
	case <-p.due:
		return nil
	case <-ctx.Done():
		e.mu.Lock()
		defer e.mu.Unlock()
		if at := slices.Index(e.waiting, p); at >= 0 {
			e.waiting = slices.Delete(e.waiting, at, at+1)
		} else {
			e.next() // it had just become its turn
		}
		return context.Cause(ctx)
	}
}

// leave lets the next one in.
func (e *enrolling) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.next()
}

func (e *enrolling) next() {
	if e.busy = len(e.waiting) > 0; e.busy {
		close(e.waiting[0].due)
		e.waiting = e.waiting[1:]
	}
	e.notify()
}

// success notes a registration that succeeded.
func (e *enrolling) success(began time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if began.After(e.succeeded) {
		e.succeeded = began
		e.notify()
	}
}

// failed notes that the server takes no more registrations for now.
func (e *enrolling) failed(err error) {
	if !errors.Is(err, wire.ErrLimited) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.limited = err
}

// full is why there is no point in registering more, or nil.
func (e *enrolling) full() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.limited
}

// after tells whether a registration that began after t has succeeded.
func (e *enrolling) after(t time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.succeeded.After(t)
}

// since waits until a registration that began after t has succeeded. It returns
// false when nobody is about to register any more.
func (e *enrolling) since(ctx context.Context, t time.Time) (bool, error) {
	for {
		e.mu.Lock()
		if e.changed == nil {
			e.notify()
		}
		done, idle, changed := e.succeeded.After(t), !e.busy, e.changed
		e.mu.Unlock()
		if done || idle {
			return done, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// RegisterChanged sends the registration of an ordinary client with the members
// changed as given. A nil value leaves a member out.
func (d *Deployment) RegisterChanged(ctx context.Context, change map[string]any) (*Registration, error) {
	return d.Register(ctx, d.changed(ctx, change))
}

// OrdinaryFlow takes the second client of the run, which is always registered
// where registration is offered, through a flow: the control of every attack on
// the registration endpoint. A server that registers nothing usable says nothing
// by refusing more.
func (d *Deployment) OrdinaryFlow(ctx context.Context) (*Attempt, error) {
	return Once(d, "ordinary flow", func(ctx context.Context) (*Attempt, error) {
		c, err := d.SecondClient(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := d.Baseline(ctx); err != nil {
			return nil, err
		}
		return d.Attempt(wire.For(ctx, "control"), c, nil, nil)
	}).Get(ctx)
}

// RegisterBetween registers clients with the members changed as given, one after
// the other, between registrations that succeed. The one before has been shown to
// be usable; the one after may be somebody else's. A nil value leaves a member out.
func (d *Deployment) RegisterBetween(ctx context.Context, turn Turn, changes ...map[string]any) ([]*Registration, error) {
	flow, err := d.OrdinaryFlow(ctx)
	if err != nil {
		return nil, err
	}
	if !flow.Issued() {
		return nil, &Blocked{By: "as-dcr-usable", Owner: reports.AuthServer,
			Err: errors.New("a client that was registered soundly got no token: " + flow.Ended())}
	}
	results, err := d.registerInTurn(wire.For(ctx, "attack"), turn, changes)
	if err != nil {
		return nil, err
	}
	if err := d.RegistrationWorks(ctx); err != nil {
		return nil, err
	}
	return results, nil
}

func (d *Deployment) registerInTurn(ctx context.Context, turn Turn, changes []map[string]any) (results []*Registration, err error) {
	if err := d.enrolling.enter(ctx, turn); err != nil {
		return nil, err
	}
	defer d.enrolling.leave()
	for _, change := range changes {
		r, err := d.RegisterChanged(ctx, change)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// RegistrationWorks sees to it that a registration succeeds that begins from now
// on: the control after an attack on the registration endpoint.
func (d *Deployment) RegistrationWorks(ctx context.Context) error {
	now := time.Now()
	for {
		done, err := d.enrolling.since(ctx, now)
		if err != nil || done {
			return err
		}
		if err := d.registerUnlessDone(ctx, now); err != nil {
			return err
		}
	}
}

// registerUnlessDone registers soundly when it is its turn, unless somebody else
// has since t.
func (d *Deployment) registerUnlessDone(ctx context.Context, t time.Time) error {
	if err := d.enrolling.enter(ctx, First); err != nil {
		return err
	}
	defer d.enrolling.leave()
	if d.enrolling.after(t) {
		return nil
	}
	if _, err := d.RegisterSoundly(wire.For(ctx, "control"), nil); err != nil {
		return fmt.Errorf("the control after the attack failed: %w", err)
	}
	return nil
}

// changed is the metadata of an ordinary client with the members changed.
func (d *Deployment) changed(ctx context.Context, change map[string]any) map[string]any {
	metadata := d.NativeClient(ctx)
	maps.Copy(metadata, change)
	for name, value := range metadata {
		if value == nil {
			delete(metadata, name)
		}
	}
	return metadata
}

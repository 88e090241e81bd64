package probes

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// A Future is the eventual result of a probe that is already under way.
type Future[T any] struct {
	done  chan struct{}
	value T
	err   error
	chain wire.Chain
	owner *Deployment
}

// longest is a probe's time limit of last resort. What can hang has a limit of
// its own, exchanges and visits of a user agent; a turn for one of them may take
// long to come where the user asked for a low rate, and that is no trouble.
const longest = 6 * time.Hour

// Start runs probe at once, in the background, on behalf of the check that owns d.
func Start[T any](d *Deployment, probe func(context.Context) (T, error)) *Future[T] {
	ended := d.phases.begin()
	return start(d, func(ctx context.Context) (T, error) {
		defer ended()
		return probe(ctx)
	})
}

func start[T any](d *Deployment, probe func(context.Context) (T, error)) *Future[T] {
	f := &Future[T]{done: make(chan struct{}), owner: d}
	d.pending.Add(1)
	go func() {
		defer d.pending.Done()
		defer close(f.done)
		defer func() {
			if r := recover(); r != nil {
				f.err = &Blocked{By: "mcpassay", Owner: ownerMcpassay, Err: fmt.Errorf("a probe panicked: %v\n%s", r, debug.Stack())}
			}
		}()
		ctx, cancel := context.WithTimeout(wire.Follow(wire.Record(d.ctx, d.transcript), &f.chain), longest)
		defer cancel()
		ctx, done := d.flows.keeping(ctx)
		defer done()
		f.value, f.err = probe(ctx)
	}()
	return f
}

// Await waits for the probe, no longer than ctx. A probe that could not be
// carried out says nothing about the deployment, so its error is also filed
// with the check.
func (f *Future[T]) Await(ctx context.Context) (value T, err error) {
	select {
	case <-f.done:
		value, err = f.value, f.err
		f.owner.lengthen(f.chain.Spent())
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		f.owner.file(err)
	}
	return value, err
}

// A Shared is something many checks want to know and one probe can find out.
type Shared[T any] struct {
	start  sync.Once
	owner  *Deployment
	probe  func(context.Context) (T, error)
	future *Future[T]
}

// Share declares a shared probe. It runs when it is first asked for, and as long
// as the run lasts: one asker's time-out does not spoil it for the others.
func Share[T any](d *Deployment, probe func(context.Context) (T, error)) *Shared[T] {
	owner := d.For(d.root)
	return &Shared[T]{owner: owner, probe: probe}
}

// Get waits for the result, and adds the probe's exchanges to the asker's evidence.
func (s *Shared[T]) Get(ctx context.Context) (T, error) {
	s.start.Do(func() { s.future = Start(s.owner, s.probe) })
	select {
	case <-s.future.done:
	default:
		s.owner.flows.waiting(ctx)
	}
	value, err := s.future.Await(ctx)
	wire.Cite(ctx, s.owner.transcript)
	wire.Join(ctx, &s.future.chain)
	return value, err
}

package probes

import (
	"context"
	"sync"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// controls are the sound requests after attacks. An attack needs one that began
// after it had ended; many attacks that end at about the same time share one, as
// writers share a flush. So the controls of a run cost little more than one
// attack does.
type controls struct {
	mu   sync.Mutex
	next map[string]*control // by what is controlled: not yet begun
	busy map[string]*sync.Mutex
}

type control struct {
	done  chan struct{}
	err   error
	owner *Deployment
	chain wire.Chain
}

// after waits for a control of the name that began after the call.
func (b *bench) after(ctx context.Context, name string, sound func(context.Context) error) error {
	b.flows.waiting(ctx)
	c := b.controls.join(name, func(c *control) { b.runControl(name, c, sound) })
	select {
	case <-c.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	wire.Cite(ctx, c.owner.transcript)
	wire.Join(ctx, &c.chain)
	return c.err
}

func (s *controls) join(name string, start func(*control)) *control {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.next[name]; c != nil {
		return c
	}
	if s.next == nil {
		s.next, s.busy = map[string]*control{}, map[string]*sync.Mutex{}
	}
	if s.busy[name] == nil {
		s.busy[name] = &sync.Mutex{}
	}
	c := &control{done: make(chan struct{})}
	s.next[name] = c
	go start(c)
	return c
}

// runControl waits for the control before it, then takes no more attacks in and
// begins.
func (b *bench) runControl(name string, c *control, sound func(context.Context) error) {
	b.pending.Add(1)
	defer b.pending.Done()
	defer close(c.done)
	c.owner = b.view(b.root)
	b.controls.mu.Lock()
	turn := b.controls.busy[name]
	b.controls.mu.Unlock()
	turn.Lock()
	defer turn.Unlock()
	b.controls.mu.Lock()
	delete(b.controls.next, name)
	b.controls.mu.Unlock()
	ctx, cancel := context.WithTimeout(wire.Follow(wire.Record(b.root, c.owner.transcript), &c.chain), longest)
	defer cancel()
	ctx, free := b.flows.keeping(ctx)
	defer free()
	c.err = sound(wire.For(ctx, "control"))
}

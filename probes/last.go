package probes

import (
	"context"
	"sync"
)

// phases keeps probes that disturb others, or that others disturb, until those
// have ended: races above all, which mean little on a server that is busy with
// something else.
type phases struct {
	mu       sync.Mutex
	busy     int  // ordinary probes under way
	declared bool // no more will be started but by probes
	idle     chan struct{}
	turn     sync.Mutex // of the last probes, which run one at a time
}

// begin counts an ordinary probe, until ended is called.
func (p *phases) begin() (ended func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.busy--
		p.tell()
	}
}

func (p *phases) tell() {
	if p.declared && p.busy == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

// alone waits until no ordinary probe is under way.
func (p *phases) alone(ctx context.Context) error {
	p.mu.Lock()
	if p.declared && p.busy == 0 {
		p.mu.Unlock()
		return nil
	}
	if p.idle == nil {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	p.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Declared says that every check has started its probes.
func (d *Deployment) Declared() {
	d.phases.mu.Lock()
	defer d.phases.mu.Unlock()
	d.phases.declared = true
	d.phases.tell()
}

// StartLast is Start for a probe that has to run when all others have ended. Such
// probes run one at a time.
func StartLast[T any](d *Deployment, probe func(context.Context) (T, error)) *Future[T] {
	return start(d, func(ctx context.Context) (T, error) {
		var none T
		if err := d.phases.alone(ctx); err != nil {
			return none, err
		}
		d.phases.turn.Lock()
		defer d.phases.turn.Unlock()
		if err := d.phases.alone(ctx); err != nil {
			return none, err
		}
		return probe(ctx)
	})
}

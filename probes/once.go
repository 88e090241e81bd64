package probes

import (
	"context"
	"sync"
)

// once keeps what checks of one subject share among themselves, by name.
type once struct {
	mu     sync.Mutex
	shared map[string]any
}

// Once returns the shared probe of that name, and declares it if nobody has yet.
// It is for what only the checks of one subject want to know; T has to be the
// same wherever the name is used.
func Once[T any](d *Deployment, name string, probe func(context.Context) (T, error)) *Shared[T] {
	d.once.mu.Lock()
	defer d.once.mu.Unlock()
	if known, ok := d.once.shared[name].(*Shared[T]); ok {
		return known
	}
	if d.once.shared == nil {
		d.once.shared = map[string]any{}
	}
	s := Share(d, probe)
	d.once.shared[name] = s
	return s
}

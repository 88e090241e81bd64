package probes

import (
	"context"
	"net/http"
	"sync"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// flows lets the flows of one client take turns, at servers that keep one grant
// for a user, a client and a resource: there a flow ends every other of its
// client, with its code and its tokens. A probe keeps a client from its first
// authorization request on until it ends or waits for another probe.
type flows struct {
	mu      sync.Mutex
	kept    map[string]*keeper // by client id
	changed chan struct{}      // closed and replaced when a client becomes free
}

// A keeper is a probe that may keep clients for itself.
type keeper struct{ _ byte } // of some size, so that each has an address of its own

type keeperKey struct{}

// keeping returns a context in which clients can be kept; done sets them free.
func (f *flows) keeping(ctx context.Context) (keeping context.Context, done func()) {
	k := &keeper{}
	return context.WithValue(ctx, keeperKey{}, k), func() { f.free(k) }
}

// waiting sets free what the probe of ctx keeps, since it is about to wait for
// a probe that may need the same.
func (f *flows) waiting(ctx context.Context) {
	if k, ok := ctx.Value(keeperKey{}).(*keeper); ok {
		f.free(k)
	}
}

func (f *flows) free(k *keeper) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(k)
}

func (f *flows) drop(k *keeper) {
	for id, by := range f.kept {
		if by == k {
			delete(f.kept, id)
			close(f.changed)
			f.changed = make(chan struct{})
		}
	}
}

// keep waits until the client is free and keeps it for the probe of ctx. A probe
// that has to wait lets go of what it has: two could wait for each other.
func (f *flows) keep(ctx context.Context, id string) error {
	k, ok := ctx.Value(keeperKey{}).(*keeper)
	if !ok {
		return nil
	}
	for {
		f.mu.Lock()
		if f.kept == nil {
			f.kept, f.changed = map[string]*keeper{}, make(chan struct{})
		}
		if by := f.kept[id]; by == nil || by == k {
			f.kept[id] = k
			f.mu.Unlock()
			return nil
		}
		f.drop(k)
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// OneGrant tells whether the server keeps one grant for a user, a client and a
// resource, so that an access token ends with the next flow of its client. JWTs
// end for no such reason.
func (d *Deployment) OneGrant(ctx context.Context) bool {
	one, err := d.oneGrant.Get(ctx)
	return err == nil && one
}

func (b *bench) detectOneGrant(ctx context.Context) (bool, error) {
	d := b.view(ctx)
	first, err := d.Baseline(ctx)
	if err != nil {
		return false, err
	}
	if _, ok := first.JWT(); ok {
		return false, nil
	}
	served := func(token string) (bool, error) {
		m := d.NewMessage()
		bearer(m, token)
		a, err := b.ask(wire.For(ctx, "control"), m)
		return err == nil && a.Status != http.StatusUnauthorized, err
	}
	if before, err := served(first.Access); err != nil || !before {
		return false, err
	}
	if _, err := d.Grant(alone(wire.For(ctx, "control")), first.Client); err != nil {
		return false, err
	}
	after, err := served(first.Access)
	return err == nil && !after, err
}

type aloneKey struct{}

// alone returns a context whose flows need not wait for what OneGrant finds out:
// those that it is found out by.
func alone(ctx context.Context) context.Context { return context.WithValue(ctx, aloneKey{}, true) }

// turn waits for the turn of a flow of the client.
func (d *Deployment) turn(ctx context.Context, c *Client) error {
	if ctx.Value(aloneKey{}) != nil || !d.OneGrant(ctx) {
		return nil
	}
	return d.flows.keep(ctx, c.ID)
}

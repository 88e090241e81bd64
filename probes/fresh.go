package probes

import (
	"context"
	"sync"
	"time"
)

// fresh keeps an access token that calls of the MCP endpoint use, and replaces
// it before it expires.
type fresh struct {
	mu     sync.Mutex
	tokens *Tokens
	at     time.Time
}

// get returns tokens that have at least a third of their declared lifetime left,
// granted anew if need be.
func (f *fresh) get(grant func() (*Tokens, error)) (*Tokens, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tokens != nil {
		lifetime, declared := f.tokens.ExpiresIn()
		if !declared || time.Since(f.at) < lifetime*2/3 {
			return f.tokens, nil
		}
	}
	replaced, err := grant()
	if err != nil {
		return nil, err
	}
	f.tokens, f.at = replaced, replaced.Response.At
	return replaced, nil
}

// AccessToken returns a sound access token that has at least a third of its
// declared lifetime left.
func (d *Deployment) AccessToken(ctx context.Context) (string, error) {
	baseline, err := d.Baseline(ctx)
	if err != nil {
		return "", err
	}
	client := d.Client
	if d.OneGrant(ctx) && d.Registers(ctx) { // the next flow of the run's client ends this token
		client = d.caller.Get
	} else {
		d.fresh.start(baseline)
	}
	t, err := d.fresh.get(func() (*Tokens, error) {
		c, err := client(ctx)
		if err != nil {
			return nil, err
		}
		return d.Grant(alone(ctx), c)
	})
	if err != nil {
		return "", err
	}
	return t.Access, nil
}

// start begins with tokens that are there already.
func (f *fresh) start(t *Tokens) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tokens == nil {
		f.tokens, f.at = t, t.Response.At
	}
}

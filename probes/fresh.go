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

// AccessToken returns a sound access token that has at least a third of its
// declared lifetime left.
func (d *Deployment) AccessToken(ctx context.Context) (string, error) {
	baseline, err := d.Baseline(ctx)
	if err != nil {
		return "", err
	}
	d.fresh.mu.Lock()
	defer d.fresh.mu.Unlock()
	if d.fresh.tokens == nil {
		d.fresh.tokens, d.fresh.at = baseline, baseline.Response.At
	}
	lifetime, declared := d.fresh.tokens.ExpiresIn()
	if !declared || time.Since(d.fresh.at) < lifetime*2/3 {
		return d.fresh.tokens.Access, nil
	}
	c, err := d.Client(ctx)
	if err != nil {
		return "", err
	}
	replaced, err := d.Grant(ctx, c)
	if err != nil {
		return "", err
	}
	d.fresh.tokens, d.fresh.at = replaced, replaced.Response.At
	return replaced.Access, nil
}

package probes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// Refetched tells how often a document was fetched by one flow and by the next
// one of its client, where its server says with the directives how long it may be
// kept.
func (d *Deployment) Refetched(ctx context.Context, directives ...string) (first, second int, err error) {
	counts, err := WithDocuments(ctx, d, func(ctx context.Context) ([]int, error) {
		c, err := d.NewChanging(ctx, Version{Directives: directives})
		if err != nil {
			return nil, err
		}
		var counts []int
		for range 2 {
			if _, err := d.Grant(ctx, c.Client); err != nil {
				return nil, err
			}
			counts = append(counts, len(c.Document.Fetches()))
		}
		d.recordFetches(ctx, c.Document)
		return counts, nil
	})
	if err != nil {
		return 0, 0, err
	}
	return counts[0], counts[1] - counts[0], nil
}

// StaleDocument is how long a server went by what a document had said before it changed.
type StaleDocument struct {
	For time.Duration
	End bool // it ended within the time that the run may wait
}

func (k StaleDocument) String() string {
	if k.End {
		return "for " + k.For.Round(time.Millisecond).String()
	}
	return "for longer than " + k.For.Round(time.Second).String()
}

// until tries something now and then, no longer than the run may wait, until it
// comes to an end.
func (d *Deployment) until(ctx context.Context, over func() (bool, error)) (StaleDocument, error) {
	began := time.Now()
	tick := time.NewTicker(d.Target.Wait / 4)
	defer tick.Stop()
	for {
		end, err := over()
		if err != nil || end || time.Since(began) >= d.Target.Wait {
			return StaleDocument{time.Since(began), end}, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return StaleDocument{}, context.Cause(ctx)
		}
	}
}

// RedirectWithdrawn publishes a document that nobody may keep, uses it, and takes
// its redirect URI away. It tells how long the server still answered there. That
// the new one works is the control.
func (d *Deployment) RedirectWithdrawn(ctx context.Context) (StaleDocument, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) (StaleDocument, error) {
		c, err := d.NewChanging(ctx, Version{})
		if err != nil {
			return StaleDocument{}, err
		}
		old := c.Client.RedirectURI
		if _, err := d.Grant(ctx, c.Client); err != nil {
			return StaleDocument{}, err
		}
		replaced := old + "/2"
		early, err := d.Attempt(ctx, c.Client, []Mutation{With("redirect_uri", replaced)}, nil)
		if err != nil {
			return StaleDocument{}, err
		}
		if early.Redirected(replaced) {
			return StaleDocument{}, &Blocked{By: "as-cimd-redirect-uris", Owner: reports.AuthServer, Err: errors.New("redirect URIs are not compared with the document")}
		}
		c.Client.RedirectURI, c.Client.RedirectURIs = replaced, []string{replaced}
		c.Become(ctx, Version{})
		kept, err := d.until(ctx, func() (bool, error) {
			a, err := d.Attempt(ctx, c.Client, []Mutation{With("redirect_uri", old)}, nil)
			return err == nil && !a.Redirected(old), err
		})
		if err == nil && kept.End {
			_, err = d.Grant(wire.For(ctx, "control"), c.Client)
		}
		return kept, err
	})
}

// Redirected tells whether the attempt led to the redirect URI.
func (a *Attempt) Redirected(uri string) bool {
	return a.Authorization.Redirected() && samePlace(a.Authorization.Landing.Redirect, uri)
}

// KeyWithdrawn publishes a document with a key that nobody may keep, uses it, and
// replaces the key. It tells how long the old one still authenticated its client.
func (d *Deployment) KeyWithdrawn(ctx context.Context) (StaleDocument, error) {
	k, err := d.DocumentKeyClient(ctx, false)
	if err != nil {
		return StaleDocument{}, err
	}
	return WithDocuments(ctx, d, func(ctx context.Context) (StaleDocument, error) {
		own, err := d.newKeyClient(ctx, false)
		if err != nil {
			return StaleDocument{}, err
		}
		foreign, err := d.Attempt(ctx, own.Client, nil, []Mutation{AssertedBy(own.Other, k.Audience)})
		if err != nil {
			return StaleDocument{}, err
		}
		if foreign.Issued() {
			return StaleDocument{}, &Blocked{By: "as-cimd-keys", Owner: reports.AuthServer, Err: errors.New("assertions by any key authenticate the client of a document")}
		}
		old := own.Signer
		if own.Signer, err = tokens.NewSigner(old.Algorithm()); err != nil {
			return StaleDocument{}, err
		}
		if err := own.publishKeys(ctx, d); err != nil {
			return StaleDocument{}, err
		}
		kept, err := d.until(ctx, func() (bool, error) {
			a, err := d.Attempt(ctx, own.Client, nil, []Mutation{AssertedBy(old, k.Audience)})
			return err == nil && !a.Issued(), err
		})
		if err == nil && kept.End {
			_, err = d.Grant(wire.For(ctx, "control"), own.Client)
		}
		return kept, err
	})
}

// A Recovery is what came of a client whose document was no good at first.
type Recovery struct {
	Name    string
	After   time.Duration
	Works   bool
	Fetched bool // the document was asked for again
}

// Recoveries publishes documents that are no good, lets each be read, puts them
// right, and tries again for as long as the run may wait.
func (d *Deployment) Recoveries(ctx context.Context) ([]Recovery, error) {
	return WithDocuments(ctx, d, func(ctx context.Context) ([]Recovery, error) {
		var all []Recovery
		for name, bad := range map[string]Version{
			"status 500":       {Status: 500},
			"status 404":       {Status: 404},
			"another id":       {Change: map[string]any{"client_id": "https://trusted.mcpassay.example/client.json"}},
			"no redirect_uris": {Change: map[string]any{"redirect_uris": nil}},
		} {
			c, err := d.NewChanging(ctx, Version{})
			if err != nil {
				return nil, err
			}
			bad.Directives = []string{"max-age=300"}
			c.Become(ctx, bad)
			spoilt, err := d.Attempt(ctx, c.Client, nil, nil)
			if err != nil {
				return nil, err
			}
			before := len(c.Document.Fetches())
			if spoilt.Issued() || before == 0 {
				continue // there is nothing to recover from
			}
			c.Become(ctx, Version{})
			r := Recovery{Name: name}
			kept, err := d.until(ctx, func() (bool, error) {
				a, err := d.Attempt(ctx, c.Client, nil, nil)
				return err == nil && a.Issued(), err
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			d.recordFetches(ctx, c.Document)
			r.After, r.Works, r.Fetched = kept.For, kept.End, len(c.Document.Fetches()) > before
			all = append(all, r)
		}
		slices.SortFunc(all, func(a, b Recovery) int { return int(a.After - b.After) })
		return all, nil
	})
}

package probes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// StrangeRedirect is a redirect URI that no client of a run ever registers and
// that has nothing in common with those they do.
const StrangeRedirect = "https://attacker.test/elsewhere"

// A Diversion is an authorization request that wants its answer somewhere else
// than where the client registered to be answered.
type Diversion struct {
	Kind    string // the family it belongs to
	Name    string // what is different, in a few words
	URI     string // where the answer is wanted
	Request []Mutation
	Deny    bool // the user refuses
}

// Diverted is what came of a diversion.
type Diverted struct {
	Diversion
	Client        *Client
	Authorization *Authorization // nil if Err is set
	Err           error          // why it could not be carried out
	Edge          bool           // it was refused as only something in front of the server refuses
}

// A ClientOf finds the client that a probe acts as.
type ClientOf func(context.Context) (*Client, error)

// Divert tries diversions of a client, between two sound flows: one of the run's
// client before, one of this client after. If the server answers at any redirect
// URI whatever, it is useless to try particular ones.
func (d *Deployment) Divert(client ClientOf, vary func(*Client) []Diversion) *Future[[]Diverted] {
	return Start(d, func(ctx context.Context) ([]Diverted, error) {
		c, err := client(ctx)
		if err != nil {
			return nil, err
		}
		strange, err := d.StrangeRedirect(ctx)
		if err != nil {
			return nil, err
		}
		if strange.Escaped() {
			return nil, &Blocked{By: "as-redirect-unregistered", Owner: reports.AuthServer, Err: fmt.Errorf("%s", strange.Said())}
		}
		all := d.diversions(ctx, c, vary(c), strange.Authorization)
		if slices.ContainsFunc(all, func(v Diverted) bool { return v.Escaped() }) {
			return all, nil // what got through needs no control beside it
		}
		return all, d.ControlFlow(ctx, c)
	})
}

// diversions tries one diversion after the other, and compares how each is
// refused with how the server usually does that.
func (d *Deployment) diversions(ctx context.Context, c *Client, vary []Diversion, usual *Authorization) []Diverted {
	ctx = wire.For(ctx, "attack")
	var all []Diverted
	var limited error
	for _, v := range vary {
		if limited != nil {
			all = append(all, Diverted{Diversion: v, Client: c, Err: limited})
			continue
		}
		tried := d.divert(ctx, c, v)
		if errors.Is(tried.Err, wire.ErrLimited) {
			limited = tried.Err
		}
		tried.Edge = tried.Authorization != nil && blockPage(tried.Authorization, usual)
		all = append(all, tried)
	}
	return all
}

func (d *Deployment) divert(ctx context.Context, c *Client, v Diversion) Diverted {
	tried := Diverted{Diversion: v, Client: c}
	mutations := append([]Mutation{With("redirect_uri", v.URI)}, v.Request...)
	r, err := d.NewRequest(ctx, c, mutations...)
	if err != nil {
		tried.Err = err
		return tried
	}
	r.Deny = v.Deny
	tried.Authorization, tried.Err = d.Authorize(ctx, r)
	return tried
}

// StrangeRedirect is what comes of asking for a redirect URI that has nothing to
// do with the client: what the server does with every diversion it notices.
func (d *Deployment) StrangeRedirect(ctx context.Context) (*Diverted, error) {
	return d.strange.Get(ctx)
}

func (b *bench) divertStrangely(ctx context.Context) (*Diverted, error) {
	d := b.view(ctx)
	c, err := d.RedirectClient(ctx)
	if err != nil {
		return nil, err
	}
	tried, err := Controlled(ctx, d, c, func(ctx context.Context) (Diverted, error) {
		return d.divert(ctx, c, Diversion{Name: "an unregistered URI", URI: StrangeRedirect}), nil
	})
	if err == nil {
		err = tried.Err
	}
	return &tried, err
}

// Escaped tells whether the user agent was sent away with an answer, to a place
// that the client did not register. A server that answers at the registered
// redirect URI instead leaks nothing.
func (v *Diverted) Escaped() bool {
	a := v.Authorization
	if a == nil || !a.Redirected() || v.Normalised() {
		return false
	}
	state := a.Request.Values.Get("state")
	return a.Code != "" || state != "" && a.Params.Get("state") == state || samePlace(a.Landing.Redirect, v.URI)
}

// Normalised tells whether the server answered at a redirect URI as the client
// registered it, but for a loopback port.
func (v *Diverted) Normalised() bool {
	a := v.Authorization
	return a != nil && a.Redirected() && slices.ContainsFunc(v.Client.RedirectURIs, func(registered string) bool {
		return answersAt(anyPort(a.Landing.Spelt()), anyPort(registered), v.URI)
	})
}

// Said says what came of the diversion.
func (v *Diverted) Said() string {
	if v.Err != nil {
		return fmt.Sprintf("%s (%q): %v", v.Name, v.URI, v.Err)
	}
	return fmt.Sprintf("%s (%q): %s", v.Name, v.URI, v.Authorization.Ended())
}

// TryRedirect asks for a redirect URI that the client may use, between sound
// flows of the client, and redeems the code that comes of it.
func (d *Deployment) TryRedirect(client ClientOf, uri func(*Client) string) *Future[*Attempt] {
	return Start(d, func(ctx context.Context) (*Attempt, error) {
		c, err := client(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (*Attempt, error) {
			return d.Attempt(ctx, c, []Mutation{With("redirect_uri", uri(c))}, nil)
		})
	})
}

// TryPatterns registers each redirect URI that looks like a pattern and, if the
// server takes it, asks for a URI that the pattern would match.
func (d *Deployment) TryPatterns(concrete map[string]string) *Future[[]Diverted] {
	return Start(d, func(ctx context.Context) ([]Diverted, error) {
		c, err := d.RedirectClient(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) ([]Diverted, error) {
			var all []Diverted
			for pattern, uri := range concrete {
				tried := Diverted{Diversion: Diversion{Name: "registered as " + pattern, URI: uri}}
				if tried.Client, tried.Err = d.WithRedirects(ctx, "web", pattern); tried.Err == nil {
					tried = d.divert(wire.For(ctx, "attack"), tried.Client, tried.Diversion)
				}
				all = append(all, tried)
			}
			return all, nil
		})
	})
}

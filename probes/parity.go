package probes

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// A Path is a way of becoming a client, and how the server treats those who came
// by it.
type Path struct {
	Name     string
	User     bool // a user stands behind its tokens
	Proves   bool // the client authenticates
	Vouched  bool // the operator registered it
	Lifetime time.Duration
	Refresh  bool          // it gets refresh tokens
	Ends     time.Duration // how long those live, if anybody tells
	NeedPKCE bool          // it gets no tokens without PKCE
	Asked    bool          // its user was asked for consent
	Scopes   []string
	Audience []string // nil if it cannot be read
}

// Row is the path as a row of a table.
func (p *Path) Row() string {
	said := []string{fmt.Sprintf("access tokens %s", or(p.Lifetime > 0, p.Lifetime.String(), "of unknown lifetime"))}
	if p.User {
		refresh := or(p.Refresh, "refresh tokens", "no refresh tokens")
		if p.Ends > 0 {
			refresh += " of " + p.Ends.String()
		}
		said = append(said, refresh, or(p.NeedPKCE, "PKCE required", "PKCE not required"), or(p.Asked, "user asked for consent", "user not asked for consent"))
	}
	said = append(said, "scope "+or(len(p.Scopes) > 0, strings.Join(p.Scopes, " "), "unknown"))
	if p.Audience != nil {
		said = append(said, "aud "+strings.Join(p.Audience, " "))
	}
	return p.Name + ": " + strings.Join(said, ", ")
}

func or(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// documentClients is what a deployment can do that knows Client ID Metadata
// Documents.
type documentClients interface {
	DocumentClient(ctx context.Context) (*Client, error)
}

// Paths takes a client of every kind that can be had through the same requests.
// A kind that cannot be had is left out.
func (d *Deployment) Paths(ctx context.Context) ([]Path, error) {
	if _, err := d.Baseline(ctx); err != nil {
		return nil, err
	}
	var paths []Path
	add := func(name string, vouched bool, c *Client) error {
		p := Path{Name: name, User: true, Vouched: vouched, Proves: c.Confidential()}
		if err := d.walk(ctx, c, &p); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		paths = append(paths, p)
		return nil
	}
	for i, s := range d.Target.Clients {
		if s.Signer == nil && i < 2 {
			if err := add("configured "+s.ID, true, s.client()); err != nil {
				return nil, err
			}
		}
	}
	if d.Registers(ctx) {
		c, err := d.SecondClient(ctx)
		if err != nil {
			return nil, err
		}
		if err := add("registered", false, c); err != nil {
			return nil, err
		}
		c, err = d.OtherConfidentialClient(ctx)
		if err == nil {
			err = add("registered with a secret", false, c)
		}
		if err != nil && !errors.Is(err, ErrNoSecret) {
			return nil, err
		}
	}
	if documents, ok := any(d).(documentClients); ok {
		if c, err := documents.DocumentClient(ctx); err == nil && c != nil {
			if err := add("by a metadata document", false, c); err != nil {
				return nil, err
			}
		}
	}
	if c, err := d.MachineClient(ctx); err == nil {
		if p, err := d.walkAlone(ctx, c); err != nil {
			return nil, err
		} else if p != nil {
			paths = append(paths, *p)
		}
	}
	return paths, nil
}

// walk takes a client through a flow, and through one without PKCE.
func (d *Deployment) walk(ctx context.Context, c *Client, p *Path) error {
	flow, err := d.Attempt(wire.For(ctx, "control"), c, nil, nil)
	if err != nil {
		return err
	}
	if !flow.Issued() {
		return &Blocked{By: "as-code-flow", Owner: ownerMcpassay, Err: errors.New(flow.Ended())}
	}
	p.Asked = flow.Authorization.Landing.Consented
	t := flow.Tokens
	p.read(t)
	p.Refresh = t.Refresh != ""
	if end, told := t.RefreshEnd(); told {
		p.Ends = end.Sub(t.Response.At.Add(t.Response.Took)).Round(time.Second)
	}
	if len(p.Scopes) == 0 { // what is not named is as it was asked for
		p.Scopes = strings.Fields(flow.Authorization.Request.Values.Get("scope"))
	}
	bare, err := d.Attempt(wire.For(ctx, "attack"), c, []Mutation{Without("code_challenge", "code_challenge_method")}, []Mutation{Without("code_verifier")})
	if err != nil {
		return err
	}
	p.NeedPKCE = !bare.Issued()
	return nil
}

func (p *Path) read(t *Tokens) {
	p.Lifetime, _ = t.ExpiresIn()
	p.Scopes, _ = t.Scopes()
	slices.Sort(p.Scopes)
	if jwt, ok := t.JWT(); ok {
		p.Audience = jwt.Audience()
		slices.Sort(p.Audience)
	}
}

// walkAlone asks for a token of a client that acts for itself; nil if it gets none.
func (d *Deployment) walkAlone(ctx context.Context, c *Client) (*Path, error) {
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.TokenRequest(wire.For(ctx, "control"), c, url.Values{"grant_type": {grantMachine}, "resource": {resource}})
	if err != nil || !t.Issued() {
		return nil, err
	}
	p := &Path{Name: "machine", Proves: true}
	p.read(t)
	return p, nil
}

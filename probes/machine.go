package probes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

const grantMachine = "client_credentials"

// ErrNoMachine says that no client can be had that acts for itself.
var ErrNoMachine = errors.New("the authorization server registers no client for client_credentials, and none is configured")

// MachineClient is a client that may use client credentials (OAuth 2.1, section
// 4.2): a configured one, else one registered for it, if the server registers
// anybody for that. If there is none, the error is ErrNoMachine.
func (d *Deployment) MachineClient(ctx context.Context) (*Client, error) {
	return Once(d, "machine client", func(ctx context.Context) (*Client, error) {
		d := d.view(ctx)
		if len(d.Target.Machines) == 0 {
			return d.registerMachine(ctx)
		}
		c := d.Target.Machines[0].client()
		if c.Signer != nil {
			metadata, err := d.Metadata(ctx)
			if err != nil {
				return nil, err
			}
			c.Audience, _ = metadata.String("issuer")
		}
		return c, nil
	}).Get(ctx)
}

func (d *Deployment) registerMachine(ctx context.Context) (*Client, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	grants, _ := metadata.Strings("grant_types_supported")
	methods, listed := metadata.Strings("token_endpoint_auth_methods_supported")
	if !d.Registers(ctx) || !slices.Contains(grants, grantMachine) {
		return nil, ErrNoMachine
	}
	method := "client_secret_basic"
	if listed && !slices.Contains(methods, method) {
		method = "client_secret_post"
	}
	change := d.NativeClient(ctx)
	change["grant_types"], change["token_endpoint_auth_method"] = []string{grantMachine}, method
	change["redirect_uris"], change["response_types"] = []string{}, []string{}
	r, err := d.Register(ctx, change)
	if err != nil {
		return nil, err
	}
	granted, _ := r.Document.Strings("grant_types")
	if r.Client == nil || r.Client.Secret == "" || !slices.Contains(granted, grantMachine) {
		return nil, ErrNoMachine
	}
	return r.Client, nil
}

// An Issuance is a way to a token that needs no user.
type Issuance struct {
	d       *Deployment
	Blocker string // id of the check that judges whether it works
	Request func(ctx context.Context, mutations ...Mutation) (*Tokens, error)
}

// ByMachine are client credentials, soundly, then mutated.
func (d *Deployment) ByMachine() Issuance {
	return Issuance{d, "as-cc-token", func(ctx context.Context, mutations ...Mutation) (*Tokens, error) {
		c, err := d.MachineClient(ctx)
		if err != nil {
			return nil, err
		}
		return d.MachineRequest(ctx, c, mutations...)
	}}
}

// MachineRequest asks for a token of the client's own, then mutated.
func (d *Deployment) MachineRequest(ctx context.Context, c *Client, mutations ...Mutation) (*Tokens, error) {
	form, err := d.ownForm(ctx, grantMachine, func(ctx context.Context, form url.Values) (*Tokens, error) {
		entitled, err := d.MachineClient(ctx)
		if err != nil {
			return nil, err
		}
		return d.TokenRequest(ctx, entitled, form)
	})
	if err != nil {
		return nil, err
	}
	return d.TokenRequest(ctx, c, form, mutations...)
}

// ownForm is the form of a token request without a user. It asks for the scopes of
// the resource, unless the entitled party is refused those: they are what a user
// can grant, and the server has a default (OAuth 2.1, section 3.2.2.1).
func (d *Deployment) ownForm(ctx context.Context, grant string, entitled func(context.Context, url.Values) (*Tokens, error)) (url.Values, error) {
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {grant}, "resource": {resource}}
	scope, err := Once(d, "scope of "+grant, func(ctx context.Context) (string, error) {
		d := d.view(ctx)
		scopes, err := d.Scopes(ctx)
		if err != nil {
			return "", err
		}
		scope := strings.Join(resourceScopes(slices.Clone(scopes)), " ")
		if scope == "" {
			return "", nil
		}
		asked := maps.Clone(form)
		asked.Set("scope", scope)
		if t, err := entitled(wire.For(ctx, "control"), asked); err == nil && t.Error == "invalid_scope" {
			return "", nil
		}
		return scope, nil
	}).Get(ctx)
	if err != nil {
		return nil, err
	}
	if scope != "" {
		form.Set("scope", scope)
	}
	return form, nil
}

// Sound requests a token, and errs if none is issued.
func (i Issuance) Sound(ctx context.Context, mutations ...Mutation) (*Tokens, error) {
	t, err := i.Request(wire.For(ctx, "control"), mutations...)
	if err == nil && !t.Issued() {
		b := &Blocked{By: i.Blocker, Owner: reports.AuthServer,
			Err: fmt.Errorf("a sound request for a token without a user was answered %d %s", t.Response.Status, t.Error)}
		if err = b; t.Error == "invalid_target" {
			named, _ := i.d.Resource(ctx)
			err = i.d.orMisspelt(ctx, named, b)
		}
	}
	return t, err
}

// Serves tells whether the resource server takes tokens of this issuance.
func (d *Deployment) Serves(ctx context.Context, i Issuance) (bool, error) {
	return Once(d, "serves "+i.Blocker, func(ctx context.Context) (bool, error) {
		d := d.view(ctx)
		t, err := i.Sound(ctx)
		if err != nil {
			return false, err
		}
		a, err := d.Call(wire.For(ctx, "control"), t.Access)
		return err == nil && a.Served(), err
	}).Get(ctx)
}

// Unproved asks for tokens of the machine client without its proof, and then
// soundly.
func (d *Deployment) Unproved(ctx context.Context) ([]Tried, error) {
	c, err := d.MachineClient(ctx)
	if err != nil {
		return nil, err
	}
	var all []Tried
	bare, wrong := *c, *c
	bare.Method, wrong.Secret = "none", NewVerifier()
	for _, impostor := range []struct {
		name   string
		client Client
	}{{"the client_id alone", bare}, {"a random secret", wrong}} {
		if impostor.client.Method == assertionMethod {
			continue // the assertion tells, not the secret
		}
		t, err := d.MachineRequest(wire.For(ctx, "attack"), &impostor.client)
		if err != nil {
			return nil, err
		}
		all = append(all, Tried{Trial{Name: impostor.name}, &Attempt{Tokens: t}})
	}
	_, err = d.ByMachine().Sound(ctx)
	return all, err
}

// Unentitled asks for tokens of their own for clients that are registered for
// other grants: the public one of this run, and a confidential one.
func (d *Deployment) Unentitled(ctx context.Context) ([]Tried, error) {
	if _, err := d.ByMachine().Sound(ctx); err != nil {
		return nil, err
	}
	public, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	clients := []*Client{public}
	if c, err := d.ConfidentialClient(ctx); err == nil {
		clients = append(clients, c)
	}
	var all []Tried
	for _, c := range clients {
		name := "a client registered for other grants"
		granted, stated := c.Metadata.Strings("grant_types")
		switch {
		case !c.Confidential():
			name = "a public client"
		case !stated, slices.Contains(granted, grantMachine):
			continue
		}
		t, err := d.MachineRequest(wire.For(ctx, "attack"), c)
		if err != nil {
			return nil, err
		}
		all = append(all, Tried{Trial{Name: name}, &Attempt{Tokens: t}})
	}
	_, err = d.ByMachine().Sound(ctx)
	return all, err
}

// Tampered presents forgeries of a token that was issued without a user, between
// two calls with it. Where forgeries of a user's token pass too, those of this one
// say nothing of their own.
func (d *Deployment) Tampered(ctx context.Context, i Issuance, forgeries ...tokens.Recipe) ([]Varied, error) {
	t, err := d.served(ctx, i)
	if err != nil {
		return nil, err
	}
	if _, ok := t.JWT(); !ok {
		return nil, ErrOpaque
	}
	all, err := d.present(ctx, t.Access, forgeries)
	if err != nil || !slices.ContainsFunc(all, func(v Varied) bool { return v.Err == nil && v.Served() }) {
		return all, err
	}
	users, err := d.GuardedForgeries(ctx, forgeries...)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(users, func(v Varied) bool { return v.Err == nil && v.Served() }) {
		return nil, &Blocked{By: "rs-rejects-tampered-token", Owner: reports.ResourceServer, Err: errors.New("forgeries of a user's token are taken")}
	}
	return all, nil
}

// ErrOpaque says that access tokens are no JWTs.
var ErrOpaque = errors.New("the access tokens are opaque")

// ErrUnserved says that the resource server takes no tokens of this kind.
var ErrUnserved = errors.New("the resource server does not take tokens without a user")

// served is a token of the issuance that works.
func (d *Deployment) served(ctx context.Context, i Issuance) (*Tokens, error) {
	t, err := i.Sound(ctx)
	if err != nil {
		return nil, err
	}
	a, err := d.Call(wire.For(ctx, "control"), t.Access)
	if err == nil && !a.Served() {
		err = ErrUnserved
	}
	return t, err
}

// Misdirected presents a token for the other resource that was issued elsewhere
// without a user, between two calls with one for this resource.
func (d *Deployment) Misdirected(ctx context.Context, i, elsewhere Issuance) (*Answer, error) {
	own, err := d.served(ctx, i)
	if err != nil {
		return nil, err
	}
	if err := d.closedToGarbage(ctx); err != nil {
		return nil, err
	}
	other, err := elsewhere.Sound(ctx, With("resource", d.Target.OtherResource))
	if err != nil {
		return nil, err
	}
	if jwt, ok := other.JWT(); ok && !slices.Contains(jwt.Audience(), d.Target.OtherResource) {
		return nil, &Blocked{By: "as-audience-follows-resource", Owner: reports.AuthServer,
			Err: fmt.Errorf("the token for %q is for %q", d.Target.OtherResource, jwt.Audience())}
	}
	a, err := d.Call(wire.For(ctx, "attack"), other.Access)
	if err != nil {
		return nil, err
	}
	if !a.Served() {
		return a, d.stillSound(ctx, own.Access)
	}
	plain, err := d.ForeignToken(ctx)
	if err == nil && plain.Served() {
		err = &Blocked{By: "rs-audience-validated", Owner: reports.ResourceServer, Err: errors.New("tokens for another resource are taken")}
	}
	return a, err
}

// Overreached calls operations that need more than the scopes of a token that was
// issued without a user, and returns the names of those that were carried out.
func (d *Deployment) Overreached(ctx context.Context, i Issuance) (tried, done []string, err error) {
	t, err := d.served(ctx, i)
	if err != nil {
		return nil, nil, err
	}
	held, stated := t.Scopes()
	if !stated {
		if held, err = d.Scopes(ctx); err != nil {
			return nil, nil, err
		}
	}
	for _, o := range d.Target.Operations {
		if len(o.Lacks(held)) == 0 {
			continue
		}
		tried = append(tried, o.Name)
		a, err := d.CallTool(wire.For(ctx, "attack"), t.Access, o.ToolCall)
		if err != nil {
			return nil, nil, err
		}
		if a.Served() {
			done = append(done, o.Name)
		}
	}
	if len(done) > 0 {
		err = d.scopesLookedAt(ctx)
	}
	return tried, done, errors.Join(err, d.stillSound(ctx, t.Access))
}

// scopesLookedAt errs if a user's token without the scopes opens operations too.
func (d *Deployment) scopesLookedAt(ctx context.Context) error {
	s, err := d.Scoping(ctx)
	if err != nil {
		return err
	}
	if len(s.Lacking()) == 0 {
		return &Blocked{By: "rs-scope-enforced", Owner: reports.ResourceServer, Err: errors.New("scopes are not enforced")}
	}
	return nil
}

// UserDataShown leaves a mark as a user, and tells whether a token without a user
// is shown it.
func (d *Deployment) UserDataShown(ctx context.Context, i Issuance) (bool, error) {
	scope := func(f *Form) {
		if len(d.Target.Effect.Scopes) > 0 {
			f.Values.Set("scope", strings.Join(d.Target.Effect.Scopes, " "))
		}
	}
	machine, err := i.Sound(ctx, scope)
	if err != nil {
		return false, err
	}
	c, err := d.effectClient(ctx)
	if err != nil {
		return false, err
	}
	user, err := d.Grant(wire.For(ctx, "control"), c, scope)
	if err != nil {
		return false, err
	}
	mark, _, err := d.do(wire.For(ctx, "control"), user.Access, user.Access)
	if err != nil {
		return false, err
	}
	a, err := d.CallTool(wire.For(ctx, "attack"), machine.Access, d.Target.Effect.See)
	if err != nil {
		return false, err
	}
	seen, err := d.sees(wire.For(ctx, "control"), user.Access, mark)
	if err == nil && !seen {
		err = &Blocked{By: "effect", Owner: reports.Configuration, Err: errors.New("the user is not shown what the user left")}
	}
	return a.Served() && strings.Contains(string(a.Result), mark), err
}

// Discover asks the MCP server what it is able to do (server/discover).
func (d *Deployment) Discover(ctx context.Context) (*Answer, error) {
	token, err := d.soundCall(ctx)
	if err != nil {
		return nil, err
	}
	m := modernCall("server/discover", nil)
	m.HTTPMethod = http.MethodPost
	return d.askMutated(wire.For(ctx, "control"), m, token, nil)
}

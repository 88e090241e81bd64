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
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Push is what a pushed authorization request was answered (RFC 9126, section 2.2).
type Push struct {
	Response *wire.Response
	Document *wire.Document // nil if the answer is no JSON object
	URI      string         // request_uri; empty if the request was refused
	Error    string         // the error member
}

// ExpiresIn is the declared lifetime of the request URI, if it is declared.
func (p *Push) ExpiresIn() (time.Duration, bool) {
	seconds, ok := p.Document.Number("expires_in")
	return time.Duration(seconds * float64(time.Second)), ok
}

func (p *Push) refused() bool { return p != nil && p.URI == "" }

func (p *Push) ended() string {
	return strings.TrimSpace(fmt.Sprintf("the pushed request was answered %d %s", p.Response.Status, p.Error))
}

// authorization is what an authorization request came to that was refused when
// it was pushed: the user agent was shown nothing.
func (p *Push) authorization(r *Request) *Authorization {
	page := &Page{URL: p.Response.From, Status: p.Response.Status, Header: p.Response.Header, Text: p.Error}
	return &Authorization{Request: r, Landing: &Landing{Page: page}, Params: url.Values{}}
}

const pushEndpoint = "pushed_authorization_request_endpoint"

// pushesAll tells whether the server says that it takes pushed requests only.
func (d *Deployment) pushesAll(ctx context.Context) bool {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return false
	}
	required, _ := metadata.Bool("require_pushed_authorization_requests")
	return required && metadata.Has(pushEndpoint) && ctx.Value(plainKey{}) == nil
}

type plainKey struct{}

// Plainly returns a context in which authorization requests are not pushed, even
// where the server requires it.
func Plainly(ctx context.Context) context.Context { return context.WithValue(ctx, plainKey{}, true) }

// pushInstead pushes a request and returns the parameters that are left for the
// user agent.
func (d *Deployment) pushInstead(ctx context.Context, r *Request) (url.Values, error) {
	p, err := d.PushRequest(ctx, r)
	if err != nil {
		return nil, err
	}
	r.Pushed = p
	if p.refused() {
		return nil, errors.New(p.ended())
	}
	return named(r.Values.Get("client_id"), p.URI), nil
}

func named(client, uri string) url.Values {
	values := url.Values{"request_uri": {uri}}
	if client != "" {
		values.Set("client_id", client)
	}
	return values
}

// PushRequest pushes an authorization request, authenticated as its client.
func (d *Deployment) PushRequest(ctx context.Context, r *Request, mutations ...Mutation) (*Push, error) {
	values := maps.Clone(r.Values)
	if more, err := url.ParseQuery(strings.TrimPrefix(r.Suffix, "&")); err == nil {
		for name, added := range more {
			values[name] = append(slices.Clone(values[name]), added...)
		}
	}
	asIs := func(f *Form) { // authenticating names the client
		if id, ok := r.Values["client_id"]; ok {
			f.Values["client_id"] = id
		} else if r.Client.Confidential() {
			f.Values.Del("client_id")
		}
	}
	res, err := d.postForm(ctx, pushEndpoint, r.Client, values, append([]Mutation{asIs}, mutations...))
	if err != nil {
		return nil, err
	}
	return d.readPush(res), nil
}

func (d *Deployment) readPush(res *wire.Response) *Push {
	p := &Push{Response: res}
	var err error
	if p.Document, err = wire.ParseDocument(res.Body); err != nil {
		p.Document = nil
		return p
	}
	p.Error, _ = p.Document.String("error")
	if res.Status < 300 {
		p.URI, _ = p.Document.String("request_uri")
		d.wire.Redactor.Learn("request_uri", p.URI)
	}
	return p
}

// Push pushes a sound request of the client, mutated.
func (d *Deployment) Push(ctx context.Context, c *Client, mutations ...Mutation) (*Push, *Request, error) {
	r, err := d.NewRequest(ctx, c, mutations...)
	if err != nil {
		return nil, nil, err
	}
	p, err := d.PushRequest(ctx, r)
	return p, r, err
}

// SoundPush pushes a sound request. An error says why it was refused.
func (d *Deployment) SoundPush(ctx context.Context, c *Client) (*Push, *Request, error) {
	p, r, err := d.Push(wire.For(ctx, "control"), c)
	if err == nil && p.refused() {
		by := "as-par-response"
		if status := p.Response.Status; status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
			by = "as-metadata-endpoints-answer"
		}
		err = d.orMisspelt(ctx, r.Values.Get("resource"), &Blocked{By: by, Owner: reports.AuthServer, Err: fmt.Errorf("a sound request was refused: %s", p.ended())})
	}
	return p, r, err
}

// AuthorizePushed takes a user agent to the authorization endpoint with a request
// URI, on behalf of the client it was pushed by or another one and with other
// parameters beside it, and redeems the code as the client that was named would.
func (d *Deployment) AuthorizePushed(ctx context.Context, p *Push, r *Request, as *Client, beside, redemption []Mutation) (*Attempt, error) {
	front := &Request{Client: as, Verifier: r.Verifier, User: r.User, Values: named(as.ID, p.URI)}
	mutate(&Form{Values: front.Values, Header: http.Header{}}, beside)
	a, err := d.Authorize(Plainly(ctx), front)
	if err != nil {
		return nil, err
	}
	attempt := &Attempt{Authorization: a}
	if a.Code == "" {
		return attempt, nil
	}
	sent := *r // what the code was asked for with
	sent.Client = as
	attempt.Tokens, err = d.Redeem(ctx, &Authorization{Request: &sent, Landing: a.Landing, Params: a.Params, Code: a.Code}, redemption...)
	return attempt, err
}

// PushControl takes the client through a sound pushed flow.
func (d *Deployment) PushControl(ctx context.Context, c *Client) error {
	return d.after(ctx, "pushed flow of "+c.ID, func(ctx context.Context) error {
		p, r, err := d.SoundPush(ctx, c)
		if err != nil {
			return err
		}
		a, err := d.AuthorizePushed(ctx, p, r, c, nil, nil)
		if err == nil && !a.Issued() {
			err = &Blocked{By: "as-par-response", Owner: reports.AuthServer, Err: fmt.Errorf("a pushed request came to nothing: %s", a.Ended())}
		}
		return err
	})
}

// PushFlow is the sound pushed flow of the run's client before all attacks on
// pushed requests: its push, once for all checks.
func (d *Deployment) PushFlow(ctx context.Context) (*Push, error) {
	return Once(d, "pushed flow", func(ctx context.Context) (*Push, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		p, r, err := d.SoundPush(ctx, c)
		if err != nil {
			return nil, err
		}
		a, err := d.AuthorizePushed(wire.For(ctx, "control"), p, r, c, nil, nil)
		if err == nil && !a.Issued() {
			err = &Blocked{By: "as-par-response", Owner: reports.AuthServer, Err: fmt.Errorf("a pushed request came to nothing: %s", a.Ended())}
		}
		return p, err
	}).Get(ctx)
}

// PushControlled runs attack between two sound pushed flows of the run's client.
func PushControlled[T any](d *Deployment, attack func(context.Context, *Client) (T, error)) *Future[T] {
	return Start(d, func(ctx context.Context) (T, error) {
		var none T
		c, err := d.Client(ctx)
		if err != nil {
			return none, err
		}
		if _, err := d.PushFlow(ctx); err != nil {
			return none, err
		}
		result, err := attack(wire.For(ctx, "attack"), c)
		if err != nil {
			return none, err
		}
		return result, d.PushControl(ctx, c)
	})
}

// PushTrial is what came of a request that is pushed with something wrong in it.
type PushTrial struct {
	Name  string
	Push  *Push
	Tried *Attempt // nil if the push was refused
	Plain *Attempt // the same without pushing, if pushing it led to a token and that can be tried
}

// TryPush pushes a mutated request and, if it is accepted, goes on to the token.
func (d *Deployment) TryPush(ctx context.Context, c *Client, trial Trial) (*PushTrial, error) {
	p, r, err := d.Push(ctx, c, trial.Authorization...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", trial.Name, err)
	}
	t := &PushTrial{Name: trial.Name, Push: p}
	if p.refused() {
		return t, nil
	}
	if t.Tried, err = d.AuthorizePushed(ctx, p, r, c, nil, trial.Redemption); err != nil {
		return nil, fmt.Errorf("%s: %w", trial.Name, err)
	}
	if t.Tried.Issued() && !d.pushesAll(ctx) {
		t.Plain, err = d.Attempt(ctx, c, trial.Authorization, trial.Redemption)
	}
	return t, err
}

// Issued tells whether the trial came to a token that the same request does not
// come to without being pushed.
func (t *PushTrial) Issued() bool {
	return t.Tried != nil && t.Tried.Issued() && (t.Plain == nil || !t.Plain.Issued())
}

// PushByGet sends the parameters of a request to the endpoint for pushed ones in
// the URL of a GET.
func (d *Deployment) PushByGet(ctx context.Context, r *Request) (*wire.Response, error) {
	endpoint, err := d.ServerEndpoint(ctx, pushEndpoint)
	if err != nil {
		return nil, err
	}
	form := &Form{Values: maps.Clone(r.Values), Header: http.Header{"Accept": {"application/json"}}}
	if err := authenticate(form, r.Client); err != nil {
		return nil, err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	u.RawQuery = form.Values.Encode()
	return d.Get(ctx, u.String(), form.Header)
}

// NestPush pushes nothing but the URI of a request that was pushed before, and
// goes on with what comes of it.
func (d *Deployment) NestPush(ctx context.Context, c *Client) (*Attempt, error) {
	inner, r, err := d.SoundPush(ctx, c)
	if err != nil {
		return nil, err
	}
	outer := &Request{Client: c, Verifier: r.Verifier, User: r.User, Values: named(c.ID, inner.URI)}
	p, err := d.PushRequest(ctx, outer)
	if err != nil {
		return nil, err
	}
	if p.refused() {
		return &Attempt{Authorization: p.authorization(outer)}, nil
	}
	return d.AuthorizePushed(ctx, p, r, c, nil, nil)
}

// PushUnproved pushes a sound request of the confidential client, but without
// its proof, between two with it.
func (d *Deployment) PushUnproved(ctx context.Context) (*Push, error) {
	c, err := d.ConfidentialClient(ctx)
	if err != nil {
		return nil, err
	}
	if _, _, err := d.SoundPush(ctx, c); err != nil {
		return nil, err
	}
	unproved := *c
	unproved.Method = "none"
	p, _, err := d.Push(wire.For(ctx, "attack"), &unproved)
	if err != nil {
		return nil, err
	}
	_, _, err = d.SoundPush(ctx, c)
	return p, err
}

// PushWait is how long to wait for a pushed request to have expired.
func (d *Deployment) PushWait(ctx context.Context) (time.Duration, error) {
	p, err := d.PushFlow(ctx)
	if err != nil {
		return 0, err
	}
	lifetime, declared := p.ExpiresIn()
	if !declared {
		return 0, &Blocked{By: "as-par-response", Owner: reports.AuthServer, Err: errors.New("pushed requests are answered without expires_in")}
	}
	return lifetime + lifetime/10, nil
}

// PushingClient is a client that has registered to push all its requests (RFC
// 9126, section 6), or nil if the server has no such registrations.
func (d *Deployment) PushingClient(ctx context.Context) (*Client, error) {
	return Once(d, "pushing client", func(ctx context.Context) (*Client, error) {
		if !d.Registers(ctx) {
			return nil, nil
		}
		r, err := d.RegisterChanged(ctx, map[string]any{"require_pushed_authorization_requests": true})
		if err != nil || r.Client == nil {
			return nil, err
		}
		if required, _ := r.Document.Bool("require_pushed_authorization_requests"); !required {
			return nil, nil
		}
		return r.Client, nil
	}).Get(ctx)
}

// PushesAll tells whether the server says that all requests have to be pushed.
func (d *Deployment) PushesAll(ctx context.Context) bool { return d.pushesAll(ctx) }

// PlainWherePushed sends plain requests of the clients that have to push theirs,
// each between two pushed flows.
func (d *Deployment) PlainWherePushed(ctx context.Context) ([]Tried, error) {
	var all []Tried
	try := func(name string, c *Client, err error) error {
		if err != nil || c == nil {
			return err
		}
		if err := d.PushControl(ctx, c); err != nil {
			return err
		}
		a, err := d.Attempt(Plainly(wire.For(ctx, "attack")), c, nil, nil)
		if err != nil {
			return err
		}
		all = append(all, Tried{Trial{Name: name}, a})
		return d.PushControl(ctx, c)
	}
	if d.pushesAll(ctx) {
		c, err := d.Client(ctx)
		if err := try("any client", c, err); err != nil {
			return nil, err
		}
	}
	c, err := d.PushingClient(ctx)
	if err := try("a client that has registered to push", c, err); err != nil {
		return nil, err
	}
	return all, nil
}

package probes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// What can be parked: what ends by itself, but not while a run lasts.
const (
	ParkedCode    = "authorization code"
	ParkedAccess  = "access token"
	ParkedRefresh = "refresh token"
	ParkedSecret  = "client secret"
	ParkedRevoked = "revoked access token"
	ParkedPush    = "request URI"
)

// A Parked thing was set aside by a probe that could not wait for it to end. It
// holds secrets that work.
type Parked struct {
	What   string    `json:"what"`
	Check  string    `json:"check"` // id of the check that wants to know
	Ended  time.Time `json:"ended"` // when it should have ended
	Due    time.Time `json:"due"`   // when to try it
	Client Kept      `json:"client"`

	Secret      string   `json:"secret"` // the thing itself
	Verifier    string   `json:"code_verifier,omitempty"`
	RedirectURI string   `json:"redirect_uri,omitempty"`
	Resources   []string `json:"resource,omitempty"`
}

// Kept is a client as it is parked, with what it takes to remove it.
type Kept struct {
	ID          string          `json:"client_id"`
	Secret      string          `json:"client_secret,omitempty"`
	Method      string          `json:"token_endpoint_auth_method"`
	RedirectURI string          `json:"redirect_uri"`
	Metadata    json.RawMessage `json:"registration,omitempty"` // the answer to its registration
}

// parking is what was set aside so far.
type parking struct {
	mu   sync.Mutex
	all  []Parked
	kept map[string]bool // ids of clients that are not to be removed
}

// ParkedProbes returns what was set aside.
func (d *Deployment) ParkedProbes() []Parked {
	d.parking.mu.Lock()
	defer d.parking.mu.Unlock()
	return slices.Clone(d.parking.all)
}

// KeptForLater is why a client is left behind that something was parked of.
const KeptForLater = "something of it is parked in parked.json; mcpassay resume removes it"

// Waits tells whether something that takes that long can be waited for, parked,
// or was parked by an earlier run.
func (d *Deployment) Waits(what string, wait time.Duration) bool {
	return wait <= d.Target.Wait || d.Target.Park || d.unparked(what) != nil
}

// unparked is what an earlier run set aside and that is due; nil if there is none.
func (d *Deployment) unparked(what string) *Parked {
	for i := range d.Target.Parked {
		if p := &d.Target.Parked[i]; p.What == what && !time.Now().Before(p.Due) {
			return &d.Target.Parked[i]
		}
	}
	return nil
}

// park sets something aside and returns the error that says so.
func (d *Deployment) park(p Parked, c *Client) error {
	p.Client = Kept{ID: c.ID, Secret: c.Secret, Method: c.Method, RedirectURI: c.RedirectURI}
	if c.Answer != nil && c.Metadata != nil {
		p.Client.Metadata = json.RawMessage(slices.Clone(c.Answer.Body))
	}
	d.parking.mu.Lock()
	defer d.parking.mu.Unlock()
	d.parking.all = append(d.parking.all, p)
	return &Blocked{By: "time", Owner: reports.Configuration,
		Err: fmt.Errorf("parked until %s: mcpassay resume tries the %s then", p.Due.Format("2006-01-02 15:04:05 MST"), p.What)}
}

// keeps tells whether the client has something parked.
func (d *Deployment) keeps(c *Client) bool {
	d.parking.mu.Lock()
	defer d.parking.mu.Unlock()
	return d.parking.kept[c.ID]
}

// keptClient is the client of what is parked: it outlives the run.
func (d *Deployment) keptClient(ctx context.Context) (*Client, error) {
	return Once(d, "kept client", func(ctx context.Context) (*Client, error) {
		c, err := d.replayClient(ctx)
		if err == nil && c.Metadata != nil {
			d.keep(c)
		}
		return c, err
	}).Get(ctx)
}

func (d *Deployment) keep(c *Client) {
	d.parking.mu.Lock()
	defer d.parking.mu.Unlock()
	if d.parking.kept == nil {
		d.parking.kept = map[string]bool{}
	}
	d.parking.kept[c.ID] = true
}

// client is the client of something parked. It is removed at the end of the run,
// unless something else of it is not yet due.
func (p *Parked) client(d *Deployment) *Client {
	c := &Client{ID: p.Client.ID, Secret: p.Client.Secret, Method: p.Client.Method, RedirectURI: p.Client.RedirectURI}
	c.RedirectURIs = []string{c.RedirectURI}
	d.wire.Redactor.Learn("client_secret", c.Secret)
	d.wire.Redactor.Learn(p.What, p.Secret)
	if doc, err := wire.ParseDocument(p.Client.Metadata); err == nil {
		c.Metadata = doc
		if _, token, ok := c.Management(); ok {
			d.wire.Redactor.Learn("registration_access_token", token)
		}
		if !d.created.knows(c.ID) {
			d.created.client(c)
		}
		if slices.ContainsFunc(d.Target.Parked, func(o Parked) bool { return o.Client.ID == c.ID && time.Now().Before(o.Due) }) {
			d.keep(c)
		}
	}
	return c
}

func (c *created) knows(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.clients, func(known *Client) bool { return known.ID == id })
}

// parkCode takes a flow of the kept client to its code.
func (d *Deployment) parkCode(ctx context.Context) error {
	c, err := d.keptClient(ctx)
	if err != nil {
		return err
	}
	a, err := d.Code(wire.For(ctx, "control"), c)
	if err != nil {
		return err
	}
	due := time.Now().Add(d.CodeWait())
	return d.park(Parked{
		What: ParkedCode, Check: "as-code-lifetime", Ended: due, Due: due,
		Secret: a.Code, Verifier: a.Request.Verifier, RedirectURI: a.Request.RedirectURI(), Resources: a.Request.Values["resource"],
	}, c)
}

// redeemParked redeems a code that an earlier run parked.
func (d *Deployment) redeemParked(ctx context.Context, p *Parked) (*Attempt, error) {
	control, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, control, func(ctx context.Context) (*Attempt, error) {
		a := &Authorization{Code: p.Secret, Landing: &Landing{}, Request: &Request{
			Client: p.client(d), Verifier: p.Verifier,
			Values: url.Values{"redirect_uri": {p.RedirectURI}, "resource": p.Resources},
		}}
		t, err := d.Redeem(ctx, a)
		return &Attempt{Authorization: a, Tokens: t}, err
	})
}

// decisive is how long after its end a token that is still accepted is no matter
// of clocks that differ.
const decisive = 5*time.Minute + 10*time.Second

// parkAccess takes a flow of the kept client to an access token that works.
func (d *Deployment) parkAccess(ctx context.Context) error {
	c, err := d.keptClient(ctx)
	if err != nil {
		return err
	}
	t, err := d.Grant(wire.For(ctx, "control"), c)
	if err != nil {
		return err
	}
	lifetime, ok := t.ExpiresIn()
	if !ok {
		return &Blocked{By: "as-token-response-members", Owner: reports.AuthServer, Err: errors.New("the token response has no expires_in")}
	}
	if err := d.stillSound(ctx, t.Access); err != nil {
		return err
	}
	end := t.Response.At.Add(lifetime)
	return d.park(Parked{What: ParkedAccess, Check: "rs-401-expired-token", Ended: end, Due: end.Add(decisive), Secret: t.Access}, c)
}

// expiredParked calls with an access token that an earlier run parked.
func (d *Deployment) expiredParked(ctx context.Context, p *Parked) (*Expired, error) {
	p.client(d)
	a, err := d.GuardedCall(ctx, func(ctx context.Context, _ string) (*Answer, error) { return d.Call(ctx, p.Secret) })
	if err != nil {
		return nil, err
	}
	return &Expired{a, time.Since(p.Ended)}, nil
}

// An Aftermath is what came of using something before and after its end.
type Aftermath struct {
	Before *Tokens // a while before; nil if an earlier run saw that
	After  *Tokens
	Past   time.Duration // how long after
}

// refreshLifetime is how long refresh tokens live, by the contract or by their
// own account.
func (d *Deployment) refreshLifetime(t *Tokens) (time.Duration, bool) {
	if d.Target.Contract.RefreshTokenLifetime > 0 {
		return d.Target.Contract.RefreshTokenLifetime, true
	}
	end, told := t.RefreshEnd()
	return end.Sub(t.Response.At.Add(t.Response.Took)), told
}

// afterEnd is how long after its announced end a refresh token or a secret is
// tried: ends are told in whole seconds.
const afterEnd = 1500 * time.Millisecond

// RefreshWait is how long refresh tokens live, if anybody tells.
func (d *Deployment) RefreshWait(ctx context.Context) (time.Duration, bool) {
	t, err := d.Baseline(ctx)
	if err != nil {
		return 0, false
	}
	lifetime, told := d.refreshLifetime(t)
	return lifetime, told
}

// RefreshAfterEnd uses a refresh token a while before its end, and another one
// after that.
func (d *Deployment) RefreshAfterEnd(ctx context.Context) (*Aftermath, error) {
	if p := d.unparked(ParkedRefresh); p != nil {
		t, err := d.afterControl(ctx, func(ctx context.Context) (*Tokens, error) {
			return d.RefreshWith(ctx, &Tokens{Refresh: p.Secret, Client: p.client(d)})
		})
		return &Aftermath{After: t, Past: time.Since(p.Ended)}, err
	}
	client := d.keptClient
	wait, _ := d.RefreshWait(ctx)
	if wait <= d.Target.Wait {
		client = d.DisposableClient
	}
	c, err := client(ctx)
	if err != nil {
		return nil, err
	}
	control := wire.For(ctx, "control")
	early, err := d.Refreshable(control, c)
	if err != nil {
		return nil, err
	}
	late, err := d.Refreshable(control, c)
	if err != nil {
		return nil, err
	}
	lifetime, _ := d.refreshLifetime(late)
	end := late.Response.At.Add(lifetime)
	if wait > d.Target.Wait {
		if _, err := d.soundRefresh(ctx, early); err != nil {
			return nil, err
		}
		return nil, d.park(Parked{What: ParkedRefresh, Check: "as-refresh-expired-refused", Ended: end, Due: end.Add(afterEnd), Secret: late.Refresh}, c)
	}
	m := &Aftermath{}
	if err := d.pauseUntil(ctx, late.Response.At.Add(lifetime/2)); err != nil {
		return nil, err
	}
	if m.Before, err = d.RefreshWith(control, early); err != nil {
		return nil, err
	}
	if err := d.pauseUntil(ctx, end.Add(afterEnd)); err != nil {
		return nil, err
	}
	m.After, err = d.afterControl(ctx, func(ctx context.Context) (*Tokens, error) { return d.RefreshWith(ctx, late) })
	m.Past = time.Since(end)
	return m, err
}

// afterControl does something, and then shows that refreshing works.
func (d *Deployment) afterControl(ctx context.Context, attack func(context.Context) (*Tokens, error)) (*Tokens, error) {
	t, err := attack(wire.For(ctx, "attack"))
	if err != nil || t.Issued() {
		return t, err
	}
	_, err = d.SoundRefresh(ctx)
	return t, err
}

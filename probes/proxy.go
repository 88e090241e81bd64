package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Hop is the authorization request with which an authorization server that is
// a proxy sends the user agent on to an identity provider, as a client of that.
type Hop struct{ *url.URL }

// Get is a parameter of the request.
func (h *Hop) Get(name string) string { return h.Query().Get(name) }

// Callback is where the identity provider will answer.
func (h *Hop) Callback() string { return h.Get("redirect_uri") }

// hops remembers the first hop of a run: where users are sent on to.
type hops struct {
	mu    sync.Mutex
	first *Hop
}

// noticeHop looks for a hop among what the user agent did.
func (d *Deployment) noticeHop(r *Request, landing *Landing) *Hop {
	x := d.foundServer()
	if x == "" {
		return nil
	}
	for _, step := range landing.Steps {
		method, rest, _ := strings.Cut(step.What, " ")
		target, _, _ := strings.Cut(rest, " with ")
		if method != http.MethodGet {
			continue
		}
		if hop := hopTo(target, x, r.Client.ID); hop != nil {
			d.hops.mu.Lock()
			defer d.hops.mu.Unlock()
			if d.hops.first == nil {
				d.hops.first = hop
			}
			return hop
		}
	}
	return nil
}

// foundServer is the origin of the authorization endpoint, if that was found.
func (d *Deployment) foundServer() string {
	x, err := d.Discovery(d.ctx)
	if err != nil || x.AS == nil {
		return ""
	}
	endpoint, _ := x.AS.Document.String("authorization_endpoint")
	return originOf(endpoint)
}

// hopTo reads a URL as an authorization request to another server, of another
// client, to be answered at this one.
func hopTo(target, server, client string) *Hop {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || Origin(u) == server {
		return nil
	}
	query := u.Query()
	id := query.Get("client_id")
	if id == "" || id == client || query.Get("response_type") == "" || originOf(query.Get("redirect_uri")) == Origin(u) {
		return nil
	}
	if back := originOf(query.Get("redirect_uri")); back == "" || back != server {
		return nil
	}
	return &Hop{u}
}

// Upstream is a hop that was seen on the way of a sound flow, or nil if users sign
// in at the authorization server itself.
func (d *Deployment) Upstream(ctx context.Context) (*Hop, error) {
	if _, err := d.Baseline(ctx); err != nil {
		return nil, err
	}
	d.hops.mu.Lock()
	defer d.hops.mu.Unlock()
	return d.hops.first, nil
}

// Outside keeps a visit out of an origin: being sent there ends it.
func Outside(origin string) Manner { return func(v *Visit) { v.Outside = origin } }

// A SentOn is a visit that ended on its way to the identity provider.
type SentOn struct {
	*Authorization
	Hop *Hop // nil if it ended elsewhere
}

// Own are the pages of the authorization server that the user was shown.
func (s *SentOn) Own() []Page { return ownPages(s.Authorization) }

func ownPages(a *Authorization) []Page {
	var own []Page
	for _, p := range a.Landing.Pages {
		if p.Status < 300 && p.Text != "" {
			own = append(own, p)
		}
	}
	return own
}

// SendOn takes a user through an authorization request until the server sends
// the browser on to the identity provider, and no further.
func (s *Sitting) SendOn(ctx context.Context, r *Request, how ...Manner) (*SentOn, error) {
	hop, err := s.d.Upstream(ctx)
	if err != nil {
		return nil, err
	}
	if hop == nil {
		return nil, &Blocked{Owner: reports.Mcpassay, Err: errors.New("nobody was sent on to an identity provider")}
	}
	a, err := s.Authorize(ctx, r, append(how, Outside(Origin(hop.URL)))...)
	if err != nil {
		return nil, err
	}
	return s.sentOn(a), nil
}

// sentOn tells whether a visit ended on its way to the identity provider.
func (s *Sitting) sentOn(a *Authorization) *SentOn {
	sent := &SentOn{Authorization: a}
	if a.Landing.Redirect != nil {
		sent.Hop = hopTo(a.Landing.Redirect.String(), s.d.foundServer(), a.Request.Client.ID)
	}
	return sent
}

// sendApproval sends the form that approves a client, and returns whether that
// sends the browser on.
func (s *Sitting) sendApproval(ctx context.Context, form *PageForm, r *Request) (*SentOn, error) {
	hop, err := s.d.Upstream(ctx)
	if err != nil || hop == nil {
		return nil, err
	}
	a, err := s.Send(ctx, form, r, Outside(Origin(hop.URL)))
	if err != nil {
		return nil, err
	}
	return s.sentOn(a), nil
}

// SentTo begins a sound request of the client and has the browser sent on. An
// error says why it was not.
func (s *Sitting) SentTo(ctx context.Context, c *Client, how ...Manner) (*SentOn, error) {
	r, err := s.d.NewRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	sent, err := s.SendOn(ctx, r, how...)
	if err == nil && sent.Hop == nil {
		err = &Blocked{By: "as-code-flow", Owner: reports.AuthServer, Err: fmt.Errorf("the browser was not sent on to the identity provider: %s", sent.Ended())}
	}
	return sent, err
}

// SignInUpstream goes to the identity provider and signs in there, up to its
// answer, which is not delivered.
func (s *Sitting) SignInUpstream(ctx context.Context, hop *Hop, user User) (callback *url.URL, err error) {
	r := &Request{
		Client: &Client{ID: hop.Get("client_id"), RedirectURI: hop.Callback(), Method: "none"}, User: user,
		Values: url.Values{"redirect_uri": {hop.Callback()}},
	}
	a, err := s.Open(ctx, hop.String(), r)
	switch {
	case err != nil:
		return nil, err
	case a.Code == "":
		return nil, &Blocked{By: "login", Owner: reports.Configuration, Err: fmt.Errorf("the identity provider issued no code: %s", a.Ended())}
	}
	s.d.wire.Redactor.Learn("state", a.Params.Get("state"))
	return a.Landing.Redirect, nil
}

// proxied carries out something with the run's client between two sound flows.
func (d *Deployment) proxied(ctx context.Context, attack func(context.Context, *Client) (*Authorization, error)) (*Authorization, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Authorization, error) { return attack(ctx, c) })
}

// proxiedBy does the same in a browser.
func (d *Deployment) proxiedBy(ctx context.Context, attack func(context.Context, *Sitting, *Client) (*Authorization, error)) (*Authorization, error) {
	return d.proxied(ctx, func(ctx context.Context, c *Client) (*Authorization, error) {
		return seated(ctx, d, func(s *Sitting) (*Authorization, error) { return attack(ctx, s, c) })
	})
}

// UpstreamRequests has browsers sent on n times, each with a sound request, and
// stops there.
func (d *Deployment) UpstreamRequests(ctx context.Context) ([]*SentOn, error) {
	return Once(d, "upstream requests", func(ctx context.Context) ([]*SentOn, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		var all []*SentOn
		for range 4 {
			sent, err := d.sentOnce(wire.For(ctx, "control"), c)
			if err != nil {
				return nil, err
			}
			all = append(all, sent)
		}
		return all, nil
	}).Get(ctx)
}

func (d *Deployment) sentOnce(ctx context.Context, c *Client) (*SentOn, error) {
	return seated(ctx, d, func(s *Sitting) (*SentOn, error) { return s.SentTo(ctx, c) })
}

// Server is the origin of the authorization endpoint.
func (d *Deployment) Server() string { return d.foundServer() }

// beyondConsent finds out whether a visit that stopped at a consent page would go
// on to a login: a proxy asks for consent first, and the login comes elsewhere.
// If so, that is what the authorization it returns asks for.
func (s *Sitting) beyondConsent(ctx context.Context, a *Authorization, mutations ...Mutation) (*Authorization, error) {
	hop, err := s.d.Upstream(ctx)
	if err != nil || hop == nil || a.Landing.Asks != AsksConsent {
		return a, err
	}
	r, err := s.d.NewRequest(ctx, a.Request.Client, mutations...)
	if err != nil {
		return nil, err
	}
	on, err := s.Authorize(ctx, r)
	if err != nil || !on.Landing.LoggedIn {
		return on, err
	}
	asks := on.unanswered()
	asks.Landing.Asks = AsksLogin
	return asks, nil
}

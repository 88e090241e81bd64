package probes

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
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
	sent := &SentOn{Authorization: a}
	if a.Landing.Redirect != nil {
		sent.Hop = hopTo(a.Landing.Redirect.String(), s.d.foundServer(), r.Client.ID)
	}
	return sent, nil
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

// withState returns a URL with its state replaced, or left out if it is empty.
func withState(u *url.URL, value string) *url.URL {
	const name = "state"
	changed := *u
	query := maps.Clone(u.Query())
	if query.Del(name); value != "" {
		query.Set(name, value)
	}
	changed.RawQuery = query.Encode()
	return &changed
}

// A Return is one way to come back from the identity provider that ought to lead
// nowhere.
type Return struct {
	Name string
	// make carries it out in a browser that has been sent on and has signed in
	// upstream, and returns what came of it.
	make func(ctx context.Context, s *Sitting, sent *SentOn, callback *url.URL) (*Authorization, error)
}

// The ways to come back.
var (
	ReturnWithoutState = Return{"without state", func(ctx context.Context, s *Sitting, sent *SentOn, callback *url.URL) (*Authorization, error) {
		return s.Open(ctx, withState(callback, "").String(), sent.Request)
	}}
	ReturnWithOtherState = Return{"with a state of the same form that was never sent", func(ctx context.Context, s *Sitting, sent *SentOn, callback *url.URL) (*Authorization, error) {
		state := callback.Query().Get("state")
		return s.Open(ctx, withState(callback, respelt(state)).String(), sent.Request)
	}}
	ReturnTwice = Return{"a second time", func(ctx context.Context, s *Sitting, sent *SentOn, callback *url.URL) (*Authorization, error) {
		first, err := s.Open(ctx, callback.String(), sent.Request)
		if err != nil {
			return nil, err
		}
		if first.Code == "" {
			return nil, &Blocked{By: "as-code-flow", Owner: reports.AuthServer, Err: fmt.Errorf("coming back led to no code: %s", first.Ended())}
		}
		return s.Open(ctx, callback.String(), sent.Request)
	}}
	ReturnInjected = Return{"with the identity provider's code of another flow", func(ctx context.Context, s *Sitting, sent *SentOn, callback *url.URL) (*Authorization, error) {
		second, err := s.SentTo(ctx, sent.Request.Client)
		if err != nil {
			return nil, err
		}
		injected := withState(callback, second.Hop.Get("state"))
		return s.Open(ctx, injected.String(), second.Request)
	}}
)

// respelt is a text of the same length and alphabet in which every other
// character is another.
func respelt(text string) string {
	changed := []byte(text)
	for i := 0; i < len(changed); i += 2 {
		switch c := changed[i]; {
		case c >= '0' && c < '9', c >= 'a' && c < 'z', c >= 'A' && c < 'Z':
			changed[i]++
		case c == '9', c == 'z', c == 'Z':
			changed[i]--
		}
	}
	return string(changed)
}

// ComeBack tries a way to come back, between two sound flows.
func (d *Deployment) ComeBack(way Return) *Future[*Authorization] {
	return Start(d, func(ctx context.Context) (*Authorization, error) {
		return d.proxied(ctx, func(ctx context.Context, c *Client) (*Authorization, error) {
			s, err := d.Sit(ctx)
			if err != nil {
				return nil, err
			}
			defer s.Close()
			sent, err := s.SentTo(ctx, c)
			if err != nil {
				return nil, err
			}
			callback, err := s.SignInUpstream(ctx, sent.Hop, sent.Request.User)
			if err != nil {
				return nil, err
			}
			return way.make(ctx, s, sent, callback)
		})
	})
}

// proxied carries out something with the run's client between two sound flows.
func (d *Deployment) proxied(ctx context.Context, attack func(context.Context, *Client) (*Authorization, error)) (*Authorization, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Authorization, error) { return attack(ctx, c) })
}

// ComeBackElsewhere has one browser approve and be sent on, and another one, of
// another user if there is one, follow the URL that it was sent to.
func (d *Deployment) ComeBackElsewhere(ctx context.Context) (*Authorization, error) {
	return d.proxied(ctx, func(ctx context.Context, c *Client) (*Authorization, error) {
		attacker, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer attacker.Close()
		sent, err := attacker.SentTo(ctx, c)
		if err != nil {
			return nil, err
		}
		victim, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer victim.Close()
		r := *sent.Request
		r.User = d.Target.Users[len(d.Target.Users)-1]
		return victim.Open(ctx, sent.Hop.String(), &r)
	})
}

// A ForgedState is a state in which the client's redirect URI could be read, and
// what came of replacing it by another.
type ForgedState struct {
	Readable bool
	To       string // the redirect URI that was put in
	*Authorization
}

// ForgeState looks for the redirect URI in the state and replaces it.
func (d *Deployment) ForgeState(ctx context.Context) (*ForgedState, error) {
	f := &ForgedState{To: "https://attacker.mcpassay.example/callback"}
	a, err := d.proxied(ctx, func(ctx context.Context, c *Client) (*Authorization, error) {
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		sent, err := s.SentTo(ctx, c)
		if err != nil {
			return nil, err
		}
		forged, readable := replaceWithin(sent.Hop.Get("state"), sent.Request.RedirectURI(), f.To)
		if f.Readable = readable; !readable {
			return sent.Authorization, nil
		}
		callback, err := s.SignInUpstream(ctx, sent.Hop, sent.Request.User)
		if err != nil {
			return nil, err
		}
		return s.Open(ctx, withState(callback, forged).String(), sent.Request)
	})
	f.Authorization = a
	return f, err
}

// replaceWithin replaces a text in a value, or in a part of it that is base64.
func replaceWithin(value, old, replacement string) (string, bool) {
	if strings.Contains(value, old) {
		return strings.ReplaceAll(value, old, replacement), true
	}
	parts := strings.Split(value, ".")
	for i, part := range parts {
		for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
			text, err := encoding.DecodeString(strings.TrimRight(part, "="))
			if err == nil && strings.Contains(string(text), old) {
				parts[i] = encoding.EncodeToString([]byte(strings.ReplaceAll(string(text), old, replacement)))
				return strings.Join(parts, "."), true
			}
		}
	}
	return "", false
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
	s, err := d.Sit(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.SentTo(ctx, c)
}

// A Deputy is what became of a client that is new to a user who has approved
// another one.
type Deputy struct {
	First *Authorization // of the client that was approved
	Sent  *SentOn        // of the new one
	After *Authorization // what followed if the browser was sent on unasked; nil if it was not
}

// Asked tells whether the user was asked about the new client before the browser
// was sent on.
func (y *Deputy) Asked() bool { return y.Sent.Landing.Consented }

// Confuse has a user approve a client and then, in the same browser, follow a
// link of another client, between two sound flows.
func (d *Deployment) Confuse(ctx context.Context) (*Deputy, error) {
	y := &Deputy{}
	_, err := d.proxied(ctx, func(ctx context.Context, c *Client) (*Authorization, error) {
		other, err := d.SecondClient(ctx)
		if err != nil {
			return nil, err
		}
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if y.First, err = s.approve(ctx, c); err != nil {
			return nil, err
		}
		return nil, y.meet(ctx, s, other, d.user())
	})
	return y, err
}

// ConfuseUsers has one user approve a client and another one, in another browser,
// follow a link of the same client.
func (d *Deployment) ConfuseUsers(ctx context.Context) (*Deputy, error) {
	y := &Deputy{}
	_, err := d.proxied(ctx, func(ctx context.Context, _ *Client) (*Authorization, error) {
		c, err := d.WebClient(ctx)
		if err != nil {
			return nil, err
		}
		first, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer first.Close()
		if y.First, err = first.approve(ctx, c); err != nil {
			return nil, err
		}
		second, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer second.Close()
		return nil, y.meet(ctx, second, c, d.Target.Users[1])
	})
	return y, err
}

// approve takes a client to its code.
func (s *Sitting) approve(ctx context.Context, c *Client) (*Authorization, error) {
	r, err := s.d.NewRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	a, err := s.Authorize(ctx, r)
	if err == nil && a.Code == "" {
		err = s.d.noCode(ctx, a)
	}
	return a, err
}

// meet sends a user to the server with a request of the client.
func (y *Deputy) meet(ctx context.Context, s *Sitting, c *Client, user User) error {
	r, err := s.d.NewRequest(ctx, c)
	if err != nil {
		return err
	}
	r.User = user
	delete(r.Values, "prompt") // which no attacker would send
	if y.Sent, err = s.SendOn(ctx, r); err != nil || y.Sent.Hop == nil || y.Asked() {
		return err
	}
	y.After, err = s.Open(ctx, y.Sent.Hop.String(), r)
	return err
}

// Owned tells whether the server showed a page of its own after the browser had
// come back.
func (y *Deputy) Owned(server string) bool {
	return y.After != nil && slices.ContainsFunc(ownPages(y.After), func(p Page) bool { return originOf(p.URL) == server })
}

// Server is the origin of the authorization endpoint.
func (d *Deployment) Server() string { return d.foundServer() }

// A ConsentForm is the page on which a proxy asks about a client, and what came
// of sending its form from elsewhere.
type ConsentForm struct {
	Page  *Page
	Asked *Request
	Sent  *SentOn // by another browser; nil if the page has no form that can be sent so
}

// StealApproval has one browser shown the proxy's question about a client, and
// another one send the answer.
func (d *Deployment) StealApproval(ctx context.Context) (*ConsentForm, error) {
	return Once(d, "proxy consent form", func(ctx context.Context) (*ConsentForm, error) {
		f := &ConsentForm{}
		_, err := d.proxied(ctx, func(ctx context.Context, c *Client) (*Authorization, error) { return nil, d.stealApproval(ctx, c, f) })
		return f, err
	}).Get(ctx)
}

func (d *Deployment) stealApproval(ctx context.Context, c *Client, f *ConsentForm) error {
	s, err := d.Sit(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if f.Asked, err = d.NewRequest(ctx, c); err != nil {
		return err
	}
	a, err := s.SendOn(ctx, f.Asked, Until(BeforeConsent))
	if err != nil || a.Hop != nil || a.Landing.Page == nil {
		return err
	}
	f.Page = a.Landing.Page
	form := a.Landing.Forms.Approve
	if form == nil {
		return nil
	}
	other, err := d.Sit(ctx)
	if err != nil {
		return err
	}
	defer other.Close()
	hop, err := d.Upstream(ctx)
	if err != nil || hop == nil {
		return err
	}
	sent, err := other.Send(ctx, form, f.Asked, Outside(Origin(hop.URL)))
	if err != nil {
		return err
	}
	f.Sent = &SentOn{Authorization: sent}
	if sent.Landing.Redirect != nil {
		f.Sent.Hop = hopTo(sent.Landing.Redirect.String(), d.foundServer(), c.ID)
	}
	return nil
}

// EarlyCookies are the cookies that a browser has when the proxy asks about a
// client, and the state that is sent upstream when the user has approved.
type EarlyCookies struct {
	Before []*http.Cookie
	Sent   *SentOn
}

// CookiesBeforeApproval looks at a browser before and after an approval.
func (d *Deployment) CookiesBeforeApproval(ctx context.Context) (*EarlyCookies, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	hop, err := d.Upstream(ctx)
	if err != nil || hop == nil {
		return nil, err
	}
	s, err := d.Sit(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r, err := d.NewRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	asked, err := s.SendOn(ctx, r, Until(BeforeConsent))
	if err != nil || asked.Hop != nil || asked.Landing.Forms.Approve == nil {
		return nil, err
	}
	e := &EarlyCookies{}
	if e.Before, err = s.Cookies(ctx, hop.Callback()); err != nil {
		return nil, err
	}
	a, err := s.Send(ctx, asked.Landing.Forms.Approve, r, Outside(Origin(hop.URL)))
	if err != nil {
		return nil, err
	}
	e.Sent = &SentOn{Authorization: a}
	if a.Landing.Redirect != nil {
		e.Sent.Hop = hopTo(a.Landing.Redirect.String(), d.foundServer(), c.ID)
	}
	if e.Sent.Hop == nil {
		return nil, &Blocked{By: "as-code-flow", Owner: reports.AuthServer, Err: fmt.Errorf("the approval did not lead to the identity provider: %s", a.Ended())}
	}
	return e, nil
}

// Remembered is what a browser shows of approvals that are remembered.
type Remembered struct {
	Skipped bool           // the second request of the client was not asked about
	Needed  []*http.Cookie // cookies without whose exact value it is asked about again
	Loose   []*http.Cookie // cookies that another client can be approved by, as was tried
}

// RememberApproval has a user approve a client that is answered at an https host,
// and finds out which of the browser's cookies that is remembered by.
func (d *Deployment) RememberApproval(ctx context.Context) (*Remembered, error) {
	return Once(d, "proxy approvals", func(ctx context.Context) (*Remembered, error) {
		m := &Remembered{}
		_, err := d.proxied(ctx, func(ctx context.Context, c *Client) (*Authorization, error) {
			return nil, d.rememberApproval(ctx, c, m)
		})
		return m, err
	}).Get(ctx)
}

func (d *Deployment) rememberApproval(ctx context.Context, other *Client, m *Remembered) error {
	c, err := d.WebClient(ctx)
	if err != nil {
		return err
	}
	s, err := d.Sit(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.approve(ctx, c); err != nil {
		return err
	}
	server := d.foundServer() + "/"
	if m.Skipped, err = s.unasked(ctx, c); err != nil || !m.Skipped {
		return err
	}
	cookies, err := s.Cookies(ctx, server)
	if err != nil {
		return err
	}
	for _, cookie := range cookies[:min(len(cookies), maxCookies)] {
		skipped, err := d.unaskedWith(ctx, c, server, cookies, cookie, respelt(cookie.Value))
		if err != nil {
			return err
		}
		if !skipped {
			m.Needed = append(m.Needed, cookie)
		}
		forged, named := replaceWithin(cookie.Value, c.ID, other.ID)
		if !named {
			continue
		}
		if skipped, err = d.unaskedWith(ctx, other, server, cookies, cookie, forged); err != nil {
			return err
		}
		if skipped {
			m.Loose = append(m.Loose, cookie)
		}
	}
	return nil
}

// maxCookies is how many cookies of a browser are looked at.
const maxCookies = 8

// unasked tells whether the browser is sent on without a question about the client.
func (s *Sitting) unasked(ctx context.Context, c *Client) (bool, error) {
	r, err := s.d.NewRequest(ctx, c)
	if err != nil {
		return false, err
	}
	delete(r.Values, "prompt") // consent is not to be asked for
	sent, err := s.SendOn(ctx, r)
	return err == nil && sent.Hop != nil && !sent.Landing.Consented, err
}

// unaskedWith tells the same of a new browser that has the cookies, one of them
// with another value.
func (d *Deployment) unaskedWith(ctx context.Context, c *Client, server string, cookies []*http.Cookie, changed *http.Cookie, value string) (bool, error) {
	s, err := d.Sit(ctx)
	if err != nil {
		return false, err
	}
	defer s.Close()
	var planted []*http.Cookie
	for _, cookie := range cookies {
		one := *cookie
		if cookie == changed {
			one.Value = value
		}
		planted = append(planted, &one)
	}
	if err := s.Plant(ctx, server, planted); err != nil {
		return false, err
	}
	return s.unasked(ctx, c)
}

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

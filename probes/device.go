package probes

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// deviceGrant is the grant type of RFC 8628, section 3.4.
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// A DeviceRequest is a device that waits for a user's approval (RFC 8628, section 3.2).
type DeviceRequest struct {
	Client   *Client
	Response *wire.Response
	Code     string // device_code
	UserCode string
	Page     string // verification_uri
	Complete string // verification_uri_complete; empty if there is none
	Lifetime time.Duration
}

// ErrNoDevices says that no client may use the device authorization grant.
var ErrNoDevices = errors.New("no client can be registered for the device authorization grant")

// DeviceClient is a client that may use the device authorization grant.
func (d *Deployment) DeviceClient(ctx context.Context) (*Client, error) {
	return Once(d, "device client", func(ctx context.Context) (*Client, error) { return d.registerForDevices(ctx) }).Get(ctx)
}

// otherDeviceClient is another one.
func (d *Deployment) otherDeviceClient(ctx context.Context) (*Client, error) {
	return Once(d, "other device client", func(ctx context.Context) (*Client, error) { return d.registerForDevices(ctx) }).Get(ctx)
}

func (d *Deployment) registerForDevices(ctx context.Context) (*Client, error) {
	metadata := d.NativeClient(ctx)
	metadata["grant_types"] = append(d.grantTypes(ctx), deviceGrant)
	r, err := d.Register(ctx, metadata)
	if err != nil {
		return nil, err
	}
	if r.Client == nil {
		return nil, ErrNoDevices
	}
	return r.Client, nil
}

// AskAsDevice begins a device authorization.
func (d *Deployment) AskAsDevice(ctx context.Context) (*DeviceRequest, error) {
	c, err := d.DeviceClient(ctx)
	if err != nil {
		return nil, err
	}
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{"resource": {resource}}
	if scopes, err := d.Scopes(ctx); err == nil && len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	res, err := d.postForm(ctx, "device_authorization_endpoint", c, form, nil)
	if err != nil {
		return nil, err
	}
	document, err := wire.ParseDocument(res.Body)
	r := &DeviceRequest{Client: c, Response: res}
	if err == nil {
		r.Code, _ = document.String("device_code")
		r.UserCode, _ = document.String("user_code")
		r.Page, _ = document.String("verification_uri")
		r.Complete, _ = document.String("verification_uri_complete")
		seconds, _ := document.Number("expires_in")
		r.Lifetime = time.Duration(seconds * float64(time.Second))
	}
	switch {
	case res.Status >= 300 && strings.Contains(string(res.Body), "unauthorized_client"):
		return nil, ErrNoDevices
	case r.Code == "" || r.UserCode == "" || r.Page == "":
		return nil, &Blocked{By: "device authorization", Owner: reports.AuthServer,
			Err: errors.New("a sound device authorization request was not answered with device_code, user_code and verification_uri")}
	}
	d.wire.Redactor.Learn("device_code", r.Code)
	return r, nil
}

// Poll asks for the tokens of a device.
func (d *Deployment) Poll(ctx context.Context, r *DeviceRequest, c *Client) (*Tokens, error) {
	return d.TokenRequest(ctx, c, url.Values{"grant_type": {deviceGrant}, "device_code": {r.Code}})
}

// pages takes the user through the verification pages of a device.
func (s *Sitting) pages(ctx context.Context, r *DeviceRequest, how ...Manner) (*Authorization, error) {
	return s.Open(ctx, r.Complete, &Request{Client: r.Client, Values: url.Values{}, User: s.d.user()}, how...)
}

// Polls is what polling for devices came to.
type Polls struct {
	Waiting *Tokens // before the user answered
	Hasty   *Tokens // once more, at once
	Foreign *Tokens // of another client, after the user approved; nil if there is no other
	Sound   *Tokens // then, of the right one
	Again   *Tokens // once more, afterwards
	Denied  *Tokens // after the user refused; nil if there is no way to
}

// ErrNoComplete says that the verification page cannot be opened with the code.
var ErrNoComplete = errors.New("there is no verification_uri_complete, and nobody here types codes")

// PollDevices takes three devices through approval, refusal and neither.
func (d *Deployment) PollDevices(ctx context.Context) (*Polls, error) {
	if _, err := d.DeviceClient(ctx); err != nil {
		return nil, err
	}
	if _, err := d.Baseline(ctx); err != nil {
		return nil, err
	}
	ctx = wire.For(ctx, "attack")
	p := &Polls{}
	waiting, err := d.AskAsDevice(ctx)
	if err != nil {
		return nil, err
	}
	if p.Waiting, err = d.Poll(ctx, waiting, waiting.Client); err != nil {
		return nil, err
	}
	if p.Hasty, err = d.Poll(ctx, waiting, waiting.Client); err != nil {
		return nil, err
	}
	s, err := d.Sit(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return p, errors.Join(d.approveDevice(ctx, s, p), d.refuseDevice(ctx, s, p))
}

func (d *Deployment) approveDevice(ctx context.Context, s *Sitting, p *Polls) error {
	r, err := d.AskAsDevice(ctx)
	if err != nil {
		return err
	}
	if r.Complete == "" {
		return ErrNoComplete
	}
	if _, err := s.pages(ctx, r); err != nil {
		return err
	}
	if other, err := d.otherDeviceClient(ctx); err == nil {
		if p.Foreign, err = d.Poll(ctx, r, other); err != nil || p.Foreign.Issued() {
			return err
		}
	}
	if p.Sound, err = d.Poll(ctx, r, r.Client); err != nil {
		return err
	}
	p.Again, err = d.Poll(ctx, r, r.Client)
	return err
}

func (d *Deployment) refuseDevice(ctx context.Context, s *Sitting, p *Polls) error {
	r, err := d.AskAsDevice(ctx)
	if err != nil {
		return err
	}
	a, err := s.pages(ctx, r, Until(BeforeConsent))
	if err != nil {
		return err
	}
	if a.Landing.Forms.Deny == nil {
		return nil
	}
	if _, err := s.Send(ctx, a.Landing.Forms.Deny, a.Request); err != nil {
		return err
	}
	p.Denied, err = d.Poll(ctx, r, r.Client)
	return err
}

// PollExpired approves a device, waits until its code has expired, and polls.
func (d *Deployment) PollExpired(ctx context.Context) (*Tokens, error) {
	s, err := d.Sit(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r, err := d.AskAsDevice(ctx)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if r.Complete == "" {
		return nil, ErrNoComplete
	}
	if _, err := s.pages(wire.For(ctx, "attack"), r); err != nil {
		return nil, err
	}
	const grace = 200 * time.Millisecond
	if err := d.pauseUntil(ctx, begun.Add(r.Lifetime+grace)); err != nil {
		return nil, err
	}
	return d.Poll(wire.For(ctx, "attack"), r, r.Client)
}

// askedByDevice has a user sign in, and a device ask for tokens. The caller closes
// the sitting.
func (d *Deployment) askedByDevice(ctx context.Context) (*Sitting, *DeviceRequest, error) {
	if _, err := d.Baseline(ctx); err != nil {
		return nil, nil, err
	}
	c, err := d.DeviceClient(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, _, err := d.SignIn(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	r, err := d.AskAsDevice(ctx)
	if err == nil && r.Complete == "" {
		err = ErrNoComplete
	}
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, r, nil
}

// A DeviceConsent is what a user who is led to a device's verification page sees.
type DeviceConsent struct {
	Request *DeviceRequest
	Opened  *Tokens // poll after the page was opened, and nothing pressed
	Said    string  // by the pages up to the one that asks for consent
	Client  []string
}

// ConfirmDevice opens the page for a user who has signed in.
func (d *Deployment) ConfirmDevice(ctx context.Context) (*DeviceConsent, error) {
	s, r, err := d.askedByDevice(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	k := &DeviceConsent{Request: r, Client: []string{r.Client.ID}}
	if name, ok := r.Client.Metadata.String("client_name"); ok {
		k.Client = append(k.Client, name)
	}
	attack := wire.For(ctx, "attack")
	if _, err := s.pages(attack, r, Until(LookOnly), StartedBy(AttackerOrigin)); err != nil {
		return nil, err
	}
	if k.Opened, err = d.Poll(attack, r, r.Client); err != nil {
		return nil, err
	}
	a, err := s.pages(ctx, r, Until(BeforeConsent))
	if err != nil {
		return nil, err
	}
	for _, p := range a.Landing.Pages {
		k.Said += p.Text + "\n"
	}
	return k, nil
}

// Guessed is what a row of wrong guesses came to.
type Guessed struct {
	First, Last string // what was answered, without what changes
	Stopped     bool   // nothing more could be tried
	Tries       int
}

// Limited tells whether something was done about the guessing.
func (g *Guessed) Limited() bool { return g.Stopped || g.First != g.Last }

// guessTries is how many wrong guesses in a row have to be noticed.
const guessTries = 12

// guess makes wrong guesses, and remembers how the first and the last were
// answered. The second counts as the first: pages may say how many are left.
func guess(try func(i int) (*Authorization, error)) (*Guessed, error) {
	g := &Guessed{}
	for i := range guessTries {
		a, err := try(i)
		switch {
		case err != nil && (errors.Is(err, wire.ErrLimited) || Trouble(err).By == "login"):
			g.Stopped = true
			return g, nil
		case err != nil:
			return nil, err
		case a == nil || a.Landing.Page == nil || a.Landing.Page.Status == http.StatusTooManyRequests:
			g.Stopped = true
			return g, nil
		}
		g.Tries++
		answer := a.Landing.Page.Title + "\n" + a.Landing.Page.Text + "\n" + a.Landing.Asks
		if i == 0 {
			g.First = answer
		}
		g.Last = answer
	}
	return g, nil
}

// GuessPasswords tries wrong passwords for a user who does not exist, each with a
// login page of its own.
func (d *Deployment) GuessPasswords(ctx context.Context) (*Guessed, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Guessed, error) {
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		nobody := "mcpassay-" + NewVerifier()[:8]
		return guess(func(int) (*Authorization, error) {
			return s.tryLogin(ctx, c, User{nobody, NewVerifier()[:10]})
		})
	})
}

// ErrAnyoneWelcome says that a login page lets in whoever asks.
var ErrAnyoneWelcome = errors.New("the login page lets in whoever asks")

// tryLogin sends a login form with other credentials than the user's.
func (s *Sitting) tryLogin(ctx context.Context, c *Client, u User) (*Authorization, error) {
	a, err := s.atLogin(ctx, c, By(u))
	if err != nil {
		return nil, err
	}
	b, err := s.Send(ctx, a.Landing.Forms.Login, a.Request, By(u))
	if err != nil {
		return nil, err
	}
	if b.Landing.Asks == AsksConsent || b.Redirected() {
		return nil, ErrAnyoneWelcome
	}
	return b, nil
}

// GuessUserCodes tries wrong user codes as a user who has signed in.
func (d *Deployment) GuessUserCodes(ctx context.Context) (*Guessed, error) {
	s, r, err := d.askedByDevice(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	ctx = wire.For(ctx, "attack")
	return guess(func(int) (*Authorization, error) {
		a, err := s.pages(ctx, r, Until(LookOnly))
		if err != nil || a.Landing.Forms.Approve == nil {
			return nil, err
		}
		form := a.Landing.Forms.Approve.Clone()
		for name, values := range form.Fields {
			if len(values) == 1 && strings.EqualFold(values[0], r.UserCode) {
				form.Fields.Set(name, "XXXX-XXXX")
			}
		}
		return s.Send(ctx, form, a.Request)
	})
}

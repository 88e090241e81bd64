package probes

import (
	"context"
	"errors"
)

// AttackerOrigin is where the pages of an attacker stand. It exists only within
// the user agent.
const AttackerOrigin = "https://attacker.mcpassay.example"

// quietly leaves out what makes servers ask although they remember.
func quietly(more ...Mutation) []Mutation { return append([]Mutation{Without("prompt")}, more...) }

// AtConsent sits a user down and takes a request up to the page that asks for
// consent. Without such a page, or with one that is sent by script, the error is
// an ErrNoConsentForm. The caller closes the sitting.
func (d *Deployment) AtConsent(ctx context.Context, c *Client, mutations ...Mutation) (*Sitting, *Authorization, error) {
	s, err := d.Sit(ctx)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.AtConsent(ctx, c, mutations...)
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, a, nil
}

// ErrNoConsentForm says that no page asks for consent, or not by a form.
var ErrNoConsentForm = errors.New("no page of its own asks for consent by a form")

// AtConsent takes another request of the same user to that page.
func (s *Sitting) AtConsent(ctx context.Context, c *Client, mutations ...Mutation) (*Authorization, error) {
	r, err := s.d.NewRequest(ctx, c, mutations...)
	if err != nil {
		return nil, err
	}
	a, err := s.Authorize(ctx, r, Until(BeforeConsent))
	if err != nil {
		return nil, err
	}
	if a.Landing.Asks != AsksConsent || a.Landing.Forms.Approve == nil {
		return nil, ErrNoConsentForm
	}
	return a, nil
}

// SignIn sits a user down and takes a request to its end, so that the browser
// has what signing in gives. The caller closes the sitting.
func (d *Deployment) SignIn(ctx context.Context, c *Client, mutations ...Mutation) (*Sitting, *Authorization, error) {
	s, err := d.Sit(ctx)
	if err != nil {
		return nil, nil, err
	}
	r, err := d.NewRequest(ctx, c, mutations...)
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	a, err := s.Authorize(ctx, r)
	if err == nil && a.Code == "" {
		err = d.noCode(ctx, a)
	}
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, a, nil
}

// Finish redeems the code of an authorization, if it has one.
func (d *Deployment) Finish(ctx context.Context, a *Authorization) (*Attempt, error) {
	result := &Attempt{Authorization: a}
	if a.Code == "" {
		return result, nil
	}
	var err error
	result.Tokens, err = d.Redeem(ctx, a)
	return result, err
}

// look sends a request whose user does nothing but look.
func (s *Sitting) look(ctx context.Context, c *Client, how []Manner, mutations ...Mutation) (*Attempt, error) {
	r, err := s.d.NewRequest(ctx, c, quietly(mutations...)...)
	if err != nil {
		return nil, err
	}
	a, err := s.Authorize(ctx, r, append([]Manner{Until(LookOnly)}, how...)...)
	if err != nil {
		return nil, err
	}
	return s.d.Finish(ctx, a)
}

// Unapproved is a client that no user ever approves in this run.
func (d *Deployment) Unapproved(ctx context.Context) (*Client, error) {
	return Once(d, "unapproved client", func(ctx context.Context) (*Client, error) {
		return d.RegisterSoundly(ctx, nil)
	}).Get(ctx)
}

// Silent is what requests come to in the browser of a user who has signed in, is
// led there by another site, and does nothing.
type Silent struct {
	Asked bool     // somebody was asked when the user signed in
	New   *Attempt // of a client that the user never approved; nil if none can be had
	Again *Attempt // of the client approved before
}

// SilentRequests finds out.
func (d *Deployment) SilentRequests(ctx context.Context) (*Silent, error) {
	return Once(d, "silent requests", func(ctx context.Context) (*Silent, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (*Silent, error) { return d.silent(ctx, c) })
	}).Get(ctx)
}

func (d *Deployment) silent(ctx context.Context, c *Client) (*Silent, error) {
	s, first, err := d.SignIn(ctx, c, quietly()...)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	result := &Silent{Asked: first.Landing.LoggedIn || first.Landing.Consented}
	led := []Manner{StartedBy(AttackerOrigin)}
	if result.Again, err = s.look(ctx, c, led); err != nil || !d.Registers(ctx) {
		return result, err
	}
	unapproved, err := d.Unapproved(ctx)
	if err != nil {
		return nil, err
	}
	result.New, err = s.look(ctx, unapproved, led)
	return result, err
}

// ConsentPage is what a consent page says, and about whom.
type ConsentPage struct {
	Client   *Client
	Name     string // of the client, as registered; empty if not known
	User     User
	Resource string
	Page     *Page
}

// ShowConsent takes a request to its consent page.
func (d *Deployment) ShowConsent(ctx context.Context) (*ConsentPage, error) {
	c, err := d.RedirectClient(ctx)
	if err != nil {
		return nil, err
	}
	s, a, err := d.AtConsent(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	p := &ConsentPage{Client: c, User: a.Request.User, Resource: a.Request.Values.Get("resource"), Page: a.Landing.Page}
	p.Name, _ = c.Metadata.String("client_name")
	return p, nil
}

// ShowName registers a client of the name and takes it to its consent page. The
// text is empty if the server does not register such a client.
func (d *Deployment) ShowName(ctx context.Context, name string) (string, error) {
	metadata := d.NativeClient(ctx)
	metadata["client_name"] = name
	r, err := d.Register(ctx, metadata)
	if err != nil || r.Client == nil {
		return "", err
	}
	s, a, err := d.AtConsent(ctx, r.Client)
	if err != nil {
		return "", err
	}
	defer s.Close()
	return a.Landing.Page.Text, nil
}

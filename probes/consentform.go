package probes

import (
	"context"
	"errors"
	"net/url"
	"strings"
)

// Forgeries are what came of approvals that the user did not give.
type Forgeries struct {
	Elsewhere *Attempt // sent by a page of another site, without what that cannot know
	Borrowed  *Attempt // the form of another browser, sent by a page of another site
}

// ForgeApprovals sends them, in the browser of a user who has signed in.
func (d *Deployment) ForgeApprovals(ctx context.Context) (*Forgeries, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Forgeries, error) {
		victim, a, err := d.AtConsent(ctx, c)
		if err != nil {
			return nil, err
		}
		defer victim.Close()
		f := &Forgeries{}
		if f.Elsewhere, err = d.sendForm(ctx, victim, a, a.Landing.Forms.Approve.guessable(a.Request)); err != nil {
			return nil, err
		}
		attacker, b, err := d.AtConsent(ctx, c)
		if err != nil {
			return nil, err
		}
		defer attacker.Close()
		f.Borrowed, err = d.sendForm(ctx, victim, b, b.Landing.Forms.Approve)
		return f, err
	})
}

// sendForm sends a form from the attacker's site, and redeems what comes of it.
func (d *Deployment) sendForm(ctx context.Context, s *Sitting, of *Authorization, f *PageForm) (*Attempt, error) {
	a, err := s.Send(ctx, f, of.Request, StartedBy(AttackerOrigin))
	if err != nil {
		return nil, err
	}
	return d.Finish(ctx, a)
}

// long is how many characters make a value that nobody guesses.
const long = 12

// guessable is the form without what only the user's browser was told.
func (f *PageForm) guessable(r *Request) *PageForm {
	c := f.Clone()
	known := r.Values.Encode()
	for name, values := range c.Fields {
		if len(values) > 0 && len(values[0]) >= long && !strings.Contains(known, url.QueryEscape(values[0])) {
			c.Fields.Del(name)
		}
	}
	return c
}

// Tampered is what came of approvals whose form says other things than the page.
type Tampered struct {
	Asked    []string // the scopes of the request
	Scope    *Attempt // the form asks for all scopes; nil if there are no others
	Redirect *Attempt // the form asks for another redirect URI
}

// TamperWithForm sends them.
func (d *Deployment) TamperWithForm(ctx context.Context) (*Tampered, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	scopes, err := d.AllScopes(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Tampered, error) {
		t := &Tampered{}
		tamper := func(name, value string, mutations ...Mutation) (*Attempt, error) {
			s, a, err := d.AtConsent(ctx, c, mutations...)
			if err != nil {
				return nil, err
			}
			defer s.Close()
			form := a.Landing.Forms.Approve.Clone()
			form.Fields.Set(name, value)
			sent, err := s.Send(ctx, form, a.Request)
			if err != nil {
				return nil, err
			}
			return d.Finish(ctx, sent)
		}
		if len(scopes) > 1 {
			t.Asked = d.withOffline(ctx, scopes[0])
			if t.Scope, err = tamper("scope", strings.Join(scopes, " "), d.OnlyScopes(ctx, scopes[0])); err != nil {
				return nil, err
			}
		}
		t.Redirect, err = tamper("redirect_uri", AttackerOrigin+"/callback")
		return t, err
	})
}

// Denial is what came of a refusal by the user.
type Denial struct {
	Refused *Authorization
	After   *Attempt // the approval of the same page, sent after the refusal; nil if there is no form for it
}

// ErrNoDenial says that the page has no way to refuse.
var ErrNoDenial = errors.New("the consent page has no form or link to refuse")

// Deny refuses consent.
func (d *Deployment) Deny(ctx context.Context) (*Denial, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Denial, error) {
		s, a, err := d.AtConsent(ctx, c)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if a.Landing.Forms.Deny == nil {
			return nil, ErrNoDenial
		}
		result := &Denial{}
		if result.Refused, err = s.Send(ctx, a.Landing.Forms.Deny, a.Request); err != nil {
			return nil, err
		}
		late, err := s.Send(ctx, a.Landing.Forms.Approve, a.Request)
		if err != nil {
			return nil, err
		}
		result.After, err = d.Finish(ctx, late)
		return result, err
	})
}

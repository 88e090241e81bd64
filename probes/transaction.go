package probes

import (
	"context"
	"errors"
	"net/url"
	"strings"
)

// Carried is what came of a transaction whose page was opened in another browser.
type Carried struct {
	Login   *Attempt // from its login page on; nil if the page's URL is the request itself
	Consent *Attempt // from its consent page on, approved without a login there; nil likewise
}

// CarryTransaction opens the pages of a transaction in another browser.
func (d *Deployment) CarryTransaction(ctx context.Context) (*Carried, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Carried, error) {
		result := &Carried{}
		first, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer first.Close()
		a, err := first.atLogin(ctx, c)
		if err != nil {
			return nil, err
		}
		if !a.isRequest(a.Landing.Page.URL) {
			if result.Login, err = d.carry(ctx, a, ToTheEnd); err != nil {
				return nil, err
			}
		}
		b, err := first.AtConsent(ctx, c)
		if errors.Is(err, ErrNoConsentForm) {
			return result, nil
		}
		if err != nil {
			return nil, err
		}
		if !b.isRequest(b.Landing.Page.URL) {
			result.Consent, err = d.carry(ctx, b, LookOnly)
		}
		return result, err
	})
}

// isRequest tells whether a page's URL carries the whole authorization request,
// so that whoever opens it only makes the request again.
func (a *Authorization) isRequest(page string) bool {
	plain, err := url.QueryUnescape(page)
	return err != nil || strings.Contains(plain, a.Request.Values.Get("code_challenge"))
}

// carry opens the page that an authorization stopped at in a new browser. A
// consent page that shows there is approved.
func (d *Deployment) carry(ctx context.Context, a *Authorization, until Stage) (*Attempt, error) {
	other, err := d.Sit(ctx)
	if err != nil {
		return nil, err
	}
	defer other.Close()
	b, err := other.Open(ctx, a.Landing.Page.URL, a.Request, Until(until))
	if errors.Is(err, ErrCredentialsRefused) {
		return &Attempt{Authorization: a.unanswered()}, nil
	}
	if err != nil {
		return nil, err
	}
	if until == LookOnly && b.Code == "" && b.Landing.Asks == AsksConsent && b.Landing.Forms.Approve != nil {
		if b, err = other.Send(ctx, b.Landing.Forms.Approve, a.Request); err != nil {
			return nil, err
		}
	}
	return d.Finish(ctx, b)
}

// unanswered is an authorization that went no further than its page.
func (a *Authorization) unanswered() *Authorization {
	return &Authorization{Request: a.Request, Landing: &Landing{Page: a.Landing.Page}, Params: url.Values{}}
}

// Mixed is what came of two requests of two clients in one browser.
type Mixed struct {
	First, Second *Client
	Narrow        []string // scopes of the first request; nil if there is nothing to tell them apart
	Approved      *Attempt // of the first request, approved while the second was waiting
}

// MixTransactions begins two and approves the page of the first.
func (d *Deployment) MixTransactions(ctx context.Context) (*Mixed, error) {
	first, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	second, err := d.RedirectClient(ctx)
	if err != nil {
		return nil, err
	}
	if second.ID == first.ID {
		if second, err = d.SecondClient(ctx); err != nil {
			return nil, err
		}
	}
	scopes, err := d.AllScopes(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, first, func(ctx context.Context) (*Mixed, error) {
		m := &Mixed{First: first, Second: second}
		narrow, wide := Without(), Without()
		if len(scopes) > 1 {
			m.Narrow = d.withOffline(ctx, scopes[0])
			narrow, wide = d.OnlyScopes(ctx, scopes[0]), d.OnlyScopes(ctx, scopes...)
		}
		s, a, err := d.AtConsent(ctx, first, narrow)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if _, err := s.AtConsent(ctx, second, wide); err != nil {
			return nil, err
		}
		b, err := s.Send(ctx, a.Landing.Forms.Approve, a.Request)
		if err != nil {
			return nil, err
		}
		m.Approved, err = d.Finish(ctx, b)
		return m, err
	})
}

package probes

import (
	"context"
	"fmt"
	"net/http"

	"github.com/mcpassay/mcpassay/reports"
)

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
		_, err := d.proxiedBy(ctx, func(ctx context.Context, s *Sitting, c *Client) (*Authorization, error) {
			return nil, s.stealApproval(ctx, c, f)
		})
		return f, err
	}).Get(ctx)
}

func (s *Sitting) stealApproval(ctx context.Context, c *Client, f *ConsentForm) error {
	var err error
	if f.Asked, err = s.d.NewRequest(ctx, c); err != nil {
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
	f.Sent, err = seated(ctx, s.d, func(other *Sitting) (*SentOn, error) { return other.sendApproval(ctx, form, f.Asked) })
	return err
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
	return seated(ctx, d, func(s *Sitting) (*EarlyCookies, error) { return s.cookiesBeforeApproval(ctx, c, hop) })
}

func (s *Sitting) cookiesBeforeApproval(ctx context.Context, c *Client, hop *Hop) (*EarlyCookies, error) {
	r, err := s.d.NewRequest(ctx, c)
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
	if e.Sent, err = s.sendApproval(ctx, asked.Landing.Forms.Approve, r); err != nil {
		return nil, err
	}
	if e.Sent.Hop == nil {
		return nil, &Blocked{By: "as-code-flow", Owner: reports.AuthServer, Err: fmt.Errorf("the approval did not lead to the identity provider: %s", e.Sent.Ended())}
	}
	return e, nil
}

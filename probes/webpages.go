package probes

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// An Ordinary is an ordinary flow in one browser, and what it left there.
type Ordinary struct {
	*Authorization
	Endpoint string         // the authorization endpoint
	Cookies  []*http.Cookie // that the endpoint is sent afterwards
}

// OrdinaryVisit takes the run's client through one.
func (d *Deployment) OrdinaryVisit(ctx context.Context) (*Ordinary, error) {
	return Once(d, "ordinary visit", func(ctx context.Context) (*Ordinary, error) {
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		o := &Ordinary{}
		if o.Endpoint, err = d.ServerEndpoint(ctx, "authorization_endpoint"); err != nil {
			return nil, err
		}
		s, a, err := d.SignIn(wire.For(ctx, "control"), c)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		o.Authorization = a
		o.Cookies, err = s.Cookies(ctx, o.Endpoint)
		return o, err
	}).Get(ctx)
}

// returnParameters are names by which pages let themselves be told where to go on.
var returnParameters = []string{
	"return_to", "returnTo", "return_url", "returnUrl", "ReturnUrl", "return", "redirect", "redirect_to", "redirectTo",
	"redirect_url", "redirectUrl", "next", "continue", "url", "goto", "target", "back", "callbackUrl", "rd",
	"post_logout_redirect_uri", "error_uri", "success_url",
}

// A Forwarding is a page that was opened with such parameters.
type Forwarding struct {
	Page string
	To   string // where it led outside; empty if nowhere but to the client
}

// FollowReturns opens the pages of the server with an attacker's URL in such
// parameters, and goes on from there as a user does.
func (d *Deployment) FollowReturns(ctx context.Context) ([]Forwarding, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) ([]Forwarding, error) {
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		r, err := d.NewRequest(ctx, c)
		if err != nil {
			return nil, err
		}
		first, err := s.Authorize(ctx, r, Until(BeforeLogin))
		if err != nil {
			return nil, err
		}
		var targets []string
		if first.Landing.Page != nil {
			targets = append(targets, first.Landing.Page.URL)
		}
		metadata, err := d.Metadata(ctx)
		if err != nil {
			return nil, err
		}
		endpoint, err := d.ServerEndpoint(ctx, "authorization_endpoint")
		if err != nil {
			return nil, err
		}
		targets = append(targets, endpoint+"?client_id=mcpassay-unknown&error=access_denied")
		if end, ok := metadata.String("end_session_endpoint"); ok {
			targets = append(targets, end)
		}
		return s.forwardings(ctx, r, targets)
	})
}

func (s *Sitting) forwardings(ctx context.Context, r *Request, targets []string) ([]Forwarding, error) {
	var all []Forwarding
	for _, target := range targets {
		u, err := url.Parse(target)
		if err != nil {
			continue
		}
		query := u.Query()
		for _, name := range returnParameters {
			if !query.Has(name) {
				query.Set(name, AttackerOrigin+"/landing")
			}
		}
		u.RawQuery = query.Encode()
		a, err := s.Open(ctx, u.String(), r)
		if err != nil && Trouble(err).By == "login" { // no way on for a user: no forwarding
			continue
		}
		if err != nil {
			return nil, err
		}
		f := Forwarding{Page: strings.SplitN(target, "?", 2)[0]}
		if a.Redirected() && strings.HasPrefix(a.To(), AttackerOrigin) {
			f.To = a.To()
		}
		all = append(all, f)
	}
	return all, nil
}

// LoginPageFrom asks for the login page as a script of another origin would.
func (d *Deployment) LoginPageFrom(ctx context.Context, origin string) (*wire.Response, error) {
	o, err := d.OrdinaryVisit(ctx)
	if err != nil {
		return nil, err
	}
	if len(o.Landing.Pages) == 0 {
		return nil, ErrNoLoginForm
	}
	return d.Get(ctx, o.Landing.Pages[0].URL, http.Header{"Origin": {origin}})
}

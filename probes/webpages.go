package probes

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

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

// asksLogin tells whether a browser with these cookies has to sign in.
func (d *Deployment) asksLogin(ctx context.Context, c *Client, endpoint string, cookies []*http.Cookie) (bool, error) {
	s, err := d.Sit(ctx)
	if err != nil {
		return false, err
	}
	defer s.Close()
	if err := s.Plant(ctx, endpoint, cookies); err != nil {
		return false, err
	}
	r, err := d.NewRequest(ctx, c, quietly()...)
	if err != nil {
		return false, err
	}
	a, err := s.Authorize(ctx, r, Until(BeforeLogin))
	if err != nil {
		return false, err
	}
	a, err = s.beyondConsent(ctx, a, quietly()...)
	return err == nil && a.Landing.Asks == AsksLogin, err
}

// ErrNoSession says that signing in leaves nothing in the browser by which the
// user would be known the next time.
var ErrNoSession = errors.New("the browser keeps no session: the user signs in each time")

// SessionCookies are the cookies without which a user has to sign in again.
func (d *Deployment) SessionCookies(ctx context.Context) ([]*http.Cookie, error) {
	return Once(d, "session cookies", func(ctx context.Context) ([]*http.Cookie, error) {
		o, err := d.OrdinaryVisit(ctx)
		if err != nil {
			return nil, err
		}
		if !o.Landing.LoggedIn {
			return nil, ErrNoSession
		}
		c := o.Request.Client
		asks, err := d.asksLogin(ctx, c, o.Endpoint, o.Cookies)
		if err != nil {
			return nil, err
		}
		if asks {
			return nil, ErrNoSession
		}
		var needed []*http.Cookie
		for i, k := range o.Cookies {
			asks, err := d.asksLogin(ctx, c, o.Endpoint, append(slices.Clone(o.Cookies[:i]), o.Cookies[i+1:]...))
			if err != nil {
				return nil, err
			}
			if asks {
				needed = append(needed, k)
			}
		}
		return needed, nil
	}).Get(ctx)
}

// A Fixation is what becomes of the cookies that a browser had before its user
// signed in.
type Fixation struct {
	Before  []*http.Cookie
	Adopted bool // somebody else who has them is signed in now
}

// FixSession finds out.
func (d *Deployment) FixSession(ctx context.Context) (*Fixation, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := d.SessionCookies(ctx); err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Fixation, error) {
		endpoint, err := d.ServerEndpoint(ctx, "authorization_endpoint")
		if err != nil {
			return nil, err
		}
		r, err := d.NewRequest(ctx, c)
		if err != nil {
			return nil, err
		}
		attacker, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer attacker.Close()
		if _, err := attacker.Authorize(ctx, r, Until(BeforeLogin)); err != nil {
			return nil, err
		}
		f := &Fixation{}
		if f.Before, err = attacker.Cookies(ctx, endpoint); err != nil || len(f.Before) == 0 {
			return f, err
		}
		victim, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer victim.Close()
		if err := victim.Plant(ctx, endpoint, f.Before); err != nil {
			return nil, err
		}
		if r, err = d.NewRequest(ctx, c); err != nil {
			return nil, err
		}
		if _, err := victim.Authorize(ctx, r); err != nil {
			return nil, err
		}
		asks, err := d.asksLogin(ctx, c, endpoint, f.Before)
		f.Adopted = !asks
		return f, err
	})
}

// ErrNoLoginForm says that no page takes a password by a form.
var ErrNoLoginForm = errors.New("no page takes name and password by a form")

// atLogin takes a request up to the login page.
func (s *Sitting) atLogin(ctx context.Context, c *Client, how ...Manner) (*Authorization, error) {
	r, err := s.d.NewRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	a, err := s.Authorize(ctx, r, append([]Manner{Until(BeforeLogin)}, how...)...)
	if err != nil {
		return nil, err
	}
	if a.Landing.Asks != AsksLogin || a.Landing.Forms.Login == nil {
		return nil, ErrNoLoginForm
	}
	return a, nil
}

// ForgeLogin lets a page of another site sign a browser in with the attacker's
// login form, and tells whether it is signed in then.
func (d *Deployment) ForgeLogin(ctx context.Context) (bool, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return false, err
	}
	if _, err := d.SessionCookies(ctx); err != nil {
		return false, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (bool, error) {
		attacker, err := d.Sit(ctx)
		if err != nil {
			return false, err
		}
		defer attacker.Close()
		a, err := attacker.atLogin(ctx, c)
		if err != nil {
			return false, err
		}
		victim, err := d.Sit(ctx)
		if err != nil {
			return false, err
		}
		defer victim.Close()
		if _, err := victim.Send(ctx, a.Landing.Forms.Login, a.Request, StartedBy(AttackerOrigin)); err != nil {
			return false, err
		}
		r, err := d.NewRequest(ctx, c)
		if err != nil {
			return false, err
		}
		after, err := victim.Authorize(ctx, r, Until(BeforeLogin))
		if err != nil {
			return false, err
		}
		return after.Landing.Asks == AsksConsent || after.Code != "", nil
	})
}

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

// Unasked is what requests that must not show anything come to.
type Unasked struct {
	SignedOut *Authorization // in a browser where nobody has signed in
	New       *Attempt       // of a client that the user never approved; nil if none can be had
}

// PromptNone sends requests with prompt=none (OpenID Connect Core, section 3.1.2.1).
func (d *Deployment) PromptNone(ctx context.Context) (*Unasked, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	silent := []Mutation{With("prompt", "none"), Change("scope", withoutOffline)}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Unasked, error) {
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		r, err := d.NewRequest(ctx, c, silent...)
		if err != nil {
			return nil, err
		}
		u := &Unasked{}
		if u.SignedOut, err = s.Authorize(ctx, r, Until(LookOnly)); err != nil || !d.Registers(ctx) {
			return u, err
		}
		in, _, err := d.SignIn(ctx, c)
		if err != nil {
			return nil, err
		}
		defer in.Close()
		unapproved, err := d.Unapproved(ctx)
		if err != nil {
			return nil, err
		}
		if r, err = d.NewRequest(ctx, unapproved, silent...); err != nil {
			return nil, err
		}
		a, err := in.Authorize(ctx, r, Until(LookOnly))
		if err != nil {
			return nil, err
		}
		u.New, err = d.Finish(ctx, a)
		return u, err
	})
}

// withoutOffline leaves out the scope that makes servers ask.
func withoutOffline(scope string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(scope), func(s string) bool { return s == "offline_access" }), " ")
}

// Freshness is how a server takes wishes for a recent login.
type Freshness struct {
	Plain  *Authorization // of the signed-in user, without such a wish
	Prompt *Authorization // prompt=login
	MaxAge *Authorization // max_age=0
	Second *Authorization // max_age=1, two seconds later; nil if that was not needed, or takes too long
	ID     *JWT           // what max_age gives in the end; nil if no ID token was issued
}

// AskFreshly finds out.
func (d *Deployment) AskFreshly(ctx context.Context) (*Freshness, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := d.SessionCookies(ctx); err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Freshness, error) { return d.askFreshly(ctx, c) })
}

// ageing is how long after a login a second has passed, whichever way it is rounded.
const ageing = 2100 * time.Millisecond

func (d *Deployment) askFreshly(ctx context.Context, c *Client) (*Freshness, error) {
	s, _, err := d.SignIn(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	login := time.Now()
	ask := func(until Stage, mutations ...Mutation) (*Authorization, error) {
		r, err := d.NewRequest(ctx, c, quietly(mutations...)...)
		if err != nil {
			return nil, err
		}
		a, err := s.Authorize(ctx, r, Until(until))
		if err != nil || until == ToTheEnd {
			return a, err
		}
		return s.beyondConsent(ctx, a, quietly(mutations...)...)
	}
	f := &Freshness{}
	if f.Plain, err = ask(BeforeLogin); err != nil {
		return nil, err
	}
	if f.Prompt, err = ask(BeforeLogin, With("prompt", "login")); err != nil {
		return nil, err
	}
	if f.MaxAge, err = ask(BeforeLogin, With("max_age", "0")); err != nil {
		return nil, err
	}
	if f.MaxAge.Landing.Asks != AsksLogin && d.Target.Wait >= ageing/2 {
		if err := d.pauseUntil(ctx, login.Add(ageing)); err != nil {
			return nil, err
		}
		if f.Second, err = ask(BeforeLogin, With("max_age", "1")); err != nil {
			return nil, err
		}
	}
	more, err := d.askingWho(ctx)
	if err != nil || more == nil {
		return f, err
	}
	again, err := ask(ToTheEnd, append(more, With("max_age", "3600"))...)
	if err != nil {
		return nil, err
	}
	done, err := d.Finish(ctx, again)
	if err == nil && done.Tokens != nil {
		f.ID, _ = DecodeJWT(done.Tokens.ID)
	}
	return f, err
}

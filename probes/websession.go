package probes

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

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

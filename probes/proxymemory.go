package probes

import (
	"context"
	"net/http"
)

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
		_, err := d.proxiedBy(ctx, func(ctx context.Context, s *Sitting, c *Client) (*Authorization, error) {
			return nil, s.rememberApproval(ctx, c, m)
		})
		return m, err
	}).Get(ctx)
}

func (s *Sitting) rememberApproval(ctx context.Context, other *Client, m *Remembered) error {
	d := s.d
	c, err := d.WebClient(ctx)
	if err != nil {
		return err
	}
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
	var planted []*http.Cookie
	for _, cookie := range cookies {
		one := *cookie
		if cookie == changed {
			one.Value = value
		}
		planted = append(planted, &one)
	}
	return seated(ctx, d, func(s *Sitting) (bool, error) {
		if err := s.Plant(ctx, server, planted); err != nil {
			return false, err
		}
		return s.unasked(ctx, c)
	})
}

package forms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html/atom"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

// A browsing is a probes.Browsing: visits that share their cookies.
type browsing struct {
	transport http.RoundTripper
	jar       *jar
}

// Browse begins a browsing.
func (a *Agent) Browse(context.Context) (probes.Browsing, error) {
	jar, err := newJar()
	if err != nil {
		return nil, err
	}
	return &browsing{a.transport, jar}, nil
}

// Close forgets the cookies.
func (b *browsing) Close() {}

// Cookies are those that would be sent to u.
func (b *browsing) Cookies(_ context.Context, u *url.URL) ([]*http.Cookie, error) {
	return b.jar.described(u), nil
}

// Plant sets cookies as if u had.
func (b *browsing) Plant(_ context.Context, u *url.URL, cookies []*http.Cookie) error {
	b.jar.set(u, cookies)
	return nil
}

// Visit takes the user through a visit.
func (b *browsing) Visit(ctx context.Context, v probes.Visit) (*probes.Landing, error) {
	if v.Framed || v.Popup || v.Canary != "" {
		return nil, fmt.Errorf("%s: %w", signin.Where(v.URL, ""), probes.ErrNeedsBrowser)
	}
	w := &visit{Visit: v, transport: b.transport, jar: b.jar, landing: &probes.Landing{}, from: v.From}
	w.guide = signin.Begin(&w.Visit)
	start, err := url.Parse(v.URL)
	if err != nil {
		return nil, err
	}
	first := submission{method: http.MethodGet, url: start}
	if v.Form != nil {
		first = sent(v.Form, start)
	}
	if err := w.open(ctx, first); err != nil {
		return nil, err
	}
	if v.Until < probes.BeforeLogin {
		if err := w.configured(ctx); err != nil {
			return nil, err
		}
	}
	if err := w.follow(ctx); err != nil {
		return nil, err
	}
	if n := len(w.landing.Pages); n > 0 {
		w.landing.Page = &w.landing.Pages[n-1]
	}
	return w.landing, nil
}

// sent is the request that sends a form to u.
func sent(f *probes.PageForm, u *url.URL) submission {
	if !strings.EqualFold(f.Method, http.MethodPost) {
		to := *u
		if len(f.Fields) > 0 {
			to.RawQuery = f.Fields.Encode()
		}
		return submission{method: http.MethodGet, url: &to}
	}
	return submission{
		method: http.MethodPost, url: u,
		contentType: "application/x-www-form-urlencoded", body: []byte(f.Fields.Encode()),
	}
}

// stops tells whether the visit ends before the move, and notes what the page asks.
func (v *visit) stops(view *signin.View, m signin.Move) bool {
	if !v.guide.Stops(view, m) {
		return false
	}
	offer := v.guide.Offer(view)
	v.landing.Asks = offer.Asks
	v.landing.Forms = probes.Forms{Login: v.form(offer.Login), Approve: v.form(offer.Approve), Deny: v.form(offer.Deny)}
	return true
}

// form is what a move would send; nil if it sends no form.
func (v *visit) form(m *signin.Move) *probes.PageForm {
	if m == nil {
		return nil
	}
	s, err := v.page.act(*m)
	if err != nil {
		return nil
	}
	f := &probes.PageForm{Page: v.page.url.String(), Method: s.method, Action: s.url.String(), Fields: url.Values{}}
	if posted, ok := signin.Form(s.contentType, s.body); ok {
		f.Fields = posted
	}
	return f
}

// loads are what the document loads from elsewhere by itself.
func (d *document) loads(outside func(*url.URL) bool) (all []string) {
	for _, n := range d.nodes {
		var ref string
		switch n.DataAtom {
		case atom.Script, atom.Img, atom.Iframe, atom.Embed, atom.Audio, atom.Video, atom.Source:
			ref = attr(n, "src")
		case atom.Link:
			rel := strings.Fields(strings.ToLower(attr(n, "rel")))
			if slices.ContainsFunc(rel, func(r string) bool { return r == "stylesheet" || r == "preload" || r == "icon" || r == "modulepreload" }) {
				ref = attr(n, "href")
			}
		}
		u, err := d.base.Parse(strings.TrimSpace(ref))
		if ref == "" || err != nil || u.Host == "" || !outside(u) || slices.Contains(all, u.String()) {
			continue
		}
		all = append(all, u.String())
	}
	return all
}

// unguided turns the error of a guide that knows no way into the end of a visit
// that was only to look.
func (v *visit) unguided(err error) error {
	if v.Until == probes.LookOnly && (errors.Is(err, probes.ErrCredentialsRefused) || errors.Is(err, probes.ErrLost)) {
		return nil
	}
	return err
}

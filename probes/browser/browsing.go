package browser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

// A browsing is a probes.Browsing: a browser context, which has cookies and
// storage of its own, with a tab for each visit.
type browsing struct {
	b    *Browser
	p    *process
	main context.Context // chromedp keeps the browser context in it, with an empty tab
	end  func()

	turn sync.Mutex // visits are made one after the other
}

// Browse begins a browsing.
func (b *Browser) Browse(ctx context.Context) (probes.Browsing, error) {
	p, err := b.process(ctx)
	if err != nil {
		return nil, err
	}
	main, cancel := chromedp.NewContext(p.ctx, chromedp.WithNewBrowserContext())
	s := &browsing{b: b, p: p, main: main}
	s.end = sync.OnceFunc(func() { b.closing.Go(func() { discard(p.ctx, main, cancel) }) })
	return s, nil
}

// Close closes its tabs.
func (s *browsing) Close() { s.end() }

// Visit takes the user through a visit.
func (s *browsing) Visit(ctx context.Context, v probes.Visit) (*probes.Landing, error) {
	select {
	case s.b.slots <- struct{}{}:
		defer func() { <-s.b.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if v.Pace != nil {
		if err := v.Pace(ctx); err != nil {
			return nil, err
		}
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	tab := s.main
	if chromedp.FromContext(s.main).BrowserContextID != "" {
		another, cancel := chromedp.NewContext(s.main)
		defer s.b.closing.Go(cancel)
		tab = another
	}
	if err := chromedp.Do(tab); err != nil {
		return nil, fmt.Errorf("open a tab: %w", err)
	}
	w := &visit{Visit: v, record: newRecord(), main: tab, popups: map[target.ID]*popup{}}
	w.guide = signin.Begin(&w.Visit)
	if err := w.prepare(); err != nil {
		return nil, err
	}
	defer s.p.admit(chromedp.FromContext(s.main).BrowserContextID, w)()
	if err := w.show(tab); err != nil {
		return nil, err
	}
	for _, name := range []string{v.Canary, w.ear} {
		if name == "" {
			continue
		}
		if _, err := chromedp.Call(tab, runtime.AddBinding, runtime.AddBindingParams{Name: name}); err != nil {
			return nil, err
		}
	}
	err := w.run(ctx, s.b.opts.Timeout)
	return w.end(ctx, w.close(), err)
}

// Cookies are those that would be sent to u.
func (s *browsing) Cookies(ctx context.Context, u *url.URL) ([]*http.Cookie, error) {
	id, err := s.context()
	if err != nil {
		return nil, err
	}
	res, err := chromedp.CallBrowser(s.main, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: id})
	if err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	var all []*http.Cookie
	for _, c := range res.Cookies {
		host := strings.TrimPrefix(c.Domain, ".")
		if u.Hostname() != host && !strings.HasSuffix(u.Hostname(), "."+host) || !strings.HasPrefix(cmp.Or(u.Path, "/"), c.Path) {
			continue
		}
		cookie := &http.Cookie{Name: c.Name, Value: c.Value, Path: c.Path, Secure: c.Secure, HttpOnly: c.HTTPOnly}
		if strings.HasPrefix(c.Domain, ".") {
			cookie.Domain = host
		}
		switch c.SameSite {
		case network.CookieSameSiteStrict:
			cookie.SameSite = http.SameSiteStrictMode
		case network.CookieSameSiteLax:
			cookie.SameSite = http.SameSiteLaxMode
		case network.CookieSameSiteNone:
			cookie.SameSite = http.SameSiteNoneMode
		}
		all = append(all, cookie)
	}
	return all, nil
}

// Plant sets cookies as if u had.
func (s *browsing) Plant(ctx context.Context, u *url.URL, cookies []*http.Cookie) error {
	id, err := s.context()
	if err != nil {
		return err
	}
	var params []*network.CookieParam
	for _, c := range cookies {
		param := &network.CookieParam{
			Name: c.Name, Value: c.Value, URL: probes.Origin(u) + "/", Path: cmp.Or(c.Path, "/"), Secure: c.Secure, HTTPOnly: c.HttpOnly,
		}
		switch c.SameSite {
		case http.SameSiteStrictMode:
			param.SameSite = network.CookieSameSiteStrict
		case http.SameSiteLaxMode:
			param.SameSite = network.CookieSameSiteLax
		case http.SameSiteNoneMode:
			param.SameSite = network.CookieSameSiteNone
		}
		params = append(params, param)
	}
	_, err = chromedp.CallBrowser(s.main, storage.SetCookies, storage.SetCookiesParams{Cookies: params, BrowserContextID: id})
	return errors.Join(err, ctx.Err())
}

// context is the browser context, which is made when it is first needed.
func (s *browsing) context() (cdp.BrowserContextID, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if chromedp.FromContext(s.main).BrowserContextID == "" {
		if err := chromedp.Do(s.main); err != nil {
			return "", fmt.Errorf("open a tab: %w", err)
		}
	}
	return chromedp.FromContext(s.main).BrowserContextID, nil
}

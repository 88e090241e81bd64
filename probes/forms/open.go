package forms

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/signin"
)

const (
	maxBody = 1 << 20
	maxHops = 20 // as browsers do
)

// A submission is a request that the user makes, by following a link or by
// sending a form.
type submission struct {
	method      string
	url         *url.URL
	contentType string
	body        []byte
}

// said puts the submission into words.
func (s submission) said() string {
	return signin.Request(s.method, s.url.String(), s.contentType, s.body)
}

// open makes a request and follows redirects, until there is a document to show
// or the visit leaves the deployment.
func (v *visit) open(ctx context.Context, s submission) error {
	for range maxHops {
		if v.Leaves(s.url) {
			v.leave(s)
			return nil
		}
		next, err := v.send(ctx, s)
		if err != nil || next == nil {
			return err
		}
		s = *next
	}
	return fmt.Errorf("%s: %w (%d redirects)", signin.Where(s.url.String(), ""), probes.ErrLost, maxHops)
}

// leave ends the visit with a request that is not sent.
func (v *visit) leave(s submission) {
	v.did(s.said(), 0)
	v.page = nil
	v.landing.Redirect, v.landing.Method = s.url, s.method
	if form, ok := signin.Form(s.contentType, s.body); ok && s.method == http.MethodPost {
		v.landing.Form = form
	}
}

// send sends one request. It returns where the answer redirects to, or shows
// the document that it is.
func (v *visit) send(ctx context.Context, s submission) (next *submission, err error) {
	req, err := http.NewRequestWithContext(ctx, s.method, s.url.String(), bytes.NewReader(s.body))
	if err != nil {
		return nil, err
	}
	req.URL.Fragment, req.URL.RawFragment = "", ""
	req.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	req.Header.Set("Accept-Language", "en")
	req.Header.Set("User-Agent", "mcpassay")
	if s.contentType != "" {
		req.Header.Set("Content-Type", s.contentType)
	}
	switch {
	case v.page != nil && s.method == http.MethodPost:
		req.Header.Set("Origin", probes.Origin(v.page.url)) // servers check it against forgery
		req.Header.Set("Referer", v.page.url.String())
	case v.from != "":
		v.starts(req)
	}
	for _, c := range v.jar.get(s.url, s.method, v.from) {
		req.AddCookie(c)
	}
	began := time.Now()
	res, err := v.transport.RoundTrip(req)
	if err != nil {
		v.sent(s, 0)
		return nil, fmt.Errorf("open %s: %w", signin.Where(s.url.String(), ""), err)
	}
	defer func() { _ = res.Body.Close() }()
	v.sent(s, res.StatusCode)
	v.jar.set(s.url, res.Cookies())
	if next, err := redirect(s, res); err != nil || next != nil {
		v.landing.Steps[len(v.landing.Steps)-1].Header = res.Header
		return next, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", signin.Where(s.url.String(), ""), err)
	}
	return nil, v.show(s.url, res, body, time.Since(began))
}

// starts says of a request, as browsers do, which page starts it.
func (v *visit) starts(req *http.Request) {
	if req.Method == http.MethodPost {
		req.Header.Set("Origin", v.from)
	}
	site := "cross-site"
	if v.from == probes.Origin(req.URL) {
		site = "same-origin"
	}
	req.Header.Set("Referer", v.from+"/")
	req.Header.Set("Sec-Fetch-Site", site)
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Dest", "document")
}

// redirect returns the request that the answer redirects to, as the Fetch
// standard has it, section HTTP-redirect fetch.
func redirect(s submission, res *http.Response) (*submission, error) {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	location := res.Header.Get("Location")
	if location == "" {
		return nil, nil
	}
	to, err := s.url.Parse(probes.AsBrowsersRead(location))
	if err != nil {
		return nil, fmt.Errorf("redirect from %s: %w", signin.Where(s.url.String(), ""), err)
	}
	next := submission{method: http.MethodGet, url: to}
	if res.StatusCode == http.StatusTemporaryRedirect || res.StatusCode == http.StatusPermanentRedirect {
		next = s
		next.url = to
	}
	return &next, nil
}

// show makes the answer the document that the user sees.
func (v *visit) show(u *url.URL, res *http.Response, body []byte, took time.Duration) error {
	d := &document{url: u}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if media == "" {
		media = http.DetectContentType(body)
		media, _, _ = mime.ParseMediaType(media)
	}
	if html := media == "text/html" || media == "application/xhtml+xml"; html && len(body) > 0 {
		if err := d.parse(body, res.Header.Get("Content-Type")); err != nil {
			return fmt.Errorf("read %s: %w", signin.Where(u.String(), ""), err)
		}
	} else {
		d.plain = string(body)
	}
	v.page, v.from = d, ""
	v.landing.Loads = append(v.landing.Loads, d.loads(func(u *url.URL) bool { return !v.Inside(u) })...)
	v.landing.Pages = append(v.landing.Pages, probes.Page{
		URL: u.String(), Status: res.StatusCode, Header: res.Header, Title: d.title(), Text: d.text(), Took: took,
	})
	return nil
}

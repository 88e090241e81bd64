package probes

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// An OnceRace is what came of using something that is good for one time several
// times at one moment.
type OnceRace struct {
	Offered bool      // there is such a thing
	Issued  []*Tokens // what came of it, each for something different
	Open    *Blocked  // what keeps us from telling whether the race was lost
}

// raceFew is for races whose every participant costs a flow or a page.
const raceFew = 4

// RaceConsent sends the form by which a user consents several times at one
// moment, as the user's browser, and redeems the codes that come of it.
func (d *Deployment) RaceConsent(ctx context.Context) (*OnceRace, error) {
	c, err := d.raceClient(ctx)
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*OnceRace, error) {
		r := &OnceRace{}
		for range raceRounds {
			err := d.consentRound(ctx, c, r)
			if errors.Is(err, ErrNoConsentForm) {
				return r, nil
			}
			if err != nil || len(r.Issued) > 1 {
				return r, err
			}
		}
		return r, nil
	})
}

func (d *Deployment) consentRound(ctx context.Context, c *Client, r *OnceRace) error {
	s, a, err := d.AtConsent(ctx, c)
	if err != nil {
		return err
	}
	defer s.Close()
	form := a.Landing.Forms.Approve
	if !strings.EqualFold(form.Method, http.MethodPost) {
		return ErrNoConsentForm
	}
	r.Offered, r.Issued = true, nil
	cookies, err := s.Cookies(ctx, form.Action)
	if err != nil {
		return err
	}
	requests := make([]*http.Request, min(raceFew, d.wire.Concurrency()))
	for i := range requests {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, form.Action, strings.NewReader(form.Fields.Encode()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", sittingOrigin(form.Page))
		req.Header.Set("Referer", form.Page)
		withCookies(req, cookies)
		requests[i] = req
	}
	answers, errs := d.wire.Together(wire.For(ctx, "attack"), requests)
	var codes []string
	for i, res := range answers {
		if errs[i] != nil {
			return errs[i]
		}
		if res.Status == http.StatusTooManyRequests {
			return wire.ErrLimited
		}
		code, err := d.followed(ctx, res, form.Action, a.Request.RedirectURI(), cookies)
		if err != nil {
			return err
		}
		if code != "" && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	for _, code := range codes {
		won := *a
		won.Code = code
		t, err := d.Redeem(ctx, &won)
		if err != nil {
			return err
		}
		if t.Issued() {
			r.Issued = append(r.Issued, t)
		}
	}
	return nil
}

func withCookies(req *http.Request, cookies []*http.Cookie) {
	for _, c := range cookies {
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
}

// followed follows the redirects of an answer within its origin, a few of them,
// and returns the code that is sent to the client, if one is.
func (d *Deployment) followed(ctx context.Context, res *wire.Response, from, redirectURI string, cookies []*http.Cookie) (string, error) {
	at, err := url.Parse(from)
	if err != nil {
		return "", err
	}
	for range 4 {
		to, err := at.Parse(res.Header.Get("Location"))
		if res.Status < 300 || res.Status > 399 || err != nil {
			return "", nil //nolint:nilerr // a page, and no code
		}
		if strings.HasPrefix(to.String(), redirectURI) {
			code := to.Query().Get("code")
			if code != "" {
				d.wire.Redactor.Learn("code", code)
			}
			return code, nil
		}
		if origin(to) != origin(at) {
			return "", nil
		}
		set := (&http.Response{Header: res.Header}).Cookies()
		cookies = append(slices.DeleteFunc(slices.Clone(cookies), func(c *http.Cookie) bool {
			return slices.ContainsFunc(set, func(n *http.Cookie) bool { return n.Name == c.Name })
		}), set...)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
		if err != nil {
			return "", err
		}
		withCookies(req, cookies)
		if res, err = d.wire.Do(req); err != nil {
			return "", err
		}
		at = to
	}
	return "", nil
}

// RaceAssertion redeems several codes at one moment, all with the same client
// assertion, and then another one with it.
func (d *Deployment) RaceAssertion(ctx context.Context) (*OnceRace, error) {
	c, err := d.AssertionClient(ctx)
	if errors.Is(err, ErrNoAssertion) {
		return &OnceRace{}, nil
	}
	if err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*OnceRace, error) {
		r := &OnceRace{Offered: true}
		var forms []url.Values
		for range min(raceFew, d.wire.Concurrency()) + 1 {
			a, err := d.Code(wire.For(ctx, "control"), c)
			if err != nil {
				return nil, err
			}
			forms = append(forms, redemption(a))
		}
		assertion, err := c.Assertion()
		if err != nil {
			return nil, err
		}
		same := func(f *Form) { asserted(f, c, assertion) }
		last := len(forms) - 1
		answers, err := d.volley(ctx, c, forms[:last], same)
		if err != nil {
			return nil, err
		}
		for _, t := range answers {
			if t.Issued() {
				r.Issued = append(r.Issued, t)
			}
		}
		again, err := d.TokenRequest(ctx, c, forms[last], same)
		if err == nil && again.Issued() {
			r.Open = &Blocked{By: "as-assertion-replay", Owner: reports.AuthServer, Err: errors.New("a client assertion is taken again at any time")}
		}
		return r, err
	})
}

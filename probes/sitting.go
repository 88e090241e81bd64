package probes

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Stage is how far a user goes on a visit.
type Stage int

// The stages.
const (
	ToTheEnd      Stage = iota // through login and consent
	BeforeConsent              // up to the page that asks for consent
	BeforeLogin                // up to the first page that asks for anything
	LookOnly                   // nothing but to look at the first page that rests
)

// What the page at which a visit stopped asks for.
const (
	AsksLogin   = "login"
	AsksConsent = "consent"
)

// A PageForm is a form as the user would send it: where it goes and what is in it.
type PageForm struct {
	Page   string // URL of the document that it stands on
	Method string
	Action string // absolute URL
	Fields url.Values
}

// Clone returns a copy whose fields can be changed.
func (f *PageForm) Clone() *PageForm {
	c := *f
	c.Fields = url.Values{}
	for name, values := range f.Fields {
		c.Fields[name] = append([]string(nil), values...)
	}
	return &c
}

// Forms are the forms of a page by what sending them tells the server. Each may
// be nil: the page has none, or sends it by script.
type Forms struct{ Login, Approve, Deny *PageForm }

// A Browsing is one browser of one user, over several visits: what it was given
// on one of them, such as a session, it has on the next.
type Browsing interface {
	Visit(ctx context.Context, v Visit) (*Landing, error)
	// Cookies are those that the browser would send to u, with their attributes.
	Cookies(ctx context.Context, u *url.URL) ([]*http.Cookie, error)
	// Plant gives the browser cookies as if u had set them.
	Plant(ctx context.Context, u *url.URL, cookies []*http.Cookie) error
	Close()
}

// A BrowsingAgent is a user agent that can keep what it was given.
type BrowsingAgent interface {
	Browse(ctx context.Context) (Browsing, error)
}

// ErrNoBrowsing says that the user agent cannot keep what it was given.
var ErrNoBrowsing = &Blocked{By: "user agent", Owner: reports.Mcpassay, Err: fmt.Errorf("this user agent keeps no cookies between visits")}

// A Sitting is a user in front of one browser, for several visits.
type Sitting struct {
	d *Deployment
	b Browsing
}

// Sit puts a user in front of a new browser. The caller closes it.
func (d *Deployment) Sit(ctx context.Context) (*Sitting, error) {
	agent, ok := d.agent.(BrowsingAgent)
	if !ok {
		return nil, ErrNoBrowsing
	}
	_, _ = d.Baseline(ctx) // by then it is known how far one gets without a browser
	b, err := agent.Browse(ctx)
	if err != nil {
		return nil, err
	}
	return &Sitting{d, b}, nil
}

// Close closes the browser.
func (s *Sitting) Close() { s.b.Close() }

// Manner changes how a visit is made.
type Manner func(*Visit)

// Until ends the visit at a stage.
func Until(stage Stage) Manner { return func(v *Visit) { v.Until = stage } }

// StartedBy makes a page of the origin start the visit, as a link or a form on it does.
func StartedBy(origin string) Manner { return func(v *Visit) { v.From = origin } }

// By makes another user sit there.
func By(u User) Manner { return func(v *Visit) { v.User = u } }

// Listening watches for scripts that call a function of that name.
func Listening(name string) Manner { return func(v *Visit) { v.Canary = name } }

// Framed shows the visit within a frame of the page that starts it.
func Framed(v *Visit) { v.Framed = true }

// Authorize sends the user through an authorization request.
func (s *Sitting) Authorize(ctx context.Context, r *Request, how ...Manner) (*Authorization, error) {
	return s.d.authorizeBy(ctx, r, s.b.Visit, how...)
}

// Open goes to a URL of the authorization server, which belongs to a request.
func (s *Sitting) Open(ctx context.Context, target string, r *Request, how ...Manner) (*Authorization, error) {
	v := Visit{URL: target, RedirectURI: r.RedirectURI(), User: r.User, Steps: s.d.Target.Steps}
	for _, h := range how {
		h(&v)
	}
	landing, err := s.d.visitBy(ctx, v, s.b.Visit)
	if err != nil {
		return nil, s.d.authorizeTrouble(err)
	}
	return s.d.authorization(r, landing), nil
}

// Send sends a form, as the page it stands on does unless another origin is said
// to start it. What follows is only looked at.
func (s *Sitting) Send(ctx context.Context, f *PageForm, r *Request, how ...Manner) (*Authorization, error) {
	v := Visit{URL: f.Action, Form: f, From: sittingOrigin(f.Page), RedirectURI: r.RedirectURI(), User: r.User, Until: LookOnly}
	for _, h := range how {
		h(&v)
	}
	landing, err := s.d.visitBy(ctx, v, s.b.Visit)
	if err != nil {
		return nil, s.d.authorizeTrouble(err)
	}
	return s.d.authorization(r, landing), nil
}

// Cookies are those that the browser would send to the target.
func (s *Sitting) Cookies(ctx context.Context, target string) ([]*http.Cookie, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	return s.b.Cookies(ctx, u)
}

// Plant gives the browser cookies as if the target had set them.
func (s *Sitting) Plant(ctx context.Context, target string, cookies []*http.Cookie) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	return s.b.Plant(ctx, u, cookies)
}

// InWindow shows the visit in a window that the page which starts it opens.
func InWindow(v *Visit) { v.Popup = true }

// RunsScripts tells whether the user agent is a browser, which runs scripts and
// knows of frames.
func (d *Deployment) RunsScripts() bool {
	agent, ok := d.agent.(interface{ RunsScripts() bool })
	return ok && agent.RunsScripts()
}

// RequestURL is the URL of an authorization request.
func (d *Deployment) RequestURL(ctx context.Context, r *Request) (string, error) {
	u, err := d.requestURL(ctx, r)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// sittingOrigin is the origin of a URL, or nothing.
func sittingOrigin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return Origin(u)
}

// visitBy makes a visit when its turn has come, and records its steps.
func (d *Deployment) visitBy(ctx context.Context, v Visit, by func(context.Context, Visit) (*Landing, error)) (*Landing, error) {
	origins, err := d.origins(ctx)
	if err != nil {
		return nil, err
	}
	v.Origins = origins
	v.Pace = func(ctx context.Context) error { return d.wire.Pace(ctx, requestsPerVisit) }
	d.tally.take("flows", -1)
	select { // waiting for a turn is no part of the chain
	case d.turns <- struct{}{}:
		defer func() { <-d.turns }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	start := time.Now()
	visit, cancel := context.WithTimeout(ctx, d.Target.VisitTimeout)
	defer cancel()
	landing, err := by(visit, v)
	wire.Spend(ctx, time.Since(start))
	if landing != nil {
		for _, step := range landing.Steps {
			if !step.Recorded {
				d.wire.RecordStep(ctx, step.At, step.What, step.Status)
			}
		}
	}
	return landing, err
}

// authorizeBy makes the visit of an authorization request.
func (d *Deployment) authorizeBy(ctx context.Context, r *Request, by func(context.Context, Visit) (*Landing, error), how ...Manner) (*Authorization, error) {
	u, err := d.requestURL(ctx, r)
	if r.Pushed.refused() {
		return r.Pushed.authorization(r), nil
	}
	if err != nil {
		return nil, err
	}
	if err := d.turn(ctx, r.Client); err != nil {
		return nil, err
	}
	v := Visit{URL: u.String(), RedirectURI: r.RedirectURI(), User: r.User, Deny: r.Deny, Steps: d.Target.Steps}
	for _, h := range how {
		h(&v)
	}
	landing, err := d.visitBy(ctx, v, by)
	if err != nil {
		return nil, d.authorizeTrouble(err)
	}
	if page := landing.Page; landing.Redirect == nil && page != nil && page.Status == http.StatusTooManyRequests {
		return nil, fmt.Errorf("GET %s: %w", u.Host+u.Path, wire.ErrLimited)
	}
	return d.authorization(r, landing), nil
}

// authorization reads what a visit came to.
func (d *Deployment) authorization(r *Request, landing *Landing) *Authorization {
	d.noticeHop(r, landing)
	a := &Authorization{Request: r, Landing: landing, Params: landing.Params()}
	a.Code, a.Error = a.Params.Get("code"), a.Params.Get("error")
	if a.Code != "" {
		d.wire.Redactor.Learn("code", a.Code)
	}
	if iss := a.Params.Get("iss"); iss != "" {
		d.ledger.add("issuer", "iss parameter", iss)
	}
	return a
}

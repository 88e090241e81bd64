package probes

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// StrangeRedirect is a redirect URI that no client of a run ever registers and
// that has nothing in common with those they do.
const StrangeRedirect = "https://attacker.test/elsewhere"

// A Diversion is an authorization request that wants its answer somewhere else
// than where the client registered to be answered.
type Diversion struct {
	Kind    string // the family it belongs to
	Name    string // what is different, in a few words
	URI     string // where the answer is wanted
	Request []Mutation
	Deny    bool // the user refuses
}

// Diverted is what came of a diversion.
type Diverted struct {
	Diversion
	Client        *Client
	Authorization *Authorization // nil if Err is set
	Err           error          // why it could not be carried out
	Edge          bool           // it was refused as only something in front of the server refuses
}

// A ClientOf finds the client that a probe acts as.
type ClientOf func(context.Context) (*Client, error)

// Divert tries diversions of a client, between two sound flows. If the server
// answers at any redirect URI whatever, it is useless to try particular ones.
func (d *Deployment) Divert(client ClientOf, vary func(*Client) []Diversion) *Future[[]Diverted] {
	return Start(d, func(ctx context.Context) ([]Diverted, error) {
		c, err := client(ctx)
		if err != nil {
			return nil, err
		}
		strange, err := d.StrangeRedirect(ctx)
		if err != nil {
			return nil, err
		}
		if strange.Escaped() {
			return nil, &Blocked{By: "as-redirect-unregistered", Owner: reports.AuthServer, Err: fmt.Errorf("%s", strange.Said())}
		}
		return Controlled(ctx, d, c, func(ctx context.Context) ([]Diverted, error) {
			var all []Diverted
			for _, v := range vary(c) {
				tried := d.divert(ctx, c, v)
				tried.Edge = tried.Authorization != nil && blockPage(tried.Authorization, strange.Authorization)
				all = append(all, tried)
			}
			return all, nil
		})
	})
}

func (d *Deployment) divert(ctx context.Context, c *Client, v Diversion) Diverted {
	tried := Diverted{Diversion: v, Client: c}
	mutations := append([]Mutation{With("redirect_uri", v.URI)}, v.Request...)
	r, err := d.NewRequest(ctx, c, mutations...)
	if err != nil {
		tried.Err = err
		return tried
	}
	r.Deny = v.Deny
	tried.Authorization, tried.Err = d.Authorize(ctx, r)
	return tried
}

// StrangeRedirect is what comes of asking for a redirect URI that has nothing to
// do with the client: what the server does with every diversion it notices.
func (d *Deployment) StrangeRedirect(ctx context.Context) (*Diverted, error) {
	return d.strange.Get(ctx)
}

func (b *bench) divertStrangely(ctx context.Context) (*Diverted, error) {
	d := b.view(ctx)
	c, err := d.RedirectClient(ctx)
	if err != nil {
		return nil, err
	}
	tried, err := Controlled(ctx, d, c, func(ctx context.Context) (Diverted, error) {
		return d.divert(ctx, c, Diversion{Name: "an unregistered URI", URI: StrangeRedirect}), nil
	})
	if err == nil {
		err = tried.Err
	}
	return &tried, err
}

// Escaped tells whether the user agent was sent away with an answer, to a place
// that the client did not register. A server that answers at the registered
// redirect URI instead leaks nothing.
func (v *Diverted) Escaped() bool {
	a := v.Authorization
	if a == nil || !a.Redirected() || v.Normalised() {
		return false
	}
	state := a.Request.Values.Get("state")
	return a.Code != "" || state != "" && a.Params.Get("state") == state || samePlace(a.Landing.Redirect, v.URI)
}

// Normalised tells whether the server answered at a redirect URI as the client
// registered it.
func (v *Diverted) Normalised() bool {
	a := v.Authorization
	return a != nil && a.Redirected() && slices.ContainsFunc(v.Client.RedirectURIs, func(registered string) bool {
		return answersAt(a.Landing.Spelt(), registered, v.URI)
	})
}

// Said says what came of the diversion.
func (v *Diverted) Said() string {
	if v.Err != nil {
		return fmt.Sprintf("%s (%q): %v", v.Name, v.URI, v.Err)
	}
	return fmt.Sprintf("%s (%q): %s", v.Name, v.URI, v.Authorization.Ended())
}

// Spelt is Redirect as the server spelt it, if it did so in a header field.
// Parsing a URL loses the case of its scheme, and what user agents strip.
func (l *Landing) Spelt() string {
	for _, step := range slices.Backward(l.Steps) {
		if location := step.Header.Get("Location"); location != "" {
			if u, err := url.Parse(AsBrowsersRead(location)); err == nil && u.IsAbs() && u.ResolveReference(u).String() == l.Redirect.String() {
				return location
			}
			break
		}
	}
	return l.Redirect.String()
}

// answersAt tells whether an authorization response went to a registered URI:
// nothing but the query differs, the registered query is still there, and
// nothing in it or behind it comes from the URI that was asked for.
func answersAt(landed, registered, asked string) bool {
	landedBase, landedQuery, landedFragment := apart(landed)
	base, query, _ := apart(registered)
	_, askedQuery, askedFragment := apart(asked)
	if landedBase != base || askedFragment && landedFragment {
		return false
	}
	within := func(wanted, got url.Values) bool {
		for name, values := range wanted {
			for _, value := range values {
				if !slices.Contains(got[name], value) {
					return false
				}
			}
		}
		return true
	}
	for name := range query {
		askedQuery.Del(name)
	}
	return within(query, landedQuery) && (len(askedQuery) == 0 || !within(askedQuery, landedQuery))
}

// apart takes a URI apart without reading more into it than its query.
func apart(uri string) (base string, query url.Values, fragment bool) {
	uri, _, fragment = strings.Cut(uri, "#")
	base, raw, _ := strings.Cut(uri, "?")
	query, _ = url.ParseQuery(raw) // what can be read of it
	return base, query, fragment
}

// samePlace tells whether the user agent went where it was asked to be sent, as
// far as browsers are concerned: host and path are what counts.
func samePlace(landed *url.URL, asked string) bool {
	want, err := url.Parse(AsBrowsersRead(asked))
	if err != nil || want.Host == "" && want.Path == "" {
		return false
	}
	return (want.Scheme == "" || want.Scheme == landed.Scheme) &&
		strings.EqualFold(want.Host, landed.Host) && want.EscapedPath() == landed.EscapedPath()
}

// ofOAuth matches what an authorization server says about a request, and a
// firewall does not.
var ofOAuth = regexp.MustCompile(`(?i)redirect|invalid_[a-z]+|unauthorized_client|client_id|application`)

// blockPage tells whether the refusal looks like that of a firewall: a bare
// status and no word of OAuth, other than the server itself answers a redirect
// URI that it does not know.
func blockPage(a, usual *Authorization) bool {
	page := a.Landing.Page
	if a.Redirected() || page == nil {
		return false
	}
	switch page.Status {
	case http.StatusForbidden, http.StatusNotAcceptable, http.StatusTooManyRequests:
	default:
		return false
	}
	if p := usual.Landing.Page; p != nil && p.Status == page.Status && p.Title == page.Title {
		return false
	}
	return !ofOAuth.MatchString(page.Title + " " + page.Text)
}

// RedirectClient is the client whose redirect URI is varied: one on an https
// host where such a client can be registered, else the run's own.
func (d *Deployment) RedirectClient(ctx context.Context) (*Client, error) {
	if d.Registers(ctx) {
		if c, err := d.WebClient(ctx); err == nil {
			return c, nil
		}
	}
	return d.Client(ctx)
}

// LoopbackClient is a client that is answered at 127.0.0.1 (RFC 8252, section 7.3).
func (d *Deployment) LoopbackClient(ctx context.Context) (*Client, error) {
	onLoopback := func(c *Client) bool { return strings.HasPrefix(c.RedirectURI, "http://127.0.0.1") }
	c, err := d.Client(ctx)
	if err != nil || onLoopback(c) {
		return c, err
	}
	if d.Registers(ctx) {
		if c, err := d.SecondClient(ctx); err == nil && onLoopback(c) {
			return c, nil
		}
	}
	return nil, &NotRegistered{URIs: []string{LoopbackRedirect}}
}

// NotRegistered says that no client with the redirect URIs can be had.
type NotRegistered struct {
	URIs   []string
	Status int // of the answer to the registration; 0 if none is offered
}

func (e *NotRegistered) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("there is no client with the redirect URI %s", strings.Join(e.URIs, " and "))
	}
	return fmt.Sprintf("the redirect URI %s is not registered (the answer is %d)", strings.Join(e.URIs, " and "), e.Status)
}

// WithRedirects registers a client of the application type with the redirect
// URIs. If the server does not take them, the error is a NotRegistered.
func (d *Deployment) WithRedirects(ctx context.Context, applicationType string, uris ...string) (*Client, error) {
	if _, err := d.Metadata(ctx); err != nil {
		return nil, err
	}
	if !d.Registers(ctx) {
		return nil, &NotRegistered{URIs: uris}
	}
	metadata := d.NativeClient(ctx)
	metadata["application_type"], metadata["redirect_uris"] = applicationType, uris
	r, err := d.Register(ctx, metadata)
	switch {
	case err != nil:
		return nil, err
	case r.Client == nil:
		return nil, &NotRegistered{URIs: uris, Status: r.Response.Status}
	}
	for _, uri := range uris {
		if !slices.Contains(r.Client.RedirectURIs, uri) {
			return nil, &NotRegistered{URIs: uris, Status: r.Response.Status}
		}
	}
	r.Client.RedirectURI = uris[0]
	return r.Client, nil
}

// TryRedirect asks for a redirect URI that the client may use, between sound
// flows of the client, and redeems the code that comes of it.
func (d *Deployment) TryRedirect(client ClientOf, uri func(*Client) string) *Future[*Attempt] {
	return Start(d, func(ctx context.Context) (*Attempt, error) {
		c, err := client(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) (*Attempt, error) {
			return d.Attempt(ctx, c, []Mutation{With("redirect_uri", uri(c))}, nil)
		})
	})
}

// AnsweredAt tells whether the answer went to the redirect URI.
func (a *Authorization) AnsweredAt(uri string) bool {
	return a.Redirected() && answersAt(a.Landing.Spelt(), uri, uri)
}

// TryPatterns registers each redirect URI that looks like a pattern and, if the
// server takes it, asks for a URI that the pattern would match.
func (d *Deployment) TryPatterns(concrete map[string]string) *Future[[]Diverted] {
	return Start(d, func(ctx context.Context) ([]Diverted, error) {
		c, err := d.RedirectClient(ctx)
		if err != nil {
			return nil, err
		}
		return Controlled(ctx, d, c, func(ctx context.Context) ([]Diverted, error) {
			var all []Diverted
			for pattern, uri := range concrete {
				tried := Diverted{Diversion: Diversion{Name: "registered as " + pattern, URI: uri}}
				if tried.Client, tried.Err = d.WithRedirects(ctx, "web", pattern); tried.Err == nil {
					tried = d.divert(wire.For(ctx, "attack"), tried.Client, tried.Diversion)
				}
				all = append(all, tried)
			}
			return all, nil
		})
	})
}

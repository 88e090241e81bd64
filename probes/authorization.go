package probes

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Request is an authorization request (RFC 6749, section 4.1.1) with what its
// sender remembers of it.
type Request struct {
	Client   *Client
	Verifier string // code verifier of the sound request
	Values   url.Values
	Suffix   string // appended to the query as it stands, for what url.Values cannot spell
	User     User
	Deny     bool
	Pushed   *Push // what came of pushing it, if it was pushed
}

// RedirectURI is the redirect URI asked for, or the client's if none is.
func (r *Request) RedirectURI() string {
	if uri := r.Values.Get("redirect_uri"); uri != "" {
		return uri
	}
	return r.Client.RedirectURI
}

// NewRequest makes a sound request for the client, then mutates it.
func (d *Deployment) NewRequest(ctx context.Context, c *Client, mutations ...Mutation) (*Request, error) {
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	scopes, err := d.Scopes(ctx)
	if err != nil {
		return nil, err
	}
	r := &Request{Client: c, Verifier: NewVerifier(), User: d.user()}
	r.Values = url.Values{
		"response_type":         {"code"},
		"client_id":             {c.ID},
		"redirect_uri":          {c.RedirectURI},
		"state":                 {rand.Text()},
		"code_challenge":        {S256(r.Verifier)},
		"code_challenge_method": {"S256"},
		"resource":              {resource},
	}
	if len(scopes) > 0 {
		r.Values.Set("scope", strings.Join(scopes, " "))
	}
	if slices.Contains(scopes, "openid") {
		r.Values.Set("nonce", rand.Text())
	}
	if slices.Contains(scopes, "offline_access") {
		r.Values.Set("prompt", "consent") // OpenID Connect Core, section 11
	}
	mutate(&Form{Values: r.Values}, mutations)
	return r, nil
}

// NewVerifier makes a code verifier of 43 characters (RFC 7636, section 4.1).
func NewVerifier() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(raw)
}

// S256 is the code challenge of a verifier (RFC 7636, section 4.2).
func S256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// user is the user that signs in.
func (b *bench) user() User {
	if len(b.Target.Users) == 0 {
		return User{}
	}
	return b.Target.Users[0]
}

// An Authorization is what an authorization request came to.
type Authorization struct {
	Request *Request
	Landing *Landing
	Params  url.Values // of the response; empty if there was no redirect
	Code    string     // empty if none was issued
	Error   string     // the error parameter
}

// Redirected tells whether the user agent was sent to a redirect URI.
func (a *Authorization) Redirected() bool { return a.Landing.Redirect != nil }

// To is where the user agent was sent, without the response; empty if nowhere.
func (a *Authorization) To() string {
	if a.Landing.Redirect == nil {
		return ""
	}
	to := *a.Landing.Redirect
	to.RawQuery, to.Fragment, to.RawFragment = "", "", ""
	return to.String()
}

// Ended says in a few words how it ended.
func (a *Authorization) Ended() string {
	switch {
	case a.Request != nil && a.Request.Pushed.refused():
		return a.Request.Pushed.ended()
	case a.Code != "":
		return "a code was sent to " + a.To()
	case a.Error != "":
		return fmt.Sprintf("the error %s was sent to %s", a.Error, a.To())
	case a.Redirected():
		return "the user agent was sent to " + a.To() + " without a response"
	case a.Landing.Page != nil:
		return fmt.Sprintf("a page was shown (%d, %q)", a.Landing.Page.Status, a.Landing.Page.Title)
	}
	return "nothing was shown"
}

// requestsPerVisit is about how many requests a browser sends on its way through
// login and consent.
const requestsPerVisit = 4

// Authorize sends a user agent through the request, up to its end.
func (d *Deployment) Authorize(ctx context.Context, r *Request) (*Authorization, error) {
	return d.authorizeBy(ctx, r, d.agent.Authorize)
}

// requestURL is the URL of an authorization request. Where the server takes
// pushed requests only, it is pushed, and the URL names no more than what came
// of that.
func (d *Deployment) requestURL(ctx context.Context, r *Request) (*url.URL, error) {
	endpoint, err := d.ServerEndpoint(ctx, "authorization_endpoint")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	values, suffix := r.Values, r.Suffix
	if d.pushesAll(ctx) {
		if values, err = d.pushInstead(ctx, r); err != nil {
			return nil, err
		}
		suffix = ""
	}
	query := u.Query()
	for name, values := range values {
		query[name] = values
	}
	u.RawQuery = query.Encode() + suffix
	return u, nil
}

// AuthorizeFrom sends a sound authorization request as a script of the origin
// would, and returns the first answer.
func (d *Deployment) AuthorizeFrom(ctx context.Context, origin string) (*wire.Response, error) {
	return d.authorizationAnswer(ctx, http.Header{"Origin": {origin}})
}

// AuthorizationAnswer is the first answer to a sound authorization request.
func (d *Deployment) AuthorizationAnswer(ctx context.Context) (*wire.Response, error) {
	return d.authorizationAnswer(ctx, http.Header{"Accept": {"text/html"}})
}

func (d *Deployment) authorizationAnswer(ctx context.Context, header http.Header) (*wire.Response, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	r, err := d.NewRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	u, err := d.requestURL(ctx, r)
	if err != nil {
		return nil, err
	}
	return d.Get(ctx, u.String(), header)
}

func (d *Deployment) authorizeTrouble(err error) error {
	if errors.Is(err, wire.ErrLimited) {
		return fmt.Errorf("authorization request: %w", wire.ErrLimited)
	}
	if errors.Is(err, ErrCredentialsRefused) {
		return &Blocked{By: "login", Owner: reports.Configuration, Err: err}
	}
	return err
}

// origins are where a browser may go: the resource server, the authorization
// server, and what the user added.
func (d *Deployment) origins(ctx context.Context) ([]string, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	all := []string{origin(d.Endpoint)}
	add := func(raw string) {
		if u, err := url.Parse(raw); err == nil && u.Host != "" && !slices.Contains(all, origin(u)) {
			all = append(all, origin(u))
		}
	}
	add(x.Issuer)
	if x.AS != nil {
		endpoint, _ := x.AS.Document.String("authorization_endpoint")
		add(endpoint)
	}
	for _, o := range d.Target.Origins {
		add(o)
	}
	return all, nil
}

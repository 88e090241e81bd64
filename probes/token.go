package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// Tokens is what a token request came to.
type Tokens struct {
	Response *wire.Response
	Document *wire.Document // nil if the answer is no JSON object
	Client   *Client

	Access  string // empty if no access token was issued
	Refresh string
	ID      string
	Error   string // the error member
}

// Issued tells whether an access token was issued.
func (t *Tokens) Issued() bool { return t.Access != "" }

// ExpiresIn is the declared lifetime of the access token, if it is declared.
func (t *Tokens) ExpiresIn() (time.Duration, bool) {
	seconds, ok := t.Document.Number("expires_in")
	return time.Duration(seconds * float64(time.Second)), ok
}

// Scopes are the scopes that the answer names, if it names any.
func (t *Tokens) Scopes() ([]string, bool) {
	scope, ok := t.Document.String("scope")
	return strings.Fields(scope), ok
}

// A JWT is a decoded token. Nothing about it was verified.
type JWT struct{ Header, Claims *wire.Document }

// JWT decodes the access token if it is a JWT.
func (t *Tokens) JWT() (*JWT, bool) { return DecodeJWT(t.Access) }

// DecodeJWT decodes a token if it is a JWT (RFC 7519, section 3).
func DecodeJWT(token string) (*JWT, bool) {
	header, claims, err := tokens.Decode(token)
	if err != nil {
		return nil, false
	}
	return &JWT{&wire.Document{Members: header}, &wire.Document{Members: claims}}, true
}

// Audience is the aud claim, as a list whichever way it is written.
func (j *JWT) Audience() []string {
	if one, ok := j.Claims.String("aud"); ok {
		return []string{one}
	}
	many, _ := j.Claims.Strings("aud")
	return many
}

// TokenRequest sends a token request of a client (RFC 6749, section 3.2): the
// form, with the client's authentication added, then mutated.
func (d *Deployment) TokenRequest(ctx context.Context, c *Client, form url.Values, mutations ...Mutation) (*Tokens, error) {
	res, err := d.postForm(ctx, "token_endpoint", c, form, mutations)
	if err != nil {
		return nil, err
	}
	return d.readTokens(res, c), nil
}

// readTokens reads what was answered to a token request of the client.
func (d *Deployment) readTokens(res *wire.Response, c *Client) *Tokens {
	t := &Tokens{Response: res, Client: c}
	var err error
	if t.Document, err = wire.ParseDocument(res.Body); err != nil {
		t.Document = nil
		return t
	}
	t.Error, _ = t.Document.String("error")
	if res.Status >= 300 {
		return t
	}
	t.Access, _ = t.Document.String("access_token")
	t.Refresh, _ = t.Document.String("refresh_token")
	t.ID, _ = t.Document.String("id_token")
	if t.Access != "" && c.ID != "" { // nobody can revoke what was issued to no client
		d.created.grant(t)
	}
	return t
}

// Redeem redeems the code of an authorization, then mutated (RFC 6749, section 4.1.3).
func (d *Deployment) Redeem(ctx context.Context, a *Authorization, mutations ...Mutation) (*Tokens, error) {
	return d.TokenRequest(ctx, a.Request.Client, redemption(a), mutations...)
}

// redemption is the form of a sound token request for a code.
func redemption(a *Authorization) url.Values {
	form := url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {a.Code},
		"redirect_uri":  {a.Request.RedirectURI()},
		"code_verifier": {a.Request.Verifier},
	}
	if resources := a.Request.Values["resource"]; len(resources) > 0 {
		form["resource"] = resources
	}
	return form
}

// RefreshWith uses a refresh token, then mutated (RFC 6749, section 6).
func (d *Deployment) RefreshWith(ctx context.Context, t *Tokens, mutations ...Mutation) (*Tokens, error) {
	form, err := d.refreshForm(ctx, t)
	if err != nil {
		return nil, err
	}
	return d.TokenRequest(ctx, t.Client, form, mutations...)
}

// refreshForm is the form of a sound token request with a refresh token.
func (d *Deployment) refreshForm(ctx context.Context, t *Tokens) (url.Values, error) {
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {t.Refresh}, "resource": {resource}}, nil
}

// Revoke asks for a token to be revoked (RFC 7009, section 2.1).
func (d *Deployment) Revoke(ctx context.Context, c *Client, token, hint string, mutations ...Mutation) (*wire.Response, error) {
	form := url.Values{"token": {token}}
	if hint != "" {
		form.Set("token_type_hint", hint)
	}
	return d.postForm(ctx, "revocation_endpoint", c, form, mutations)
}

// Introspect asks about a token as the client (RFC 7662, section 2.1).
func (d *Deployment) Introspect(ctx context.Context, c *Client, token string, mutations ...Mutation) (*wire.Response, error) {
	return d.postForm(ctx, "introspection_endpoint", c, url.Values{"token": {token}}, mutations)
}

func (d *Deployment) postForm(ctx context.Context, endpointName string, c *Client, values url.Values, mutations []Mutation) (*wire.Response, error) {
	req, err := d.formRequest(ctx, endpointName, c, values, mutations)
	if err != nil {
		return nil, err
	}
	return d.wire.Do(req)
}

// formRequest is a form-encoded request to an endpoint of the authorization
// server, with the client's authentication, then mutated.
func (d *Deployment) formRequest(ctx context.Context, endpointName string, c *Client, values url.Values, mutations []Mutation) (*http.Request, error) {
	endpoint, err := d.ServerEndpoint(ctx, endpointName)
	if err != nil {
		return nil, err
	}
	form := &Form{Values: values, Header: http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"},
	}}
	if err := authenticate(form, c); err != nil {
		return nil, err
	}
	mutate(form, mutations)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header = form.Header
	return req, nil
}

// authenticate adds the client's authentication (RFC 6749, section 2.3.1; RFC
// 7523, section 2.2).
func authenticate(form *Form, c *Client) error {
	switch c.Method {
	case "client_secret_basic":
		req := http.Request{Header: form.Header}
		req.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
	case "client_secret_post":
		form.Values.Set("client_id", c.ID)
		form.Values.Set("client_secret", c.Secret)
	case assertionMethod:
		assertion, err := c.Assertion()
		if err != nil {
			return err
		}
		asserted(form, c, assertion)
	default:
		form.Values.Set("client_id", c.ID)
	}
	return nil
}

// Code takes a sound authorization request to its code. An error says why there
// is none.
func (d *Deployment) Code(ctx context.Context, c *Client, mutations ...Mutation) (*Authorization, error) {
	r, err := d.NewRequest(ctx, c, mutations...)
	if err != nil {
		return nil, err
	}
	a, err := d.Authorize(ctx, r)
	if err != nil {
		return nil, err
	}
	if a.Code == "" {
		return nil, d.noCode(ctx, a)
	}
	return a, nil
}

// noCode says why a sound request came to no code.
func (d *Deployment) noCode(ctx context.Context, a *Authorization) error {
	b := &Blocked{By: "as-code-flow", Owner: reports.AuthServer, Err: fmt.Errorf("no code was issued: %s", a.Ended())}
	return d.orMisspelt(ctx, a.Request.Values.Get("resource"), b)
}

// orMisspelt says what stands behind the refusal of a sound request that names the
// resource: a server that does not know it is right to refuse, if the metadata
// misspells it.
func (d *Deployment) orMisspelt(ctx context.Context, named string, b *Blocked) error {
	resource, err := d.Resource(ctx)
	if err == nil && !d.Target.Ours.ResourceServer && resource != d.Endpoint.String() && named == resource {
		b.By, b.Owner = "rs-prm-resource", reports.ResourceServer
		if strings.TrimSuffix(resource, "/") == d.Endpoint.String() {
			b.By = "rs-prm-resource-no-trailing-slash"
		}
	}
	return b
}

// Grant takes a sound flow to its tokens. The mutations are those of the
// authorization request. An error says why there are none.
func (d *Deployment) Grant(ctx context.Context, c *Client, mutations ...Mutation) (*Tokens, error) {
	a, err := d.Code(ctx, c, mutations...)
	if err != nil {
		return nil, err
	}
	t, err := d.Redeem(ctx, a)
	if err != nil {
		return nil, err
	}
	if !t.Issued() {
		return nil, &Blocked{By: "as-code-flow", Owner: reports.AuthServer,
			Err: fmt.Errorf("a sound token request was answered %d %s", t.Response.Status, t.Error)}
	}
	return t, nil
}

// Baseline is the first sound flow of the run: the control before every attack
// on the authorization server.
func (d *Deployment) Baseline(ctx context.Context) (*Tokens, error) { return d.baseline.Get(ctx) }

func (b *bench) firstGrant(ctx context.Context) (*Tokens, error) {
	d := b.view(ctx)
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Grant(alone(wire.For(ctx, "control")), c)
	if err != nil {
		return nil, err
	}
	if resource, err := d.Resource(ctx); err == nil {
		b.ledger.add("resource", "resource sent", resource)
	}
	if jwt, ok := t.JWT(); ok {
		iss, _ := jwt.Claims.String("iss")
		b.ledger.add("issuer", "token iss", iss)
		for _, aud := range jwt.Audience() {
			b.ledger.add("resource", "token aud", aud)
		}
	}
	return t, nil
}

// ErrNoRefreshToken says that the server issued no refresh token, as it may.
var ErrNoRefreshToken = errors.New("no refresh token was issued")

// Refreshable takes a sound flow to tokens with a refresh token.
func (d *Deployment) Refreshable(ctx context.Context, c *Client, mutations ...Mutation) (*Tokens, error) {
	t, err := d.Grant(ctx, c, mutations...)
	if err != nil {
		return nil, err
	}
	if t.Refresh == "" {
		return nil, &Blocked{By: "as-refresh-flow", Owner: reports.AuthServer, Err: ErrNoRefreshToken}
	}
	return t, nil
}

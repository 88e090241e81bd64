package probes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// Redirect URIs of the clients that a run registers. Nobody listens there: the
// user agent catches the redirect.
const (
	LoopbackRedirect = "http://127.0.0.1:47813/callback"
	WebRedirect      = "https://client.mcpassay.example/callback"
)

// ClientName begins the name of every client that a run registers, so that an
// operator recognises what is left of it.
const ClientName = "mcpassay"

// A StaticClient was registered by hand and is in the configuration.
type StaticClient struct {
	ID, Secret  string
	Method      string // token endpoint authentication method; empty: what it has the credentials for
	RedirectURI string

	Signer *tokens.Signer // for private_key_jwt
}

// A Client is a client of the authorization server that a run may act as.
type Client struct {
	ID, Secret  string
	Method      string         // token_endpoint_auth_method
	RedirectURI string         // the one that a sound request names
	Metadata    *wire.Document // what the registration answered; nil if registered by hand
	Answer      *wire.Response // that answer

	RedirectURIs []string // all that are known to be registered

	Signer   *tokens.Signer // for private_key_jwt
	Audience string         // of its assertions
}

// Confidential tells whether the client has to authenticate.
func (c *Client) Confidential() bool { return c.Method != "none" }

// A Registration is what a registration request came to.
type Registration struct {
	Response *wire.Response
	Document *wire.Document // nil if the answer is no JSON object
	Client   *Client        // nil if refused
}

// NativeClient is the metadata of an ordinary native client (RFC 7591, section 2;
// RFC 8252, section 7.3), authenticating in a way the server supports.
func (d *Deployment) NativeClient(ctx context.Context) map[string]any {
	return map[string]any{
		"client_name":                ClientName + " conformance run",
		"application_type":           "native",
		"redirect_uris":              []string{LoopbackRedirect},
		"grant_types":                d.grantTypes(ctx),
		"response_types":             []string{"code"},
		"token_endpoint_auth_method": d.authMethod(ctx),
	}
}

// grantTypes asks for a refresh token unless the server says it has none.
func (d *Deployment) grantTypes(ctx context.Context) []string {
	types := []string{"authorization_code"}
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return types
	}
	if supported, ok := metadata.Strings("grant_types_supported"); ok && !slices.Contains(supported, "refresh_token") {
		return types
	}
	return append(types, "refresh_token")
}

// authMethod is none where the server allows it. A server that lists no methods
// supports Basic (RFC 8414, section 2), yet most of those register public
// clients: none is asked for, and the answer decides.
func (d *Deployment) authMethod(ctx context.Context) string {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return "none"
	}
	supported, ok := metadata.Strings("token_endpoint_auth_methods_supported")
	if !ok || slices.Contains(supported, "none") {
		return "none"
	}
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		if slices.Contains(supported, method) {
			return method
		}
	}
	return "none"
}

// Register sends a registration request (RFC 7591, section 3.1). A client that
// results is removed at the end of the run.
func (d *Deployment) Register(ctx context.Context, metadata map[string]any) (*Registration, error) {
	endpoint, err := d.ServerEndpoint(ctx, "registration_endpoint")
	if err != nil {
		return nil, err
	}
	if err := d.enrolling.full(); err != nil {
		return nil, err
	}
	if !d.tally.take("registrations", d.Target.MaxRegistrations) {
		return nil, &Blocked{By: "registration budget", Owner: reports.Configuration,
			Err: fmt.Errorf("the budget of %d registrations is used up", d.Target.MaxRegistrations)}
	}
	body, err := json.Marshal(metadata)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	began := time.Now()
	res, err := d.wire.Do(req)
	if err != nil {
		d.enrolling.failed(err)
		return nil, err
	}
	r := &Registration{Response: res}
	if doc, err := wire.ParseDocument(res.Body); err == nil {
		r.Document = doc
	}
	id, ok := r.Document.String("client_id")
	if (res.Status == http.StatusCreated || res.Status == http.StatusOK) && ok && id != "" {
		r.Client = registered(id, r.Document, metadata)
		r.Client.Answer = res
		d.created.client(r.Client)
		d.enrolling.success(began)
	}
	return r, nil
}

// registered is the client as the server says it is, which need not be what was
// asked for (RFC 7591, section 3.2.1).
func registered(id string, doc *wire.Document, asked map[string]any) *Client {
	c := &Client{ID: id, Metadata: doc}
	c.Secret, _ = doc.String("client_secret")
	var ok bool
	if c.Method, ok = doc.String("token_endpoint_auth_method"); !ok {
		c.Method, _ = asked["token_endpoint_auth_method"].(string)
		if c.Method == "" {
			c.Method = "client_secret_basic"
		}
	}
	if c.Secret == "" && c.Method != assertionMethod {
		c.Method = "none"
	}
	uris, ok := doc.Strings("redirect_uris")
	if !ok || len(uris) == 0 {
		uris, _ = asked["redirect_uris"].([]string)
	}
	if len(uris) > 0 {
		c.RedirectURI, c.RedirectURIs = uris[0], uris
	}
	return c
}

// RegisterSoundly registers a client with the members changed as given, and errs
// if the server refuses. A nil value leaves a member out.
func (d *Deployment) RegisterSoundly(ctx context.Context, change map[string]any) (*Client, error) {
	r, err := d.RegisterChanged(ctx, change)
	if err != nil {
		return nil, err
	}
	if r.Client == nil {
		return nil, &Blocked{By: "as-dcr-usable", Owner: reports.AuthServer,
			Err: &RefusedRegistration{Status: r.Response.Status, Code: r.Code()}}
	}
	return r.Client, nil
}

// Client is the client that a run acts as, unless a check needs one of its own:
// the configured one, else one registered as an ordinary native client.
func (d *Deployment) Client(ctx context.Context) (*Client, error) { return d.client.Get(ctx) }

// SecondClient is another client than Client, which it never is.
func (d *Deployment) SecondClient(ctx context.Context) (*Client, error) { return d.second.Get(ctx) }

// DisposableClient is for checks that may get all grants of a client revoked.
func (d *Deployment) DisposableClient(ctx context.Context) (*Client, error) {
	return d.disposable.Get(ctx)
}

// disposableClient is one of its own where that can be had. With a single
// configured client it is that one: what a check gets revoked is its own grant.
func (b *bench) disposableClient(ctx context.Context) (*Client, error) {
	if !b.view(ctx).Registers(ctx) && len(b.Target.Clients) == 1 {
		return b.client.Get(ctx)
	}
	return b.anotherClient(ctx)
}

// WebClient has a redirect URI on an https host, not on loopback. It is
// registered as a public client of application type web.
func (d *Deployment) WebClient(ctx context.Context) (*Client, error) { return d.web.Get(ctx) }

// ErrNoClient says that no client can be had: none is configured and the
// authorization server offers no registration.
var ErrNoClient = errors.New("the authorization server offers no dynamic client registration and no client is configured")

// Registers tells whether the server offers dynamic client registration.
func (d *Deployment) Registers(ctx context.Context) bool {
	metadata, err := d.Metadata(ctx)
	return err == nil && metadata.Has("registration_endpoint")
}

func (b *bench) view(ctx context.Context) *Deployment {
	return &Deployment{bench: b, ctx: ctx, transcript: &wire.Transcript{}}
}

func (b *bench) defaultClient(ctx context.Context) (*Client, error) {
	if len(b.Target.Clients) > 0 {
		return b.view(ctx).static(ctx, b.Target.Clients[0])
	}
	d := b.view(ctx)
	if _, err := d.Metadata(ctx); err != nil {
		return nil, err
	}
	if !d.Registers(ctx) {
		if c, err := d.DocumentClient(ctx); !errors.Is(err, ErrNoDocuments) {
			return c, err
		}
		return nil, &Blocked{By: "registration", Owner: reports.Configuration, Err: ErrNoClient}
	}
	return d.RegisterSoundly(ctx, nil)
}

func (b *bench) anotherClient(ctx context.Context) (*Client, error) {
	d := b.view(ctx)
	if d.Registers(ctx) {
		return d.RegisterSoundly(ctx, nil)
	}
	if len(b.Target.Clients) > 1 {
		return d.static(ctx, b.Target.Clients[1])
	}
	if c, err := d.DocumentClient(ctx); err == nil {
		other, _, err := d.publishClient(ctx, c.RedirectURIs...)
		return other, err
	}
	return nil, &Blocked{By: "registration", Owner: reports.Configuration,
		Err: errors.New("a second client is needed: configure one, since the server registers none")}
}

func (b *bench) webClient(ctx context.Context) (*Client, error) {
	return b.view(ctx).RegisterSoundly(ctx, map[string]any{
		"application_type": "web", "redirect_uris": []string{WebRedirect},
	})
}

// static is a configured client, ready to be acted as.
func (d *Deployment) static(ctx context.Context, s StaticClient) (*Client, error) {
	c := s.client()
	if c.Signer == nil {
		return c, nil
	}
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	return c, d.settleAudience(ctx, c, metadata)
}

func (s StaticClient) client() *Client {
	c := &Client{ID: s.ID, Secret: s.Secret, Method: s.Method, RedirectURI: s.RedirectURI, Signer: s.Signer}
	if c.Method == "" {
		c.Method = "none"
		switch {
		case c.Signer != nil:
			c.Method = assertionMethod
		case c.Secret != "":
			c.Method = "client_secret_basic"
		}
	}
	if c.RedirectURI == "" {
		c.RedirectURI = LoopbackRedirect
	}
	c.RedirectURIs = []string{c.RedirectURI}
	return c
}

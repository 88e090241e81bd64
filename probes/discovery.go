package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Fetched is one attempt at getting a metadata document.
type Fetched struct {
	URL      string
	Form     string         // how the URL came about: challenge, path, root, oauth, oidc, oidc appended
	Response *wire.Response // nil if Err is set
	Document *wire.Document // nil unless the answer is 200 and a JSON object
	Err      error          // why there is no answer, or why it is no document
}

// A Discovery is what a client finds on the way from the MCP endpoint to the
// authorization server's metadata (MCP, Authorization Server Discovery).
type Discovery struct {
	Anonymous  *wire.Response // answer to the protected call without credentials
	Challenges []wire.Challenge
	Malformed  []string // what was wrong with the challenge header

	PRMs     []Fetched // every place a client may look, in order
	PRM      *Fetched  // the first document among them
	Issuer   string    // the first authorization server it names, or the server's own origin without one
	Metadata []Fetched // every well-known form for the issuer
	AS       *Fetched  // the first document among them

	Named     bool     // an authorization server is named
	Elsewhere *Fetched // what the issuer's host publishes, if it publishes nothing for the issuer
}

// Discovery finds the metadata, once for all checks.
func (d *Deployment) Discovery(ctx context.Context) (*Discovery, error) { return d.discovery.Get(ctx) }

func discover(b *bench) func(context.Context) (*Discovery, error) {
	return func(ctx context.Context) (*Discovery, error) {
		x := &Discovery{}
		var err error
		if x.Anonymous, err = b.post(ctx, b.Endpoint.String(), b.alone("tools/list", nil)); err != nil {
			return nil, err
		}
		b.readClock(x.Anonymous)
		x.Challenges, x.Malformed = wire.Challenges(x.Anonymous.Header)
		b.findResourceMetadata(ctx, x)
		x.Issuer = origin(b.Endpoint)
		if x.PRM != nil {
			if resource, ok := x.PRM.Document.String("resource"); ok {
				b.ledger.add("resource", "PRM resource", resource)
			}
			if servers, ok := x.PRM.Document.Strings("authorization_servers"); ok && len(servers) > 0 {
				x.Issuer, x.Named = servers[0], true
				b.ledger.add("issuer", "PRM authorization_servers", servers[0])
			}
		}
		if b.Target.Issuer != "" {
			x.Issuer, x.Named = b.Target.Issuer, true
		}
		b.findServerMetadata(ctx, x)
		if x.AS != nil {
			issuer, _ := x.AS.Document.String("issuer")
			b.ledger.add("issuer", "metadata issuer", issuer)
		}
		return x, nil
	}
}

// findResourceMetadata looks where RFC 9728, section 3.1 and 5.1, say.
func (b *bench) findResourceMetadata(ctx context.Context, x *Discovery) {
	seen := map[string]bool{}
	try := func(form, target string) {
		if target == "" || seen[target] {
			return
		}
		seen[target] = true
		x.PRMs = append(x.PRMs, b.fetch(ctx, form, target))
	}
	for _, c := range wire.Bearer(x.Challenges) {
		if pointer, ok := c.Get("resource_metadata"); ok {
			try("challenge", pointer)
		}
	}
	path := strings.TrimSuffix(b.Endpoint.EscapedPath(), "/")
	if path != "" {
		try("path", origin(b.Endpoint)+"/.well-known/oauth-protected-resource"+path)
	}
	try("root", origin(b.Endpoint)+"/.well-known/oauth-protected-resource")
	x.PRM = first(x.PRMs)
}

// findServerMetadata tries the forms of MCP, Authorization Server Metadata Discovery.
func (b *bench) findServerMetadata(ctx context.Context, x *Discovery) {
	for _, c := range ServerMetadataURLs(x.Issuer) {
		x.Metadata = append(x.Metadata, b.fetch(ctx, c.Form, c.URL))
	}
	x.AS = first(x.Metadata)
	u, err := url.Parse(x.Issuer)
	if x.AS != nil || err != nil || u.Host == "" || u.Path == "" {
		return
	}
	var atHost []Fetched
	for _, c := range ServerMetadataURLs(origin(u)) {
		atHost = append(atHost, b.fetch(ctx, c.Form, c.URL))
	}
	x.Elsewhere = first(atHost)
}

// ServerMetadataURLs are the well-known URLs of an issuer, in the order a client
// tries them. Only Form and URL are set.
func ServerMetadataURLs(issuer string) []Fetched {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return nil
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	forms := []Fetched{
		{Form: "oauth", URL: origin(u) + "/.well-known/oauth-authorization-server" + path},
		{Form: "oidc", URL: origin(u) + "/.well-known/openid-configuration" + path},
	}
	if path != "" {
		forms = append(forms, Fetched{Form: "oidc appended", URL: origin(u) + path + "/.well-known/openid-configuration"})
	}
	return forms
}

func first(fetched []Fetched) *Fetched {
	for i := range fetched {
		if fetched[i].Document != nil {
			return &fetched[i]
		}
	}
	return nil
}

// fetch gets a document. HTML is "not served": single-page applications answer
// 200 with it for every path.
func (b *bench) fetch(ctx context.Context, form, target string) Fetched {
	f := Fetched{URL: target, Form: form}
	f.Response, f.Err = b.get(ctx, target, http.Header{"Accept": {"application/json"}})
	switch {
	case f.Err != nil:
	case f.Response.Status != http.StatusOK:
		f.Err = fmt.Errorf("answered %d", f.Response.Status)
	default:
		f.Document, f.Err = wire.ParseDocument(f.Response.Body)
	}
	return f
}

// Fetch gets a document from a URL that a check chose.
func (d *Deployment) Fetch(ctx context.Context, target string) Fetched {
	return d.fetch(ctx, "", target)
}

// Metadata returns the authorization server's metadata, or what blocks it.
func (d *Deployment) Metadata(ctx context.Context) (*wire.Document, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	if x.AS == nil {
		return nil, x.NoMetadata()
	}
	return x.AS.Document, nil
}

// NoMetadata says what keeps the authorization server's metadata from being
// found: something on the way to it, or the authorization server itself.
func (x *Discovery) NoMetadata() *Blocked {
	b := &Blocked{Owner: reports.ResourceServer, Err: fmt.Errorf("no authorization server metadata was found for %q", x.Issuer)}
	switch {
	case x.PRM == nil:
		b.By = "rs-prm-discoverable"
	case !x.Named:
		b.By = "rs-prm-authorization-servers"
	case x.Elsewhere != nil:
		b.By = "rs-prm-authorization-servers-resolve"
	default:
		b.By, b.Owner = "as-metadata-discoverable", reports.AuthServer
	}
	return b
}

// ServerEndpoint returns an endpoint named in the metadata.
func (d *Deployment) ServerEndpoint(ctx context.Context, name string) (string, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return "", err
	}
	endpoint, ok := metadata.String(name)
	if !ok {
		return "", &Blocked{By: "as-metadata-required-members", Owner: reports.AuthServer, Err: fmt.Errorf("the metadata names no %s", name)}
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", &Blocked{By: "as-metadata-endpoint-urls", Owner: reports.AuthServer, Err: fmt.Errorf("%s %q is not an absolute http or https URL", name, endpoint)}
	}
	return endpoint, nil
}

// Resource is the resource indicator a client sends: the resource of the
// metadata as it stands there, or the server URL without one (RFC 8707; MCP,
// Resource Parameter Implementation).
func (d *Deployment) Resource(ctx context.Context) (string, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return "", err
	}
	if x.PRM != nil {
		if resource, ok := x.PRM.Document.String("resource"); ok && resource != "" {
			return resource, nil
		}
	}
	return d.Endpoint.String(), nil
}

// Scopes are the scopes a client asks for: what the user configured, else what
// the challenge names, else what the metadata lists (MCP, Scope Selection Strategy).
func (d *Deployment) Scopes(ctx context.Context) ([]string, error) {
	if len(d.Target.Scopes) > 0 {
		return d.Target.Scopes, nil
	}
	scopes, err := d.resourceScopes(ctx)
	if err != nil {
		return nil, err
	}
	return d.withOffline(ctx, scopes...), nil
}

// withOffline adds offline_access where the authorization server lists it: such
// servers issue no refresh token without it (MCP, Refresh Tokens).
func (d *Deployment) withOffline(ctx context.Context, scopes ...string) []string {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return scopes
	}
	listed, _ := metadata.Strings("scopes_supported")
	grants, declared := metadata.Strings("grant_types_supported")
	refreshes := !declared || slices.Contains(grants, "refresh_token")
	if refreshes && slices.Contains(listed, "offline_access") && !slices.Contains(scopes, "offline_access") {
		return append(slices.Clone(scopes), "offline_access")
	}
	return scopes
}

// OnlyScopes asks for these scopes of the resource, in a way that refresh tokens
// are still issued.
func (d *Deployment) OnlyScopes(ctx context.Context, scopes ...string) Mutation {
	return With("scope", strings.Join(d.withOffline(ctx, scopes...), " "))
}

func (d *Deployment) resourceScopes(ctx context.Context) ([]string, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range wire.Bearer(x.Challenges) {
		if scope, ok := c.Get("scope"); ok && scope != "" {
			return strings.Fields(scope), nil
		}
	}
	if x.PRM != nil {
		if scopes, ok := x.PRM.Document.Strings("scopes_supported"); ok {
			return scopes, nil
		}
	}
	return nil, nil
}

// AllScopes are the scopes that a client of the resource could ask for: those it
// does ask for first, then the others that the metadata lists. Scopes that are
// about the session rather than the resource are left out.
func (d *Deployment) AllScopes(ctx context.Context) ([]string, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	asked, err := d.Scopes(ctx)
	if err != nil {
		return nil, err
	}
	var listed, all []string
	if x.PRM != nil {
		listed, _ = x.PRM.Document.Strings("scopes_supported")
	}
	for _, scope := range slices.Concat(asked, listed) {
		if scope != "openid" && scope != "offline_access" && !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	return all, nil
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// get sends a GET request.
func (b *bench) get(ctx context.Context, target string, header http.Header) (*wire.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	if req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return nil, errors.New("not an http or https URL")
	}
	req.Header = header
	return b.wire.Do(req)
}

// Get sends a GET request with a header.
func (d *Deployment) Get(ctx context.Context, target string, header http.Header) (*wire.Response, error) {
	return d.get(ctx, target, header)
}

// Do sends any request.
func (d *Deployment) Do(req *http.Request) (*wire.Response, error) { return d.wire.Do(req) }

// ServersFound looks for the metadata of every authorization server that the
// protected resource metadata lists. URL is the identifier as listed.
func (d *Deployment) ServersFound(ctx context.Context) ([]Fetched, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	if x.PRM == nil {
		return nil, &Blocked{By: "rs-prm-discoverable", Owner: reports.ResourceServer, Err: errors.New("there is no protected resource metadata")}
	}
	servers, _ := x.PRM.Document.Strings("authorization_servers")
	var all []Fetched
	for _, server := range servers[:min(len(servers), 8)] {
		found := Fetched{URL: server}
		for _, form := range ServerMetadataURLs(server) {
			if f := d.fetch(ctx, form.Form, form.URL); f.Document != nil {
				found.Form, found.Response, found.Document = f.Form, f.Response, f.Document
				break
			}
		}
		all = append(all, found)
	}
	return all, nil
}

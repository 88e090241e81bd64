package reference

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// The scopes of the resource server's tools.
const (
	scopeRead     = "notes.read"
	scopeWrite    = "notes.write"
	scopeNotes    = "notes.all" // implies the two
	scopeUpstream = "upstream.read"
)

// ResourceServerClient is the id of the confidential client that the resource server is
// to the authorization server, for token exchange and introspection.
const ResourceServerClient = "reference-resource-server"

// A ResourceServer serves two MCP servers, each a protected resource of its own:
// a token for one is a foreign token to the other.
type ResourceServer struct {
	origin    string
	lab       *ClientLab
	layout    Layout
	faults    fault.Set
	variants  variant.Set
	authority *authority
	keys      *tokens.Issuer          // of the resource itself, for its metadata
	metadata  map[string]http.Handler // by path
	endpoints map[string]*endpoint    // by path
}

func newResourceServer(origin, issuer, secret, upstreamURL string, o *Options) (*ResourceServer, error) {
	keys, err := tokens.NewIssuer(origin)
	if err != nil {
		return nil, fmt.Errorf("resource server: %w", err)
	}
	rs := &ResourceServer{
		origin:    origin,
		lab:       o.ForClients,
		layout:    o.Layout,
		faults:    fault.Of(o.Faults...),
		variants:  variant.Of(o.Variants...),
		authority: newAuthority(issuer, secret),
		keys:      keys,
		metadata:  map[string]http.Handler{},
		endpoints: map[string]*endpoint{},
	}
	rs.authority.faults, rs.authority.http.Timeout = rs.faults, o.Patience
	rs.authority.within(o.Site)
	if rs.variants.Has(variant.IntrospectionCache) || rs.faults.Has(fault.IntrospectionKept) {
		rs.authority.cache = newIntrospectionCache(rs.faults)
	}
	main := rs.serve(o.Layout.ResourcePath(), "Reference notes", upstreamURL)
	main.addNoteTools()
	main.addUpstreamTool()
	main.tenants = o.userNames()
	if err := main.addState(o); err != nil {
		return nil, fmt.Errorf("resource server: %w", err)
	}
	if o.ForClients != nil {
		main.addTestTool(o.ForClients)
	}
	other := rs.serve("/other/mcp", "Reference archive", upstreamURL)
	other.addNoteTools()
	rs.publish(main, other)
	rs.serveBaseURL(o.BaseURL, issuer, o.Site)
	main.oldest = o.BaseURL != ""
	return rs, nil
}

// serve mounts an MCP server at the path.
func (rs *ResourceServer) serve(path, name, upstreamURL string) *endpoint {
	e := &endpoint{
		url:         rs.origin + path,
		metadataURL: rs.origin + metadataPath + strings.TrimSuffix(path, "/"),
		name:        name,
		upstreamURL: upstreamURL,
		faults:      rs.faults,
		variants:    rs.variants,
		authority:   rs.authority,
		sessions:    map[string]*caller{},
		connections: map[string]*caller{},
	}
	if path == rs.layout.ResourcePath() {
		e.url = rs.layout.identifier(rs.origin)
	}
	e.verifier = &verifier{
		audience:  e.url,
		authority: rs.authority,
		opaque:    rs.variants.Has(variant.OpaqueTokens),
		phantom:   rs.variants.Has(variant.PhantomTokens),
		faults:    rs.faults,
		upstream:  upstreamURL,
		ahead:     clockAhead(rs.variants),
	}
	if rs.faults.Has(fault.AudienceSlashExpected) {
		e.verifier.audience += "/"
	}
	e.proofs = e.callProofs()
	e.proofs.changes = rs.lab.nonceChanges()
	if rs.lab != nil {
		e.only, e.shared = rs.lab.Revision, true
	}
	e.startMCP()
	rs.endpoints[path] = e
	return e
}

// Endpoint is the URL of the MCP server, which is also the identifier of the
// protected resource and the audience of its tokens.
func (rs *ResourceServer) Endpoint() string { return rs.layout.identifier(rs.origin) }

// OtherEndpoint is the URL of a second MCP server on the same origin, for tokens
// that are genuine and meant for somebody else.
func (rs *ResourceServer) OtherEndpoint() string { return rs.origin + "/other/mcp" }

// close ends the sessions and drops the connections to the authorization server.
func (rs *ResourceServer) close() {
	for _, e := range rs.endpoints {
		for session := range e.server.Sessions() {
			_ = session.Close() // nothing is lost: the deployment ends
		}
	}
	rs.authority.close()
}

func (rs *ResourceServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !rs.isOurHost(r.Host) {
		http.Error(w, "unknown host", http.StatusForbidden)
		return
	}
	path := r.URL.Path
	if document, ok := rs.metadata[path]; ok {
		document.ServeHTTP(w, r)
		return
	}
	if main := rs.endpoints[rs.layout.ResourcePath()]; main != nil && strings.HasPrefix(path, connectPath) {
		main.serveConnect(w, r)
		return
	}
	slash := strings.HasSuffix(path, "/") && rs.faults.Has(fault.SlashUnguarded)
	if slash {
		path = strings.TrimSuffix(path, "/")
	}
	e, ok := rs.endpoints[path]
	switch {
	case !ok && rs.faults.Has(fault.MetadataHTML) && strings.HasPrefix(path, "/.well-known/"):
		servePage(w, r)
	case !ok:
		http.NotFound(w, r)
	case !rs.admitsOrigin(w, r):
	case slash:
		e.respond(w, r, anonymous())
	default:
		e.ServeHTTP(w, r)
	}
}

// An endpoint is one MCP server and the guard in front of it.
type endpoint struct {
	url, metadataURL, name, upstreamURL string

	base *[]string // the scopes to ask for, if they are not those of the tools

	oldest bool // speaks MCP 2025-03-26 only

	faults    fault.Set
	variants  variant.Set
	authority *authority
	verifier  *verifier
	proofs    *proofGuard
	mcpServer
	state

	mu          sync.Mutex
	sessions    map[string]*caller // who opened a session, by its id
	connections map[string]*caller // only with fault.ConnectionRemembered
	insatiable  bool               // see ClientLab
	shared      bool               // and whether sessions are a user's, whatever the client
	only        string             // so is the one revision that is spoken; empty: all
	challenges  atomic.Int64       // counted only for fault.ChallengeScopeVaries
}

// ServeHTTP admits a request only with an access token of its own that is meant
// for this endpoint, whatever the method, the session or the connection, and
// before anything else is looked at (MCP 2026-07-28, Authorization, Token
// Handling). What the token allows is decided before the message is run.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.faults.Has(fault.EffectBeforeCheck) {
		e.runUnchecked(r)
	}
	who, err := e.authenticate(r)
	if err != nil {
		if who = e.admitsAnyway(r); who == nil {
			e.refuse(w, r, err)
			return
		}
	}
	e.respond(w, r, who)
}

// respond answers an authenticated request.
func (e *endpoint) respond(w http.ResponseWriter, r *http.Request, who *caller) {
	e.respell(r)
	if nonce := e.proofs.current(); nonce != "" && usesDPoP(r) {
		w.Header().Set("DPoP-Nonce", nonce)
	}
	m, err := readMessages(w, r)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	e.misread(r, m)
	if e.shared {
		who.Client = "" // a client may register anew and go on with its session
	}
	who = e.inSession(r, who)
	if needed := e.neededScopes(r, m); !e.allows(who, m, needed) || e.neverEnough(m) {
		e.refuse(w, r, insufficientScope(e.namedScopes(who, needed)))
		return
	}
	// A stream must not outlive the token that opened it.
	ctx, cancel := withCaller(r.Context(), who)
	defer cancel()
	e.serveMCP(&answer{ResponseWriter: w, endpoint: e, who: who, modern: m.first().version != ""}, r.WithContext(ctx), who, m)
}

// A caller is whom a verified token speaks for.
type caller struct {
	Subject, Client string
	Scopes          []string
	Expires         time.Time // by our own clock
	token           string    // for the exchange, and for its proof
	key             string    // thumbprint of the key that the token is bound to, if it is
	certificate     string    // and of the certificate
}

// identity tells callers apart: sessions and notes are kept under it. The space
// cannot occur in a client id of ours, so no two callers share one.
func (c *caller) identity() string { return c.Client + " " + c.Subject }

// anonymous is who a request without a token comes from when a fault lets it in.
func anonymous() *caller {
	return &caller{Subject: "anonymous", Client: "none", Scopes: []string{scopeRead, scopeWrite, scopeUpstream}}
}

// authenticate finds out who makes the request, from the request alone.
func (e *endpoint) authenticate(r *http.Request) (*caller, error) {
	if e.faults.Has(fault.RefuseEverything) {
		return nil, errNoCredentials
	}
	token, err := e.credentials(r)
	if err != nil {
		return nil, err
	}
	who, err := e.verifier.verify(r.Context(), token)
	if err == nil && r.Header.Get(identityHeader) != "" && e.faults.Has(fault.PhantomHeader) {
		who.Subject = r.Header.Get(identityHeader)
	}
	if err != nil && e.faults.Has(fault.SessionOutlivesToken) && errors.Is(err, errExpired) {
		if owner := e.sessionOwner(r); owner != nil {
			return owner, nil
		}
	}
	if err == nil {
		err = e.proven(r, who)
	}
	if err == nil && e.faults.Has(fault.ConnectionIdentity) && asksToKeep(r) {
		return e.firstOf(r.RemoteAddr, who), nil
	}
	if err == nil && e.faults.Has(fault.ConnectionRemembered) && asksToKeep(r) {
		e.remember(e.connections, r.RemoteAddr, who)
	}
	return who, err
}

// maxRemembered bounds what is kept per caller, session or connection.
const maxRemembered = 1024

// remember keeps a value in one of the endpoint's tables, at the cost of an
// arbitrary older one when the table is full.
func (e *endpoint) remember(table map[string]*caller, key string, who *caller) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for old := range table {
		if len(table) < maxRemembered {
			break
		}
		delete(table, old)
	}
	table[key] = who
}

// firstOf is whose the first request of a connection was. Only
// fault.ConnectionIdentity asks.
func (e *endpoint) firstOf(connection string, who *caller) *caller {
	e.mu.Lock()
	first := e.connections[connection]
	e.mu.Unlock()
	if first != nil {
		return first
	}
	e.remember(e.connections, connection, who)
	return who
}

func (e *endpoint) sessionOwner(r *http.Request) *caller {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions[r.Header.Get("Mcp-Session-Id")]
}

// loginPage is where a careless server would send people for a token.
func (e *endpoint) loginPage() string {
	return e.authority.issuer + "/login?return_to=" + url.QueryEscape(e.url)
}

// servePage answers as a single-page application does: alike for every path.
func servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html><title>Notes</title><div id=app></div>")
}

package reference

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// modernVersion is the first revision without handshake and sessions.
const modernVersion = "2026-07-28"

// sessionIdle is how long an unused session is kept.
const sessionIdle = 10 * time.Minute

// An mcpServer speaks both eras of the transport: the handshake with sessions up
// to 2025-11-25, and self-contained requests from 2026-07-28.
type mcpServer struct {
	server              *mcp.Server
	scopes              map[string][]string // needed by each tool
	stateless, stateful http.Handler
	numbered            atomic.Int64 // counted only for faults
	listed              sync.Map     // so are the lists, by token
}

// schemas of tools are the same for every server of the process.
var schemas = mcp.NewSchemaCache()

// startMCP makes the MCP server behind the guard.
func (e *endpoint) startMCP() {
	e.scopes = map[string][]string{}
	e.server = mcp.NewServer(&mcp.Implementation{Name: e.name, Version: "1"}, &mcp.ServerOptions{
		GetSessionID: e.newSessionID,
		Capabilities: &mcp.ServerCapabilities{Extensions: e.extensions()},
		// What is not listed is refused.
		SupportedProtocolVersions: e.versions(),
		SetCacheable:              e.cacheable,
		SchemaCache:               schemas,
	})
	if e.faults.Has(fault.ListByConnection) {
		e.server.AddReceivingMiddleware(e.listFewer)
	}
	serve := func(o mcp.StreamableHTTPOptions) http.Handler {
		o.DisableLocalhostProtection = true // Host was checked before
		o.MaxRequestBodyBytes = maxBody
		return asCaller(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return e.server }, &o))
	}
	e.stateless = serve(mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true, PropagateRequestCancellation: true})
	e.stateful = serve(mcp.StreamableHTTPOptions{SessionTimeout: sessionIdle, EventStore: e.eventStore()})
}

// An admission is what the guard found out about a request. It travels to the
// tools beside the message, so that a tool runs only if the guard has seen its
// name, whatever the transport made of the body.
type admission struct {
	who   *caller
	tools []string
	task  bool // the call is to become a task
}

type admissionKey struct{}

// withCaller bounds what a request may do to the lifetime of its token.
func withCaller(ctx context.Context, who *caller) (context.Context, context.CancelFunc) {
	if who.Expires.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, who.Expires.Add(tokens.Leeway))
}

// asCaller hands the admission to the SDK, which carries it to the tools and
// keeps sessions to the user who opened them. The SDK takes it only from its own
// middleware; the token itself stays behind.
func asCaller(next http.Handler) http.Handler {
	verify := func(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
		admitted, ok := ctx.Value(admissionKey{}).(*admission)
		if !ok {
			return nil, auth.ErrInvalidToken
		}
		return &auth.TokenInfo{UserID: admitted.who.identity(), Extra: map[string]any{"admission": admitted}}, nil
	}
	return auth.RequireBearerToken(verify, &auth.RequireBearerTokenOptions{AllowMissingExpiration: true})(next)
}

// serveMCP runs the messages of an admitted request.
func (e *endpoint) serveMCP(w http.ResponseWriter, r *http.Request, who *caller, m messages) {
	admitted := &admission{who: who}
	for _, one := range m {
		admitted.tools = append(admitted.tools, one.tool, one.runs)
		admitted.task = admitted.task || one.task
	}
	if owner := e.sessionOwner(r); owner != nil && e.faults.Has(fault.SessionUnbound) {
		admitted.who = &caller{Subject: owner.Subject, Client: owner.Client, Scopes: who.Scopes, Expires: who.Expires, token: who.token}
	}
	if e.faults.Has(fault.AnswersCrossed) && m.first().tool == "whoami" {
		admitted.who = e.crowd.join(string(m.first().id), admitted.who)
	}
	r = r.WithContext(context.WithValue(r.Context(), admissionKey{}, admitted))
	r.Header.Set("Authorization", "Bearer checked") // for the SDK's middleware; no token goes further than here
	r.Header.Del("Cookie")
	e.bend(r, m)
	e.asOldest(r, m)
	e.route(r, m).ServeHTTP(w, r)
}

// route chooses the era. A request is modern if its version header or its
// metadata says so; what only one era has goes there in any case.
func (e *endpoint) route(r *http.Request, m messages) http.Handler {
	header, first := r.Header.Get("MCP-Protocol-Version"), m.first()
	modern := !e.oldest && (header >= modernVersion || first.version != "" || first.method == methodDiscover)
	switch {
	case (e.variants.Has(variant.ModernOnly) || e.only == modernVersion) && !modern:
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.serveModernOnly(w, r, first) })
	case first.method == methodInitialize && first.version == "":
		return e.stateful
	case modern && !e.knowsVersion(header, first.version):
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			e.refuseVersion(w, first, max(header, first.version))
		})
	case modern && first.method == methodDiscover && e.faults.Has(fault.DiscoverMissing):
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			answerRPC(w, http.StatusNotFound, first.id, rpcError{Code: rpcMethodNotFound, Message: "no such method"})
		})
	case modern:
		return e.stateless
	case header == "" && e.faults.Has(fault.VersionHeaderDemanded) && first.method != methodInitialize && len(m) > 0:
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			answerRPC(w, http.StatusBadRequest, first.id, rpcError{Code: rpcInvalidRequest, Message: "MCP-Protocol-Version is required"})
		})
	case r.Method == http.MethodDelete && e.faults.Has(fault.SessionNeverEnds):
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	case r.Method == http.MethodPost && len(m) > 0 && r.Header.Get("Mcp-Session-Id") == "":
		status := http.StatusBadRequest
		if e.faults.Has(fault.SessionMissingStatus) {
			status = http.StatusNotFound
		}
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			answerRPC(w, status, first.id, rpcError{Code: rpcInvalidRequest, Message: "Mcp-Session-Id is required"})
		})
	}
	return e.stateful
}

// knowsVersion tells whether both versions that a modern request states, in its
// header and in its metadata, are ones the server speaks.
func (e *endpoint) knowsVersion(versions ...string) bool {
	return !slices.ContainsFunc(versions, func(v string) bool {
		return v != "" && !slices.Contains(e.versions(), v)
	})
}

// versions are the protocol versions that the server speaks.
func (e *endpoint) versions() []string {
	switch {
	case e.only != "":
		return []string{e.only}
	case e.variants.Has(variant.ModernOnly):
		return []string{modernVersion}
	}
	return mcp.SupportedProtocolVersions()
}

// serveModernOnly answers a request that is not of the modern wire, by saying
// which wire is spoken (MCP 2026-07-28, Versioning).
func (e *endpoint) serveModernOnly(w http.ResponseWriter, r *http.Request, m message) {
	switch {
	case r.Method == http.MethodGet && e.faults.Has(fault.ModernGetServed):
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, ": nothing yet\n\n") // the client has gone: nothing to do
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case e.faults.Has(fault.InitializeUnexplained):
		answerRPC(w, http.StatusBadRequest, m.id, rpcError{Code: rpcInvalidRequest, Message: "bad request"})
	default:
		e.refuseVersion(w, m, r.Header.Get("MCP-Protocol-Version"))
	}
}

func (e *endpoint) refuseVersion(w http.ResponseWriter, m message, requested string) {
	answerRPC(w, http.StatusBadRequest, m.id, rpcError{
		Code: rpcUnsupportedVersion, Message: "unsupported protocol version",
		Data: map[string]any{"supported": e.versions(), "requested": requested},
	})
}

// newSessionID names a session: 128 random bits, or what a fault makes of it.
func (e *endpoint) newSessionID() string {
	switch {
	case e.faults.Has(fault.SessionSequential):
		return fmt.Sprintf("session-%d", e.numbered.Add(1))
	case e.faults.Has(fault.SessionNotASCII):
		return "séance-" + rand.Text()
	}
	return rand.Text()
}

// inSession lets faults take a caller's rights from the session.
func (e *endpoint) inSession(r *http.Request, who *caller) *caller {
	owner := e.sessionOwner(r)
	if owner == nil || !e.faults.Has(fault.SessionKeepsScopes) {
		return who
	}
	kept := *who
	kept.Scopes = owner.Scopes
	return &kept
}

// listFewer hides a tool from every other list.
func (e *endpoint) listFewer(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		res, err := next(ctx, method, req)
		list, isList := res.(*mcp.ListToolsResult)
		if extra := req.GetExtra(); isList && extra != nil && extra.TokenInfo != nil {
			admitted, _ := extra.TokenInfo.Extra["admission"].(*admission)
			n, _ := e.listed.LoadOrStore(admitted.who.token, new(atomic.Int64))
			if n.(*atomic.Int64).Add(1)%2 == 0 {
				list.Tools = list.Tools[1:]
			}
		}
		return res, err
	}
}

// bend rewrites a request for the faults that tolerate what the SDK refuses.
func (e *endpoint) bend(r *http.Request, m messages) {
	first, header := m.first(), r.Header.Get("MCP-Protocol-Version")
	modern := header >= modernVersion || first.version != ""
	if e.faults.Has(fault.VersionIgnored) && len(m) > 0 && !e.knowsVersion(header, first.version) {
		header = "2025-11-25"
		if modern {
			header = modernVersion
			e.fillIn(r, header)
			m[0].version = header
		}
		r.Header.Set("MCP-Protocol-Version", header)
	}
	if e.faults.Has(fault.MetaOptional) && modern && len(m) > 0 && first.method != methodInitialize {
		e.fillIn(r, modernVersion)
	}
	if (e.faults.Has(fault.MirrorIgnored) || e.faults.Has(fault.ScopeByHeader)) && modern && len(m) > 0 {
		r.Header.Set("Mcp-Method", first.method)
		r.Header.Del("Mcp-Name")
		if first.tool != "" {
			r.Header.Set("Mcp-Name", first.tool)
		}
	}
}

// fillIn writes the request metadata that a modern request has to bring.
func (e *endpoint) fillIn(r *http.Request, version string) {
	body, err := io.ReadAll(r.Body)
	var request map[string]json.RawMessage
	var params, meta map[string]any
	if err != nil || json.Unmarshal(body, &request) != nil {
		return
	}
	_ = json.Unmarshal(request["params"], &params)
	if params == nil {
		params = map[string]any{}
	}
	if meta, _ = params["_meta"].(map[string]any); meta == nil {
		meta = map[string]any{}
	}
	meta["io.modelcontextprotocol/protocolVersion"] = version
	if meta["io.modelcontextprotocol/clientCapabilities"] == nil {
		meta["io.modelcontextprotocol/clientCapabilities"] = map[string]any{}
	}
	params["_meta"] = meta
	if request["params"], err = json.Marshal(params); err != nil {
		return
	}
	if body, err = json.Marshal(request); err == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
}

// runUnchecked runs the message of a request nobody has looked at, and throws
// the answer away. Only fault.EffectBeforeCheck does this.
func (e *endpoint) runUnchecked(r *http.Request) {
	who := anonymous()
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if t, err := tokens.Parse(token); err == nil {
		who.Subject, _ = t.String("sub")
		who.Client, _ = t.String("client_id")
	}
	m, err := readMessages(nil, r)
	if err != nil || m.first().method != methodCallTool {
		return
	}
	again, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(again))
	copied := r.Clone(r.Context())
	copied.Body = io.NopCloser(bytes.NewReader(again))
	e.serveMCP(&discarded{header: http.Header{}}, copied, who, m)
}

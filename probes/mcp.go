package probes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// Protocol versions, which name the two wire eras: up to Legacy a connection
// begins with initialize; from Modern on every request stands alone.
const (
	Modern = "2026-07-28"
	Legacy = "2025-11-25"
)

// A Message is a JSON-RPC request to the MCP endpoint, with the header fields
// that go with it.
type Message struct {
	Method     string // JSON-RPC method
	Params     map[string]any
	Header     http.Header
	HTTPMethod string // default POST
	Query      string // raw query added to the endpoint's URL
	Body       []byte // sent instead of the JSON-RPC request if not nil
	URL        string // other than the MCP endpoint's
}

// A MessageMutation changes a message before it is sent.
type MessageMutation func(*Message)

// modernCall is a self-contained request of the 2026-07-28 wire.
func modernCall(method string, params map[string]any) *Message {
	all := map[string]any{}
	maps.Copy(all, params)
	all["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion":    Modern,
		"io.modelcontextprotocol/clientCapabilities": map[string]any{},
		"io.modelcontextprotocol/clientInfo":         map[string]any{"name": ClientName, "version": "1"},
	}
	m := &Message{Method: method, Params: all, Header: http.Header{}}
	m.Header.Set("MCP-Protocol-Version", Modern)
	m.Header.Set("Mcp-Method", method)
	for _, member := range []string{"name", "uri"} {
		if value, ok := params[member].(string); ok {
			m.Header.Set("Mcp-Name", value)
		}
	}
	return m
}

// legacyCall is a request within an initialized connection of the older wire.
func legacyCall(s *session, method string, params map[string]any) *Message {
	m := &Message{Method: method, Params: params, Header: http.Header{}}
	if s != nil {
		if s.version >= versionHeaderSince {
			m.Header.Set("MCP-Protocol-Version", s.version)
		}
		if s.id != "" {
			m.Header.Set("Mcp-Session-Id", s.id)
		}
	}
	return m
}

// session is what initialize negotiated.
type session struct{ id, version string }

// An Answer is the answer to a call of the MCP endpoint.
type Answer struct {
	*wire.Response
	Result  json.RawMessage // the JSON-RPC result, if there is one
	RPCCode int             // the JSON-RPC error's code, if there is one
}

// Served tells whether the protected call was really carried out: a JSON-RPC
// result that is no tool error. An HTTP status alone says nothing.
func (a *Answer) Served() bool {
	if a == nil || a.Status != http.StatusOK || len(a.Result) == 0 {
		return false
	}
	var result struct {
		IsError bool `json:"isError"`
	}
	return json.Unmarshal(a.Result, &result) == nil && !result.IsError
}

// Said says in a few words how a call was answered.
func (a *Answer) Said() string {
	switch {
	case a.Served():
		return "the call was carried out"
	case a.Status == http.StatusOK && len(a.Result) > 0:
		return "answered 200 with a tool's error"
	case a.RPCCode != 0:
		return fmt.Sprintf("answered %d with JSON-RPC error %d", a.Status, a.RPCCode)
	}
	return fmt.Sprintf("answered %d", a.Status)
}

// JSON is the message as JSON-RPC, with further members beside its own.
func (m *Message) JSON(further map[string]any) ([]byte, error) {
	request := map[string]any{"jsonrpc": "2.0", "method": m.Method}
	if !strings.HasPrefix(m.Method, "notifications/") {
		request["id"] = 1
	}
	if m.Params != nil {
		request["params"] = m.Params
	}
	maps.Copy(request, further)
	return json.Marshal(request)
}

// post sends a message. It adds what every message needs and is not set.
func (b *bench) post(ctx context.Context, target string, m *Message) (*wire.Response, error) {
	body := m.Body
	if body == nil && (m.HTTPMethod == "" || m.HTTPMethod == http.MethodPost) {
		var err error
		if body, err = m.JSON(nil); err != nil {
			return nil, err
		}
	}
	if m.URL != "" {
		target = m.URL
	}
	method := m.HTTPMethod
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if m.Query != "" {
		if req.URL.RawQuery != "" {
			req.URL.RawQuery += "&"
		}
		req.URL.RawQuery += m.Query
	}
	req.Header = m.Header.Clone()
	setAbsent(req.Header, "Content-Type", "application/json")
	setAbsent(req.Header, "Accept", "application/json, text/event-stream")
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	return b.wire.Do(req)
}

func setAbsent(h http.Header, name, value string) {
	if _, ok := h[http.CanonicalHeaderKey(name)]; !ok {
		h.Set(name, value)
	}
}

func (b *bench) ask(ctx context.Context, m *Message) (*Answer, error) {
	res, err := b.post(ctx, b.Endpoint.String(), m)
	if err != nil {
		return nil, err
	}
	a := &Answer{Response: res}
	var reply struct {
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(res.Message(), &reply) == nil {
		a.Result = reply.Result
		if string(a.Result) == "null" {
			a.Result = nil
		}
		if reply.Error != nil {
			a.RPCCode = reply.Error.Code
		}
	}
	return a, nil
}

func bearer(m *Message, token string) {
	if token != "" {
		m.Header.Set("Authorization", "Bearer "+token)
	}
}

// Era is how the MCP server speaks.
type Era struct {
	Version string // the newest protocol version it speaks
}

// IsModern tells whether requests stand alone.
func (e *Era) IsModern() bool { return e.Version >= Modern }

// Era finds out how the server speaks, with a sound token (MCP, the
// backwards-compatibility rules of Streamable HTTP).
func (d *Deployment) Era(ctx context.Context) (*Era, error) { return d.era.Get(ctx) }

func (b *bench) detectEra(ctx context.Context) (*Era, error) {
	d := b.view(ctx)
	token, err := d.AccessToken(ctx)
	if err != nil {
		return nil, err
	}
	if b.Target.Spec != "" {
		return b.agreeOn(ctx, token, b.Target.Spec)
	}
	m := modernCall("tools/list", nil)
	bearer(m, token)
	a, err := b.ask(wire.For(ctx, "control"), m)
	if err != nil {
		return nil, err
	}
	var result struct {
		ResultType string `json:"resultType"`
	}
	if a.Served() && json.Unmarshal(a.Result, &result) == nil && result.ResultType != "" {
		return &Era{Modern}, nil
	}
	if a.RPCCode <= -32020 && a.RPCCode >= -32022 {
		return &Era{Modern}, nil
	}
	s, a, err := b.initialize(wire.For(ctx, "control"), token, nil)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, d.soundRefused(ctx, token, a)
	}
	return &Era{s.version}, nil
}

// initialize does the handshake of the older wire. No session means refused.
func (b *bench) initialize(ctx context.Context, token string, mutations []MessageMutation) (*session, *Answer, error) {
	m := legacyCall(nil, "initialize", map[string]any{
		"protocolVersion": b.handshakeVersion(), "capabilities": map[string]any{},
		"clientInfo": map[string]any{"name": ClientName, "version": "1"},
	})
	bearer(m, token)
	for _, change := range mutations {
		change(m)
	}
	a, err := b.ask(ctx, m)
	if err != nil || !a.Served() {
		return nil, a, err
	}
	var result struct {
		ProtocolVersion string `json:"protocolVersion"`
	}
	if malformed := json.Unmarshal(a.Result, &result); malformed != nil || result.ProtocolVersion == "" {
		return nil, a, nil //nolint:nilerr // what answers so gives no session
	}
	s := &session{id: a.Header.Get("Mcp-Session-Id"), version: result.ProtocolVersion}
	note := legacyCall(s, "notifications/initialized", nil)
	bearer(note, token)
	for _, change := range mutations {
		change(note)
	}
	_, err = b.post(ctx, b.Endpoint.String(), note)
	return s, a, err
}

// Call makes the protected call as a client that holds the token would, in the
// server's newest wire, every message of it mutated. An empty token sends no
// Authorization header.
func (d *Deployment) Call(ctx context.Context, token string, mutations ...MessageMutation) (*Answer, error) {
	method, params := d.protected()
	return d.CallMethod(ctx, token, method, params, mutations...)
}

// CallTool calls a tool.
func (d *Deployment) CallTool(ctx context.Context, token string, tool ToolCall, mutations ...MessageMutation) (*Answer, error) {
	return d.CallMethod(ctx, token, "tools/call", toolParams(tool), mutations...)
}

func toolParams(tool ToolCall) map[string]any {
	arguments := tool.Arguments
	if arguments == nil {
		arguments = map[string]any{}
	}
	return map[string]any{"name": tool.Name, "arguments": arguments}
}

func (b *bench) protected() (method string, params map[string]any) {
	if b.Target.Tool != nil {
		return "tools/call", toolParams(*b.Target.Tool)
	}
	return "tools/list", nil
}

// CallMethod sends any method the same way.
func (d *Deployment) CallMethod(ctx context.Context, token, method string, params map[string]any, mutations ...MessageMutation) (*Answer, error) {
	era, err := d.Era(ctx)
	if err != nil {
		return nil, err
	}
	if !era.IsModern() {
		s, a, err := d.initialize(ctx, token, mutations)
		if err != nil || s == nil {
			return a, err
		}
		defer d.endSession(ctx, s, token)
		return d.askMutated(ctx, legacyCall(s, method, params), token, mutations)
	}
	return d.askMutated(ctx, modernCall(method, params), token, mutations)
}

// CallInSession opens a connection of the older wire with a sound token and
// makes the protected call in it with another. A server that speaks only the
// newer wire has no sessions: then this is Call.
func (d *Deployment) CallInSession(ctx context.Context, sound, token string, mutations ...MessageMutation) (*Answer, error) {
	s, _, err := d.initialize(ctx, sound, nil)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return d.Call(ctx, token, mutations...)
	}
	defer d.endSession(ctx, s, sound)
	method, params := d.protected()
	return d.askMutated(ctx, legacyCall(s, method, params), token, mutations)
}

func (b *bench) askMutated(ctx context.Context, m *Message, token string, mutations []MessageMutation) (*Answer, error) {
	bearer(m, token)
	for _, change := range mutations {
		change(m)
	}
	return b.ask(ctx, m)
}

// endSession ends a connection, as a polite client does; 405 is a legal answer.
func (b *bench) endSession(ctx context.Context, s *session, token string) {
	if s.id == "" {
		return
	}
	m := legacyCall(s, "", nil)
	m.HTTPMethod, m.Body = http.MethodDelete, []byte{}
	bearer(m, token)
	_, _ = b.post(ctx, b.Endpoint.String(), m) // nothing depends on it
}

// Send sends a message as it stands, without a token.
func (d *Deployment) Send(ctx context.Context, m *Message) (*Answer, error) { return d.ask(ctx, m) }

// NewMessage is the protected call as one self-contained message, for probes
// that never hold a token.
func (d *Deployment) NewMessage() *Message {
	method, params := d.protected()
	return d.alone(method, params)
}

// TryCall makes an attack on the MCP endpoint between two sound calls. A server
// that refuses a sound call says nothing by refusing the attack.
func (d *Deployment) TryCall(attack func(ctx context.Context, sound string) (*Answer, error)) *Future[*Answer] {
	return Start(d, func(ctx context.Context) (*Answer, error) { return d.GuardedCall(ctx, attack) })
}

// GuardedCall is TryCall within a probe.
func (d *Deployment) GuardedCall(ctx context.Context, attack func(ctx context.Context, sound string) (*Answer, error)) (*Answer, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := attack(wire.For(ctx, "attack"), token)
	if err != nil {
		return nil, err
	}
	return answer, d.ControlCall(ctx)
}

// FirstCall makes sure that a sound call has once been carried out, and returns
// a sound token.
func (d *Deployment) FirstCall(ctx context.Context) (string, error) {
	if _, err := d.firstCall.Get(ctx); err != nil {
		return "", err
	}
	return d.AccessToken(ctx)
}

// ControlCall makes a sound call that began after this one was called.
func (d *Deployment) ControlCall(ctx context.Context) error {
	return d.after(ctx, "call", func(ctx context.Context) error {
		_, err := d.soundCall(ctx)
		return err
	})
}

// soundCall makes the protected call with a sound token, and returns the token.
func (d *Deployment) soundCall(ctx context.Context) (string, error) {
	token, err := d.AccessToken(ctx)
	if err != nil {
		return "", err
	}
	a, err := d.Call(wire.For(ctx, "control"), token)
	if err != nil {
		return "", err
	}
	if !a.Served() {
		return "", d.soundRefused(ctx, token, a)
	}
	return token, nil
}

// HasSessions tells whether the server speaks the older wire and issues session ids.
func (d *Deployment) HasSessions(ctx context.Context) (bool, error) { return d.sessions.Get(ctx) }

func (b *bench) detectSessions(ctx context.Context) (bool, error) {
	if b.Target.Spec >= Modern {
		return false, nil // the revision under test has none, whatever else the server speaks
	}
	token, err := b.view(ctx).AccessToken(ctx)
	if err != nil {
		return false, err
	}
	s, _, err := b.initialize(wire.For(ctx, "control"), token, nil)
	if err != nil || s == nil {
		return false, err
	}
	b.endSession(ctx, s, token)
	return s.id != "", nil
}

package reference

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A desk calls a resource server with tokens that its authorization server's key signs.
type desk struct {
	t *testing.T
	s *Server
}

func sitDown(t *testing.T, o Options) *desk {
	t.Helper()
	return &desk{t, start(t, o)}
}

func withFault(t *testing.T, f ...fault.Fault) *desk {
	t.Helper()
	return sitDown(t, Options{Faults: f})
}

func (d *desk) endpoint() string { return d.s.ResourceServer.Endpoint() }

const everyScope = "notes.read notes.write upstream.read"

// token mints a sound token of alice's, with every scope, and then what the mutations make of it.
func (d *desk) token(mutate ...tokens.Mutation) string {
	d.t.Helper()
	token, err := d.s.AuthServer.Keys().Mint(tokens.Claims{
		"iss": d.s.AuthServer.Issuer(), "aud": d.endpoint(), "sub": "alice", "client_id": "c1", "scope": everyScope,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "jti": secret(),
	}, mutate...)
	if err != nil {
		d.t.Fatal(err)
	}
	return token
}

// forge applies the forgery to a sound token.
func (d *desk) forge(f tokens.Recipe) string {
	d.t.Helper()
	forged, err := f.Make(d.token())
	if err != nil {
		d.t.Fatalf("%s: %v", f.Name, err)
	}
	return forged
}

// An order is a request to the MCP endpoint, to be changed before it is sent.
type order struct {
	verb, target, body string
	header             http.Header
}

type change = func(*order)

func setHeader(name, value string) change { return func(o *order) { o.header.Set(name, value) } }
func verb(name string) change             { return func(o *order) { o.verb, o.body = name, "" } }
func query(q string) change               { return func(o *order) { o.target += "?" + q } }
func body(b string) change                { return func(o *order) { o.body = b } }
func target(u string) change              { return func(o *order) { o.target = u } }
func inSession(id string) change          { return setHeader("Mcp-Session-Id", id) }

// modern makes a request of the 2026-07-28 wire; a token of "" sends none.
func (d *desk) modern(token, method string, params map[string]any, changes ...change) *reply {
	d.t.Helper()
	all := map[string]any{"_meta": map[string]any{
		"io.modelcontextprotocol/protocolVersion":    modernVersion,
		"io.modelcontextprotocol/clientCapabilities": map[string]any{},
		"io.modelcontextprotocol/clientInfo":         map[string]any{"name": "test", "version": "0"},
	}}
	maps.Copy(all, params)
	header := http.Header{"Mcp-Protocol-Version": {modernVersion}, "Mcp-Method": {method}}
	if name, ok := params["name"].(string); ok {
		header.Set("Mcp-Name", name)
	}
	return d.send(token, header, method, all, changes)
}

// legacy makes a request of the older wire.
func (d *desk) legacy(token, session, method string, params map[string]any, changes ...change) *reply {
	d.t.Helper()
	header := http.Header{}
	if session != "" {
		header.Set("Mcp-Session-Id", session)
	}
	if method != methodInitialize {
		header.Set("MCP-Protocol-Version", "2025-11-25")
	}
	return d.send(token, header, method, params, changes)
}

func (d *desk) send(token string, header http.Header, method string, params map[string]any, changes []change) *reply {
	d.t.Helper()
	rpc := map[string]any{"jsonrpc": "2.0", "method": method, "params": params}
	if !strings.HasPrefix(method, "notifications/") {
		rpc["id"] = 1
	}
	data, err := json.Marshal(rpc)
	if err != nil {
		d.t.Fatal(err)
	}
	o := &order{verb: "POST", target: d.endpoint(), body: string(data), header: header}
	o.header.Set("Accept", "application/json, text/event-stream")
	o.header.Set("Content-Type", "application/json")
	if token != "" {
		o.header.Set("Authorization", "Bearer "+token)
	}
	for _, c := range changes {
		c(o)
	}
	return d.do(o)
}

var patient = &http.Client{
	Timeout:       10 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// do sends an order and reads its answer, of an event stream the last event.
func (d *desk) do(o *order) *reply {
	d.t.Helper()
	req, err := http.NewRequest(o.verb, o.target, strings.NewReader(o.body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header = o.header
	if host := o.header.Get("Host"); host != "" {
		req.Host = host
	}
	res, err := patient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	r := &reply{Response: res}
	r.raw = readSome(d.t, res)
	data := r.raw
	if at := strings.LastIndex(data, "data: "); at >= 0 { // events before it only prepare for resumption
		data, _, _ = strings.Cut(data[at+len("data: "):], "\n")
	}
	_ = json.Unmarshal([]byte(data), &r.doc) // callers look at doc
	return r
}

// readSome reads an answer to its end; of a GET stream nothing, as it has none.
func readSome(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close() //nolint:errcheck // read or given up
	if res.Request.Method == "GET" && strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return ""
	}
	var b strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := res.Body.Read(buffer)
		b.Write(buffer[:n])
		if err != nil {
			return b.String()
		}
	}
}

// tool calls a tool over the modern wire.
func (d *desk) tool(token, name string, changes ...change) *reply {
	d.t.Helper()
	arguments := map[string]any{}
	if strings.HasPrefix(name, "write") || strings.HasPrefix(name, "append") {
		arguments["text"] = "written"
	}
	return d.modern(token, methodCallTool, map[string]any{"name": name, "arguments": arguments}, changes...)
}

// open initializes a session and returns its id.
func (d *desk) open(token string) string {
	d.t.Helper()
	r := d.legacy(token, "", methodInitialize, handshake)
	id := r.Header.Get("Mcp-Session-Id")
	if r.StatusCode != http.StatusOK || id == "" {
		d.t.Fatalf("initialize: %d %v %s", r.StatusCode, r.Header, r.raw)
	}
	if done := d.legacy(token, id, "notifications/initialized", nil); done.StatusCode != http.StatusAccepted {
		d.t.Fatalf("initialized: %d %s", done.StatusCode, done.raw)
	}
	return id
}

var handshake = map[string]any{
	"protocolVersion": "2025-11-25", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "test", "version": "0"},
}

// served tells whether a call had a result that is no error.
func served(r *reply) bool {
	result, ok := r.doc["result"].(map[string]any)
	return ok && r.StatusCode == http.StatusOK && result["isError"] != true
}

// said is the text of a tool's result.
func said(r *reply) string {
	result, _ := r.doc["result"].(map[string]any)
	content, _ := result["content"].([]any)
	if len(content) == 0 {
		return ""
	}
	first, _ := content[0].(map[string]any)
	text, _ := first["text"].(string)
	return text
}

func rpcCode(r *reply) float64 {
	problem, _ := r.doc["error"].(map[string]any)
	code, _ := problem["code"].(float64)
	return code
}

// get fetches something without credentials.
func (d *desk) get(address string) *reply {
	d.t.Helper()
	return d.do(&order{verb: "GET", target: address, header: http.Header{}})
}

// metadata fetches the document at the path-inserted well-known URI.
func (d *desk) metadata() *reply {
	d.t.Helper()
	return d.get(wellKnown(d.endpoint(), metadataPath))
}

// issued gets a token from the authorization server through a whole flow.
func issued(t *testing.T, scope string, faults []fault.Fault, variants ...variant.Variant) (*desk, string) {
	t.Helper()
	f := newFlow(t, Options{Faults: faults, Variants: variants})
	return &desk{t, f.s}, f.tokens("scope", scope).text("access_token")
}

// asForm sends the message as a form, with the token beside it.
func asForm(token string) change {
	return func(o *order) {
		o.body = url.Values{"access_token": {token}, "message": {o.body}}.Encode()
		o.header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
}

package reference

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

func TestModernWire(t *testing.T) {
	d := sitDown(t, Options{})
	token := d.token()
	r := d.modern(token, methodDiscover, nil)
	result, _ := r.doc["result"].(map[string]any)
	if r.StatusCode != http.StatusOK || result["resultType"] != "complete" || r.Header.Get("Mcp-Session-Id") != "" {
		t.Errorf("server/discover: %d %v %s", r.StatusCode, r.Header, r.raw)
	}
	if r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("an authenticated answer has Cache-Control %q", r.Header.Get("Cache-Control"))
	}
	list := d.modern(token, "tools/list", nil)
	for _, name := range []string{"whoami", "read_note", "write_note", "append_note", "upstream_profile"} {
		if !strings.Contains(list.raw, `"`+name+`"`) {
			t.Errorf("no tool is called %s: %s", name, list.raw)
		}
	}
	if !strings.Contains(list.raw, `"cacheScope":"private"`) {
		t.Errorf("the list may be shared: %s", list.raw)
	}
	if text := said(d.tool(token, "whoami")); !strings.Contains(text, `"sub":"alice"`) || strings.Contains(text, token) {
		t.Errorf("whoami: %s", text)
	}
	if r := d.tool(token, "write_note"); said(r) != "noted" {
		t.Errorf("write_note: %s", r.raw)
	}
	if r := d.tool(d.token(tokens.Claim("sub", "bob")), "read_note"); !served(r) || said(r) != "" {
		t.Errorf("bob reads %q", said(r))
	}
	if r := d.tool(token, "append_note"); said(r) != "writtenwritten" {
		t.Errorf("append_note: %s", r.raw)
	}
}

func TestLegacyWire(t *testing.T) {
	d := sitDown(t, Options{})
	token := d.token()
	for _, version := range []string{"2025-03-26", "2025-06-18", "2025-11-25"} {
		r := d.legacy(token, "", methodInitialize, map[string]any{
			"protocolVersion": version, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "t", "version": "0"},
		})
		if !strings.Contains(r.raw, `"protocolVersion":"`+version+`"`) {
			t.Errorf("initialize %s: %d %s", version, r.StatusCode, r.raw)
		}
	}
	id := d.open(token)
	if r := d.legacy(token, id, "tools/list", nil); !served(r) || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("tools/list: %d %v %s", r.StatusCode, r.Header, r.raw)
	}
	if r := d.legacy(token, id, methodCallTool, map[string]any{"name": "whoami", "arguments": map[string]any{}}); !strings.Contains(said(r), "alice") {
		t.Errorf("whoami: %d %s", r.StatusCode, r.raw)
	}
	if r := d.legacy(token, "", "tools/list", nil); r.StatusCode != http.StatusBadRequest {
		t.Errorf("without a session: %d %s", r.StatusCode, r.raw)
	}
	if r := d.legacy(token, id, "", nil, verb("DELETE")); r.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", r.StatusCode, r.raw)
	}
	if r := d.legacy(token, id, "tools/list", nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("after DELETE: %d %s", r.StatusCode, r.raw)
	}
}

func TestSessionIsNotAuthentication(t *testing.T) {
	d := sitDown(t, Options{})
	alice, bob := d.token(), d.token(tokens.Claim("sub", "bob"))
	id := d.open(alice)
	for _, method := range []string{"POST", "GET", "DELETE"} {
		change := func(o *order) {
			if o.verb = method; method != "POST" {
				o.body = ""
			}
		}
		if r := d.legacy("", id, "tools/list", nil, change); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", method, r.StatusCode)
		}
		if r := d.legacy(bob, id, "tools/list", nil, change); r.StatusCode != http.StatusForbidden && r.StatusCode != http.StatusNotFound {
			t.Errorf("%s with bob's token: %d", method, r.StatusCode)
		}
	}
	less := d.token(tokens.Claim("scope", "notes.read"))
	if r := d.legacy(less, id, methodCallTool, map[string]any{"name": "write_note", "arguments": map[string]any{"text": "x"}}); r.StatusCode != http.StatusForbidden {
		t.Errorf("with fewer scopes in the same session: %d %s", r.StatusCode, r.raw)
	}
	if r := d.legacy(alice, id, "tools/list", nil); !served(r) {
		t.Errorf("the session did not survive: %d %s", r.StatusCode, r.raw)
	}
}

// A stream ends with the token that opened it.
func TestStreamEndsWithItsToken(t *testing.T) {
	d := sitDown(t, Options{})
	id := d.open(d.token())
	brief := d.token(tokens.Dated("exp", 2*time.Second-tokens.Leeway))
	req, err := http.NewRequest("GET", d.endpoint(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + brief, "Accept": "text/event-stream", "Mcp-Session-Id": id, "MCP-Protocol-Version": "2025-11-25",
	} {
		req.Header.Set(name, value)
	}
	began := time.Now()
	res, err := (&http.Client{Timeout: 4 * tokens.Leeway}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the stream was not opened: %d", res.StatusCode)
	}
	if _, err := io.Copy(io.Discard, res.Body); time.Since(began) > 3*tokens.Leeway {
		t.Errorf("the stream goes on after %v: %v", time.Since(began), err)
	}
}

func TestChallenges(t *testing.T) {
	d := sitDown(t, Options{})
	pointer := `resource_metadata="` + wellKnown(d.endpoint(), metadataPath) + `"`
	for name, c := range map[string]struct {
		reply     *reply
		status    int
		challenge string
	}{
		"no token":      {d.modern("", "tools/list", nil), 401, `Bearer scope="notes.read", ` + pointer},
		"empty header":  {d.modern("", "tools/list", nil, setHeader("Authorization", "")), 401, `Bearer scope="notes.read", ` + pointer},
		"other scheme":  {d.modern("", "tools/list", nil, setHeader("Authorization", "Basic eDp5")), 401, `Bearer scope="notes.read", ` + pointer},
		"query":         {d.modern("", "tools/list", nil, query("access_token="+d.token())), 401, `Bearer scope="notes.read", ` + pointer},
		"form":          {d.modern("", "tools/list", nil, asForm(d.token())), 401, `Bearer scope="notes.read", ` + pointer},
		"garbage":       {d.modern("garbage", "tools/list", nil), 401, `error="invalid_token"`},
		"oversized":     {d.modern(strings.Repeat("x", 60_000), "tools/list", nil), 401, `error="invalid_token"`},
		"expired":       {d.modern(d.token(tokens.Dated("exp", -time.Minute)), "tools/list", nil), 401, `error="invalid_token"`},
		"no b64token":   {d.modern("a b", "tools/list", nil), 400, `error="invalid_request"`},
		"nothing":       {d.modern("", "tools/list", nil, setHeader("Authorization", "Bearer")), 400, `error="invalid_request"`},
		"header, query": {d.modern(d.token(), "tools/list", nil, query("access_token=x")), 400, `error="invalid_request"`},
		"header, form":  {d.modern(d.token(), "tools/list", nil, asForm("x")), 400, `error="invalid_request"`},
		"two headers": {d.modern(d.token(), "tools/list", nil, func(o *order) { o.header.Add("Authorization", "Bearer x") }),
			400, `error="invalid_request"`},
		"scope": {d.tool(d.token(tokens.Claim("scope", "notes.read")), "append_note"), 403,
			`scope="notes.read notes.write", ` + pointer},
		"GET":     {d.modern("", "", nil, verb("GET")), 401, pointer},
		"DELETE":  {d.modern("", "", nil, verb("DELETE")), 401, pointer},
		"OPTIONS": {d.modern("", "", nil, verb("OPTIONS")), 401, pointer},
		"PUT":     {d.modern("", "", nil, verb("PUT")), 401, pointer},
	} {
		challenge := c.reply.Header.Get("WWW-Authenticate")
		if c.reply.StatusCode != c.status || !strings.Contains(challenge, c.challenge) || !strings.Contains(challenge, pointer) {
			t.Errorf("%s: %d %s", name, c.reply.StatusCode, challenge)
		}
		if c.reply.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: may be cached", name)
		}
	}
}

func TestSchemeHasNoCase(t *testing.T) {
	d := sitDown(t, Options{})
	for _, scheme := range []string{"bearer ", "BEARER ", "bEaReR   "} {
		if r := d.modern("", "tools/list", nil, setHeader("Authorization", scheme+d.token())); !served(r) {
			t.Errorf("%q: %d %s", scheme, r.StatusCode, r.raw)
		}
	}
}

func TestRefusesEveryForgery(t *testing.T) {
	d := sitDown(t, Options{})
	keys, resource := d.s.AuthServer.Keys(), d.endpoint()
	jwks, err := keys.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	attacker, host := attack(t)
	all := slices.Concat(
		tokens.BrokenSignatures(), tokens.Unsigned(), tokens.HMACSigned(jwks), tokens.KeyIDInjections(), tokens.LooseSyntaxes(),
		keys.MisissuedAudiences(resource), keys.MisissuedTimes(), keys.MisissuedTypes(), keys.MisissuedIssuers(d.s.AuthServer.Issuer()),
		keys.MisissuedCritical(), keys.MisissuedSubjects(),
		[]tokens.Recipe{
			tokens.Altered("scope", everyScope+" admin"), attacker.SameKeyID(), attacker.EmbeddedKey(), attacker.Issuer(host.URL),
			attacker.KeyURL("jku", host.URL+"/jwks"), attacker.KeyURL("x5u", host.URL+"/jwks"),
			keys.Sound(tokens.Audience(d.s.ResourceServer.OtherEndpoint())), keys.Sound(tokens.Audience(d.s.Upstream.URL())),
		})
	for _, f := range all {
		r := d.tool(d.forge(f), "whoami")
		if r.StatusCode != http.StatusUnauthorized && r.StatusCode != http.StatusBadRequest {
			t.Errorf("a token %s: %d %s", f.Name, r.StatusCode, r.raw)
		}
	}
	if host.hits.Load() != 0 {
		t.Errorf("the attacker's host was asked %d times", host.hits.Load())
	}
	if r := d.tool(d.token(), "whoami"); !served(r) {
		t.Errorf("a sound token is refused: %d %s", r.StatusCode, r.raw)
	}
}

func TestTwoResources(t *testing.T) {
	d := sitDown(t, Options{})
	other := d.s.ResourceServer.OtherEndpoint()
	token := d.token(tokens.Audience(other))
	if r := d.tool(token, "whoami", target(other)); !served(r) {
		t.Errorf("the other resource refuses its token: %d %s", r.StatusCode, r.raw)
	}
	if r := d.tool(d.token(), "whoami", target(other)); r.StatusCode != http.StatusUnauthorized ||
		!strings.Contains(r.Header.Get("WWW-Authenticate"), wellKnown(other, metadataPath)) {
		t.Errorf("the other resource takes a token of ours: %d %v", r.StatusCode, r.Header)
	}
}

func TestOrigins(t *testing.T) {
	d := sitDown(t, Options{})
	own := d.s.ResourceServer.origin
	for origin, status := range map[string]int{
		own: 200, "https://evil.example": 403, "null": 403, own + ".evil.example": 403, own + "0": 403, "http://localhost": 403,
	} {
		r := d.tool(d.token(), "whoami", setHeader("Origin", origin))
		if r.StatusCode != status || r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("Origin %s: %d %v", origin, r.StatusCode, r.Header)
		}
	}
	if r := d.tool(d.token(), "whoami", setHeader("Host", "rebound.example")); r.StatusCode != http.StatusForbidden {
		t.Errorf("Host rebound.example: %d", r.StatusCode)
	}
}

func TestModernRules(t *testing.T) {
	d := sitDown(t, Options{})
	token := d.token()
	call := map[string]any{"name": "whoami", "arguments": map[string]any{}}
	for name, c := range map[string]struct {
		reply  *reply
		status int
		code   float64
	}{
		"header says another method": {d.modern(token, methodCallTool, call, setHeader("Mcp-Method", "tools/list")), 400, -32020},
		"header names another tool":  {d.modern(token, methodCallTool, call, setHeader("Mcp-Name", "read_note")), 400, -32020},
		"no method header":           {d.modern(token, "tools/list", nil, setHeader("Mcp-Method", "")), 400, -32020},
		"no version header":          {d.modern(token, "tools/list", nil, setHeader("MCP-Protocol-Version", "")), 400, -32020},
		"no metadata":                {d.modern(token, "tools/list", map[string]any{"_meta": map[string]any{}}), 400, -32602},
		"no capabilities": {d.modern(token, "tools/list", map[string]any{"_meta": map[string]any{
			"io.modelcontextprotocol/protocolVersion": modernVersion}}), 400, -32602},
		"unknown method":  {d.modern(token, "notes/burn", nil), 404, -32601},
		"unknown version": {d.modern(token, "tools/list", nil, setHeader("MCP-Protocol-Version", "1900-01-01")), 400, -32022},
		"future version":  {d.modern(token, "tools/list", nil, setHeader("MCP-Protocol-Version", "2099-01-01")), 400, -32022},
		"old, unknown":    {d.legacy(token, "", "tools/list", nil, setHeader("MCP-Protocol-Version", "1900-01-01")), 400, 0},
		"twofold body":    {d.modern(token, "tools/list", nil, body(`{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"ping"}`)), 400, -32600},
		"too large":       {d.modern(token, "tools/list", nil, body(strings.Repeat(" ", maxBody+1))), 413, 0},
		"GET":             {d.modern(token, "", nil, verb("GET")), 405, 0},
		"DELETE":          {d.modern(token, "", nil, verb("DELETE")), 405, 0},
	} {
		if c.reply.StatusCode != c.status || c.code != 0 && rpcCode(c.reply) != c.code {
			t.Errorf("%s: %d %s", name, c.reply.StatusCode, c.reply.raw)
		}
	}
	if r := d.modern(token, "tools/list", nil, inSession("invented")); !served(r) || r.Header.Get("Mcp-Session-Id") != "" {
		t.Errorf("a modern request with a session id: %d %v", r.StatusCode, r.Header)
	}
}

func TestMetadata(t *testing.T) {
	d := sitDown(t, Options{})
	origin := d.s.ResourceServer.origin
	for _, address := range []string{origin + metadataPath + "/mcp", origin + metadataPath} {
		r := d.get(address)
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", address, r.StatusCode, r.Header)
		}
		servers, _ := r.doc["authorization_servers"].([]any)
		if r.doc["resource"] != d.endpoint() || len(servers) != 1 || servers[0] != d.s.AuthServer.Issuer() {
			t.Errorf("%s: %s", address, r.raw)
		}
	}
	other := d.get(origin + metadataPath + "/other/mcp")
	if other.doc["resource"] != d.s.ResourceServer.OtherEndpoint() {
		t.Errorf("the other metadata: %s", other.raw)
	}
	if up := d.get(wellKnown(d.s.Upstream.URL(), metadataPath)); up.doc["resource"] != d.s.Upstream.URL() {
		t.Errorf("the upstream's metadata: %s", up.raw)
	}
}

func TestOpaqueTokens(t *testing.T) {
	d, token := issued(t, "notes.read", nil, variant.OpaqueTokens)
	if r := d.tool(token, "read_note"); !served(r) {
		t.Errorf("a sound token is refused: %d %s", r.StatusCode, r.raw)
	}
	if r := d.tool(token, "write_note"); r.StatusCode != http.StatusForbidden {
		t.Errorf("without the scope: %d", r.StatusCode)
	}
	if r := d.tool(token, "read_note", target(d.s.ResourceServer.OtherEndpoint())); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("at the other resource: %d", r.StatusCode)
	}
	if r := d.tool(d.token(), "read_note"); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("a JWT beside introspection: %d", r.StatusCode)
	}
}

func TestVariantsOfTheChallenge(t *testing.T) {
	odd := sitDown(t, Options{Variants: []variant.Variant{variant.OddChallenge}})
	line := odd.modern("", "tools/list", nil).Header.Get("WWW-Authenticate")
	if !strings.HasPrefix(line, "bEARER  Realm = ") || !strings.Contains(line, " ,Scope = notes.read") {
		t.Errorf("odd: %s", line)
	}
	many := sitDown(t, Options{Variants: []variant.Variant{variant.ManyChallenges}})
	lines := many.modern("", "tools/list", nil).Header.Values("WWW-Authenticate")
	if len(lines) != 2 || lines[0] != "Negotiate" || !strings.Contains(lines[1], `", Bearer scope="notes.read"`) {
		t.Errorf("many: %v", lines)
	}
	root := sitDown(t, Options{Variants: []variant.Variant{variant.RootMetadataOnly}})
	line = root.modern("", "tools/list", nil).Header.Get("WWW-Authenticate")
	if !strings.Contains(line, `resource_metadata="`+root.s.ResourceServer.origin+metadataPath+`"`) || root.metadata().StatusCode != 404 {
		t.Errorf("root: %s", line)
	}
}

// Nobody is let in while the authorization server cannot be asked.
func TestFailsClosed(t *testing.T) {
	for _, variants := range [][]variant.Variant{nil, {variant.OpaqueTokens}} {
		d := sitDown(t, Options{Variants: variants})
		if err := d.s.servers[0].Close(); err != nil {
			t.Fatal(err)
		}
		if r := d.tool(d.token(), "whoami"); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
			t.Errorf("%v: answered %d %v", variants, r.StatusCode, r.Header)
		}
	}
}

// Keys are looked up again for a new key id, but not for each forged token.
func TestKeysAreFetchedSparingly(t *testing.T) {
	attacker, host := attack(t)
	a := newAuthority(host.URL, "")
	defer a.close()
	for range 20 {
		if _, err := a.key(t.Context(), "unknown"); err == nil {
			t.Fatal("an unknown key was found")
		}
	}
	if hits := host.hits.Load(); hits > 3 {
		t.Errorf("20 unknown key ids made %d requests", hits)
	}
	host.serve(t, attacker, "new")
	a.lastAttempt = time.Now().Add(-time.Hour)
	if _, err := a.key(t.Context(), "new"); err != nil {
		t.Errorf("a new key is not found: %v", err)
	}
	host.serve(t, attacker, "newer")
	a.keysAt = time.Now().Add(-time.Hour)
	if _, err := a.key(t.Context(), "new"); err == nil {
		t.Error("a removed key is still used")
	}
}

func TestRefuseEverything(t *testing.T) {
	d := withFault(t, fault.RefuseEverything)
	for _, verb := range []change{verb("GET"), verb("DELETE"), func(*order) {}} {
		if r := d.modern(d.token(), "tools/list", nil, verb); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("answered %d", r.StatusCode)
		}
	}
}

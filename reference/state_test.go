package reference

import (
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// A batch, which only revision 2025-03-26 has, reaches the transport whole.
func TestBatchIsRunWhole(t *testing.T) {
	d := sitDown(t, Options{})
	token := d.token()
	opened := d.legacy(token, "", methodInitialize, map[string]any{
		"protocolVersion": "2025-03-26", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "test", "version": "0"},
	})
	unversioned := func(o *order) { o.header.Del("MCP-Protocol-Version") }
	r := d.legacy(token, opened.Header.Get("Mcp-Session-Id"), "ping", nil, unversioned, func(o *order) {
		o.body = `[{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"whoami","arguments":{}}}]`
	})
	if r.StatusCode != 200 || !strings.Contains(r.raw, "client_id") {
		t.Errorf("%d %s", r.StatusCode, r.raw)
	}
}

// A requestState is good for its user, its call and its time.
func TestRequestState(t *testing.T) {
	alice, bob := &caller{Subject: "alice", Client: "c"}, &caller{Subject: "bob", Client: "c"}
	arguments := []byte(`{"with":"carol"}`)
	s := newSealer(time.Minute, fault.Set{})
	state, err := s.seal(alice, "share_note", arguments)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.check(state, alice, "share_note", arguments); err != nil {
		t.Errorf("as it was made for: %v", err)
	}
	for what, err := range map[string]error{
		"another user":      s.check(state, bob, "share_note", arguments),
		"another tool":      s.check(state, alice, "read_note", arguments),
		"other arguments":   s.check(state, alice, "share_note", []byte(`{"with":"mallory"}`)),
		"altered":           s.check("A"+state, alice, "share_note", arguments),
		"another server's":  newSealer(time.Minute, fault.Set{}).check(state, alice, "share_note", arguments),
		"without its seal":  s.check(strings.Split(state, ".")[0], alice, "share_note", arguments),
		"nothing":           s.check("", alice, "share_note", arguments),
		"what has expired":  expiredState(s, alice, arguments),
		"an empty document": s.check("e30."+s.mac("e30"), alice, "share_note", arguments),
	} {
		if err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

func expiredState(s *sealer, who *caller, arguments []byte) error {
	past := &sealer{key: s.key, lifetime: -time.Second}
	state, err := past.seal(who, "share_note", arguments)
	if err != nil {
		return nil //nolint:nilerr // the test says that it was taken
	}
	return s.check(state, who, "share_note", arguments)
}

// A task is its creator's, over either wire.
func TestTasks(t *testing.T) {
	d := sitDown(t, Options{})
	alice, bob := d.token(), d.token(tokens.Claim("sub", "bob"))
	id := d.open(alice)
	created := d.legacy(alice, id, methodCallTool, map[string]any{"name": taskTool, "arguments": map[string]any{}, "task": map[string]any{"ttl": 1000}})
	if !strings.Contains(created.raw, `"taskId"`) {
		t.Fatalf("%d %s", created.StatusCode, created.raw)
	}
	_, rest, _ := strings.Cut(created.raw, `"taskId":"`)
	name, _, _ := strings.Cut(rest, `"`)
	theirs := d.open(bob)
	for _, method := range []string{"tasks/get", "tasks/cancel", "tasks/result"} {
		if r := d.legacy(bob, theirs, method, map[string]any{"taskId": name}); !strings.Contains(r.raw, "no such task") {
			t.Errorf("%s by another user: %d %s", method, r.StatusCode, r.raw)
		}
	}
	if r := d.legacy(alice, id, "tasks/cancel", map[string]any{"taskId": name}); !strings.Contains(r.raw, "cancelled") {
		t.Errorf("by its creator: %d %s", r.StatusCode, r.raw)
	}
	if r := d.modern(alice, "tasks/cancel", nil); strings.Contains(r.raw, "cancelled") || r.StatusCode >= 500 {
		t.Errorf("without a name: %d %s", r.StatusCode, r.raw)
	}
}

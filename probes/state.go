package probes

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// A State says where a server keeps something for its users between requests, as
// far as the user of the suite knows.
type State struct {
	Identity *ToolCall // a harmless call whose result differs between users
	Handles  *Handles
	Rounds   *ToolCall     // a harmless call that asks the user something before it goes on
	Rounded  time.Duration // how long its requestState is good for; 0: not known
	Mirrored *Mirrored
	Link     *ToolCall // a call that asks the user to sign in at a URL, until that was done
	Task     *ToolCall // a harmless call that can become a task
}

// Handles are two tools of which one mints a handle and the other takes it.
type Handles struct {
	Create, Use ToolCall
	Argument    string // of Use: the handle
	Result      string // member of Create's result that holds it; empty: as Argument
}

// A Mirrored is a tool with an argument that a header field repeats (x-mcp-header),
// and values of it that belong to the first and to the second user.
type Mirrored struct {
	Call       ToolCall
	Argument   string
	Own, Other string
}

// with is the call with one argument more.
func (t ToolCall) with(argument string, value any) ToolCall {
	arguments := map[string]any{argument: value}
	for name, v := range t.Arguments {
		if name != argument {
			arguments[name] = v
		}
	}
	return ToolCall{Name: t.Name, Arguments: arguments}
}

// A talk is one user's exchange of requests with the server: over the newer wire
// each stands alone, over the older one they share a session.
type talk struct {
	d       *Deployment
	token   string
	session *session // nil over the newer wire
	Offers  json.RawMessage
}

// talkAs begins to talk with a token, as a client of the capabilities.
func (d *Deployment) talkAs(ctx context.Context, token string, capabilities map[string]any) (*talk, error) {
	era, err := d.Era(ctx)
	if err != nil {
		return nil, err
	}
	if era.IsModern() {
		return &talk{d: d, token: token}, nil
	}
	return d.talkInSession(ctx, token, capabilities)
}

// firstTalk begins to talk as the run's first user.
func (d *Deployment) firstTalk(ctx context.Context) (*talk, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	return d.talkAs(ctx, token, nil)
}

// talkInSession does the same as talkAs over the older wire, whatever else is spoken.
func (d *Deployment) talkInSession(ctx context.Context, token string, capabilities map[string]any) (*talk, error) {
	s, a, err := d.initialize(wire.For(ctx, "control"), token, []MessageMutation{func(m *Message) {
		if m.Method == "initialize" && capabilities != nil {
			m.Params["capabilities"] = capabilities
		}
	}})
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, d.soundRefused(ctx, token, a)
	}
	return &talk{d: d, token: token, session: s, Offers: a.Result}, nil
}

// end ends the session, if there is one.
func (t *talk) end(ctx context.Context) {
	if t.session != nil {
		t.d.endSession(wire.For(ctx, "control"), t.session, t.token)
	}
}

// say sends a request with the talk's token.
func (t *talk) say(ctx context.Context, method string, params map[string]any, mutations ...MessageMutation) (*Answer, error) {
	return t.sayAs(ctx, t.token, method, params, mutations...)
}

// sayAs sends a request with another token, or none, where the talk's own belongs.
func (t *talk) sayAs(ctx context.Context, token, method string, params map[string]any, mutations ...MessageMutation) (*Answer, error) {
	if t.session == nil {
		return t.d.askMutated(ctx, modernCall(method, params), token, mutations)
	}
	return t.d.askMutated(ctx, legacyCall(t.session, method, params), token, mutations)
}

func (t *talk) call(ctx context.Context, tool ToolCall, mutations ...MessageMutation) (*Answer, error) {
	return t.say(ctx, "tools/call", toolParams(tool), mutations...)
}

// Capable makes a request of the newer wire one of a client with capabilities.
func Capable(capabilities map[string]any) MessageMutation {
	return func(m *Message) {
		if meta, ok := m.Params["_meta"].(map[string]any); ok {
			meta["io.modelcontextprotocol/clientCapabilities"] = capabilities
		}
	}
}

// content is what a result says, without what surrounds it. Of a tool's result it
// is the content, of any other all but its metadata.
func (a *Answer) content() string {
	var members map[string]json.RawMessage
	if a == nil || json.Unmarshal(a.Result, &members) != nil {
		return ""
	}
	for _, surrounds := range []string{"_meta", "ttlMs", "cacheScope", "resultType"} {
		delete(members, surrounds)
	}
	said, err := json.Marshal(members)
	if err != nil {
		return ""
	}
	return string(said)
}

// A HandleNaming is a request that names something which belongs to another, beside the
// same request naming something that nobody has.
type HandleNaming struct {
	Real, Made       *Answer
	realID, madeUpID string
}

// Opened tells whether naming the real thing opened it: the call was carried out,
// and did not just say what it says of things that are not there. A call that
// waited for the real thing, and not for the other, has found it.
func (n *HandleNaming) Opened() bool {
	switch {
	case n == nil:
		return false
	case n.Real == nil:
		return n.Made != nil
	case !n.Real.Served():
		return false
	}
	if !n.Made.Served() {
		return true
	}
	return strings.ReplaceAll(n.Real.content(), n.realID, "·") != strings.ReplaceAll(n.Made.content(), n.madeUpID, "·")
}

// madeUp is an id of the same shape that nobody was given: every letter and digit
// is another of its kind.
func madeUp(id string) string {
	const lower, upper, digits = "abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	pick := func(from string, not rune) rune {
		for {
			if c := rune(from[rand.IntN(len(from))]); c != not { //nolint:gosec // nobody has to be kept from guessing it
				return c
			}
		}
	}
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z':
			return pick(lower, c)
		case 'A' <= c && c <= 'Z':
			return pick(upper, c)
		case '0' <= c && c <= '9':
			return pick(digits, c)
		}
		return c
	}, id)
}

// maxDepth bounds how deep a result is looked into.
const maxDepth = 8

// memberOf finds a text or number called name in a tool's result: in its
// structured content, else in a text that is JSON. A text that is a single word is
// taken for the value itself.
func memberOf(result json.RawMessage, name string) string {
	var said struct {
		Structured json.RawMessage `json:"structuredContent"`
		Content    []struct {
			Text string `json:"text"`
		} `json:"content"`
	}
	if json.Unmarshal(result, &said) != nil {
		return ""
	}
	if value := searched(said.Structured, name); value != "" {
		return value
	}
	for _, c := range said.Content {
		if value := searched([]byte(c.Text), name); value != "" {
			return value
		}
	}
	if len(said.Content) == 1 {
		if text := strings.TrimSpace(said.Content[0].Text); text != "" && !strings.ContainsAny(text, " \t\n{}[]\"") {
			return text
		}
	}
	return ""
}

func searched(document []byte, name string) string {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return ""
	}
	return within(value, name, maxDepth)
}

func within(value any, name string, depth int) string {
	if depth == 0 {
		return ""
	}
	switch v := value.(type) {
	case map[string]any:
		switch found := v[name].(type) {
		case string:
			return found
		case json.Number:
			return found.String()
		}
		for _, inner := range v {
			if found := within(inner, name, depth-1); found != "" {
				return found
			}
		}
	case []any:
		for _, inner := range v {
			if found := within(inner, name, depth-1); found != "" {
				return found
			}
		}
	}
	return ""
}

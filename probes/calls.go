package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Variation is one way to make the protected call: Change makes every message
// of it what it is to be, from one without credentials. It is given a sound token.
type Variation struct {
	Name   string
	Change func(m *Message, sound string)
}

// A Varied is what came of a variation. Either Answer or Err is set; an error
// means that the message did not get through to be answered.
type Varied struct {
	Name string
	*Answer
	Err error
}

// Bearing is the variation whose Authorization header is made of a sound token.
func Bearing(name string, authorization func(sound string) string) Variation {
	return Variation{name, func(m *Message, sound string) { m.Header.Set("Authorization", authorization(sound)) }}
}

// TryCalls makes the protected call in several ways between two sound calls.
func (d *Deployment) TryCalls(variations ...Variation) *Future[[]Varied] {
	return Start(d, func(ctx context.Context) ([]Varied, error) { return d.GuardedCalls(ctx, variations...) })
}

// GuardedCalls is TryCalls within a probe.
func (d *Deployment) GuardedCalls(ctx context.Context, variations ...Variation) ([]Varied, error) {
	sound, err := d.soundCall(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.closedToAnybody(ctx); err != nil {
		return nil, err
	}
	var all []Varied
	for _, v := range variations {
		answer, err := d.Call(wire.For(ctx, "attack"), "", func(m *Message) { v.Change(m, sound) })
		if errors.Is(err, wire.ErrLimited) || ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		all = append(all, Varied{v.Name, answer, err})
	}
	_, err = d.soundCall(ctx)
	return all, err
}

// laxity is what opens the protected call that must not.
type laxity struct{ nothing, garbage bool }

func (b *bench) howLax(ctx context.Context) (laxity, error) {
	d := b.view(ctx)
	bare, err := d.Call(wire.For(ctx, "control"), "")
	if err != nil {
		return laxity{}, err
	}
	junk, err := d.Call(wire.For(ctx, "control"), NewVerifier())
	return laxity{bare.Served(), junk.Served()}, err
}

// closedToAnybody errs if the protected call needs no token: what opens it then
// cannot be told.
func (d *Deployment) closedToAnybody(ctx context.Context) error {
	lax, err := d.lax.Get(ctx)
	if err == nil && lax.nothing {
		err = &Blocked{By: "rs-every-operation-guarded", Owner: reports.ResourceServer, Err: errors.New("the protected call is carried out without a token")}
	}
	return err
}

// closedToGarbage errs if any string will do for a token, or none.
func (d *Deployment) closedToGarbage(ctx context.Context) error {
	if err := d.closedToAnybody(ctx); err != nil {
		return err
	}
	lax, err := d.lax.Get(ctx)
	if err == nil && lax.garbage {
		err = &Blocked{By: "rs-401-unknown-token", Owner: reports.ResourceServer, Err: errors.New("the protected call is carried out for any token")}
	}
	return err
}

// SoundCall makes the protected call as a client with a sound token does.
func (d *Deployment) SoundCall(ctx context.Context) (*Answer, error) {
	token, err := d.soundCall(ctx)
	if err != nil {
		return nil, err
	}
	return d.Call(wire.For(ctx, "control"), token)
}

// A Pair is one message sent with a sound token and, afterwards, without any.
type Pair struct {
	Name             string
	Sound, Anonymous *Answer
}

// unknownTool is called where no harmless tool is known: nothing can come of it,
// and that the server has looked for it shows that it has read the message.
const unknownTool = "mcpassay_no_such_tool"

// EveryMethod sends each kind of request soundly and then without a token: the
// methods that list things, a tool call and a notification. In the older wire
// both belong to a session that was opened soundly.
func (d *Deployment) EveryMethod(ctx context.Context) ([]Pair, error) {
	token, err := d.soundCall(ctx)
	if err != nil {
		return nil, err
	}
	tool := ToolCall{Name: unknownTool}
	if d.Target.Tool != nil {
		tool = *d.Target.Tool
	}
	requests := []struct {
		method string
		params map[string]any
	}{
		{"tools/list", nil},
		{"tools/call", toolParams(tool)},
		{"resources/list", nil},
		{"resources/templates/list", nil},
		{"prompts/list", nil},
		{"notifications/cancelled", map[string]any{"requestId": "mcpassay", "reason": "none"}},
	}
	var all []Pair
	for _, r := range requests {
		p := Pair{Name: r.method}
		if p.Sound, err = d.afterHandshake(wire.For(ctx, "control"), token, token, r.method, r.params); err != nil {
			return nil, err
		}
		if p.Anonymous, err = d.afterHandshake(wire.For(ctx, "attack"), token, "", r.method, r.params); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// afterHandshake sends a message as the server's newest wire has it: alone, or in
// a connection that was opened with a sound token.
func (d *Deployment) afterHandshake(ctx context.Context, sound, token, method string, params map[string]any) (*Answer, error) {
	era, err := d.Era(ctx)
	if err != nil {
		return nil, err
	}
	if era.IsModern() {
		return d.askMutated(ctx, modernCall(method, params), token, nil)
	}
	s, a, err := d.initialize(wire.For(ctx, "control"), sound, nil)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, d.soundRefused(ctx, sound, a)
	}
	defer d.endSession(wire.For(ctx, "control"), s, sound)
	return d.askMutated(ctx, legacyCall(s, method, params), token, nil)
}

// SameConnection makes the protected call with a sound token and then without
// one, over a connection that nothing else uses and that the client asks to keep.
func (d *Deployment) SameConnection(ctx context.Context) (*Answer, error) {
	return d.GuardedCall(ctx, func(ctx context.Context, sound string) (*Answer, error) {
		if err := d.closedToAnybody(ctx); err != nil {
			return nil, err
		}
		alone, done := d.wire.Alone(ctx)
		defer done()
		keep := func(m *Message) { m.Header.Set("Connection", "keep-alive") }
		first, err := d.Call(wire.For(alone, "control"), sound, keep)
		if err != nil {
			return nil, err
		}
		if !first.Served() {
			return nil, d.soundRefused(ctx, sound, first)
		}
		return d.Call(alone, "", keep)
	})
}

// streamPatience is how long the beginning of an event stream is listened to.
const streamPatience = 2 * time.Second

// OtherMethods sends the protected call, and for GET nothing, by other HTTP methods
// than POST and without a token.
func (d *Deployment) OtherMethods(ctx context.Context) (map[string]*Answer, error) {
	if _, err := d.soundCall(ctx); err != nil {
		return nil, err
	}
	all := map[string]*Answer{}
	for _, method := range []string{
		http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "QUERY", "MCPASSAY",
	} {
		m := d.NewMessage()
		m.HTTPMethod = method
		var err error
		if m.Body, err = m.JSON(nil); err != nil {
			return nil, err
		}
		if method == http.MethodGet {
			m.Body = []byte{}
			m.Header.Set("Accept", "text/event-stream")
		}
		brief, cancel := context.WithTimeout(wire.For(ctx, "attack"), streamPatience)
		a, err := d.ask(brief, m)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		all[method] = a
	}
	_, err := d.soundCall(ctx)
	return all, err
}

// A SessionAttack is what became of a session that others knew the id of.
type SessionAttack struct {
	Stream    *Answer // to a GET without a token
	End       *Answer // to a DELETE without a token
	Afterward *Answer // to a sound call in the session
}

// AttackSession opens a session soundly, and then asks for its stream and its end
// without a token. A server that keeps no sessions: nil.
func (d *Deployment) AttackSession(ctx context.Context) (*SessionAttack, error) {
	if kept, err := d.HasSessions(ctx); err != nil || !kept {
		return nil, err
	}
	token, err := d.soundCall(ctx)
	if err != nil {
		return nil, err
	}
	s, a, err := d.initialize(wire.For(ctx, "control"), token, nil)
	if err != nil {
		return nil, err
	}
	if s == nil || s.id == "" {
		return nil, d.soundRefused(ctx, token, a)
	}
	defer d.endSession(wire.For(ctx, "control"), s, token)
	method, params := d.protected()
	if a, err = d.askMutated(wire.For(ctx, "control"), legacyCall(s, method, params), "", nil); err != nil {
		return nil, err
	}
	if a.Served() {
		return nil, &Blocked{By: "rs-session-not-authentication", Owner: reports.ResourceServer, Err: errors.New("the session id alone opens the protected call")}
	}
	x := &SessionAttack{}
	stream := legacyCall(s, "", nil)
	stream.HTTPMethod, stream.Body = http.MethodGet, []byte{}
	stream.Header.Set("Accept", "text/event-stream")
	brief, cancel := context.WithTimeout(wire.For(ctx, "attack"), streamPatience)
	x.Stream, err = d.ask(brief, stream)
	cancel()
	if err != nil {
		return nil, err
	}
	end := legacyCall(s, "", nil)
	end.HTTPMethod, end.Body = http.MethodDelete, []byte{}
	if x.End, err = d.ask(wire.For(ctx, "attack"), end); err != nil {
		return nil, err
	}
	x.Afterward, err = d.askMutated(wire.For(ctx, "control"), legacyCall(s, method, params), token, nil)
	return x, err
}

// PathVariants make the protected call without a token at other spellings of the
// MCP endpoint's path.
func (d *Deployment) PathVariants() []Variation {
	path := strings.TrimSuffix(d.Endpoint.EscapedPath(), "/")
	at := strings.LastIndexByte(path, '/')
	if at < 0 || at == len(path)-1 {
		return nil // an endpoint at the root has no other spelling of its own
	}
	parent, last := path[:at+1], path[at+1:]
	upper, capital := strings.ToUpper(path), parent+strings.ToUpper(last[:1])+last[1:]
	var all []Variation
	for _, v := range []struct{ name, path string }{
		{"a slash at the end", path + "/"},
		{"two slashes at the end", path + "//"},
		{"a doubled slash", "/" + path},
		{"a dot segment", parent + "./" + last},
		{"two dot segments", parent + "mcpassay/../" + last},
		{"a dot segment at the end", path + "/."},
		{"an encoded letter", parent + fmt.Sprintf("%%%02x", last[0]) + last[1:]},
		{"an encoded slash at the end", path + "%2f"},
		{"an encoded dot segment", parent + "%2e/" + last},
		{"a backslash", strings.TrimSuffix(parent, "/") + "%5c" + last},
		{"a path parameter", path + ";mcpassay=1"},
		{"an extension", path + ".json"},
		{"a space at the end", path + "%20"},
		{"a null byte at the end", path + "%00"},
		{"upper case", upper},
		{"a capital letter", capital},
	} {
		if v.path == path {
			continue
		}
		u := origin(d.Endpoint) + v.path
		if d.Endpoint.RawQuery != "" {
			u += "?" + d.Endpoint.RawQuery
		}
		all = append(all, Variation{v.name, func(m *Message, _ string) { m.URL = u }})
	}
	return all
}

// HandshakeWithUnknownToken sends initialize with a token that nobody issued.
func (d *Deployment) HandshakeWithUnknownToken(ctx context.Context) (*Answer, error) {
	return d.GuardedCall(ctx, func(ctx context.Context, _ string) (*Answer, error) {
		token := NewVerifier()
		s, a, err := d.initialize(ctx, token, nil)
		if s != nil {
			d.endSession(ctx, s, token)
		}
		return a, err
	})
}

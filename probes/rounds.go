package probes

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// canAnswer are the capabilities of a client whose user can be asked anything.
var canAnswer = map[string]any{"elicitation": map[string]any{"form": map[string]any{}, "url": map[string]any{}}}

// A Question is what a server wants to hear before it goes on with a call (MCP
// 2026-07-28, Multi Round-Trip Requests).
type Question struct {
	Call     ToolCall
	State    string // requestState
	Requests map[string]InputRequest
}

// An InputRequest is one request of a question.
type InputRequest struct {
	Method string `json:"method"`
	Params struct {
		Mode    string `json:"mode"`
		Message string `json:"message"`
		URL     string `json:"url"`
		Schema  struct {
			Properties map[string]Field `json:"properties"`
		} `json:"requestedSchema"`
	} `json:"params"`
}

// A Field is a field of a form that a server asks a user to fill in.
type Field struct {
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Format      string `json:"format"`
	Enum        []any  `json:"enum"`
}

// questionIn is the question in an answer, or nil.
func questionIn(a *Answer, call ToolCall) *Question {
	var result struct {
		Type     string                  `json:"resultType"`
		State    string                  `json:"requestState"`
		Requests map[string]InputRequest `json:"inputRequests"`
	}
	if a == nil || json.Unmarshal(a.Result, &result) != nil || result.Type != "input_required" {
		return nil
	}
	return &Question{Call: call, State: result.State, Requests: result.Requests}
}

// answers are what a willing user says to all of it.
func (q *Question) answers() map[string]any {
	all := map[string]any{}
	for key, asked := range q.Requests {
		switch asked.Method {
		case "elicitation/create":
			answer := map[string]any{"action": "accept"}
			if asked.Params.Mode != "url" {
				answer["content"] = asked.filledIn()
			}
			all[key] = answer
		case "roots/list":
			all[key] = map[string]any{"roots": []any{}}
		default:
			all[key] = map[string]any{"role": "assistant", "model": "none", "content": map[string]any{"type": "text", "text": "mcpassay"}}
		}
	}
	return all
}

func (a *InputRequest) filledIn() map[string]any {
	content := map[string]any{}
	for name, field := range a.Params.Schema.Properties {
		switch {
		case len(field.Enum) > 0:
			content[name] = field.Enum[0]
		case field.Type == "boolean":
			content[name] = true
		case field.Type == "number" || field.Type == "integer":
			content[name] = 1
		case field.Format == "email":
			content[name] = "mcpassay@example.com"
		case field.Format == "uri":
			content[name] = "https://example.com/"
		case field.Format == "date":
			content[name] = "2026-07-28"
		default:
			content[name] = "mcpassay"
		}
	}
	return content
}

// ask makes a call that the server is to ask something about. No question: nil.
func (t *talk) ask(ctx context.Context, call ToolCall) (*Question, error) {
	a, err := t.call(wire.For(ctx, "control"), call, Capable(canAnswer))
	if err != nil {
		return nil, err
	}
	q := questionIn(a, call)
	if q != nil {
		t.d.wire.Redactor.Learn("requestState", q.State)
	}
	return q, nil
}

// answer answers a question about one call in another.
func (t *talk) answer(ctx context.Context, q *Question, call ToolCall, state string) (*Answer, error) {
	params := toolParams(call)
	params["inputResponses"] = q.answers()
	params["requestState"] = state
	return t.say(ctx, "tools/call", params, Capable(canAnswer))
}

// Asking finds a harmless call that the server asks something about: the one the
// user named, or a tool that may be called without harm. None: nil.
func (d *Deployment) Asking(ctx context.Context) (*Question, error) {
	return Once(d, "asking", func(ctx context.Context) (*Question, error) { return d.view(ctx).findQuestion(ctx) }).Get(ctx)
}

func (d *Deployment) findQuestion(ctx context.Context) (*Question, error) {
	era, err := d.Era(ctx)
	if err != nil || !era.IsModern() {
		return nil, err
	}
	t, err := d.firstTalk(ctx)
	if err != nil {
		return nil, err
	}
	var calls []ToolCall
	if named := d.Target.State.Rounds; named != nil {
		calls = append(calls, *named)
	} else if calls, err = d.SafeTools(ctx, t.token); err != nil {
		return nil, err
	}
	for _, call := range calls[:min(len(calls), maxOperations)] {
		if q, err := t.ask(ctx, call); err != nil || q != nil {
			return q, err
		}
	}
	return nil, nil
}

// A RoundTrial is what became of requestState that was not as the server had
// given it. Every attack has a question of its own.
type RoundTrial struct {
	MadeUp  *Answer            // a state of ours was taken or not
	Altered map[string]*Answer // by what was altered
	Other   *Answer            // sent by the second user; nil without one
	Else    *Answer            // sent with other arguments; nil if there are none
}

// TryRounds alters requestState, and sends it from elsewhere. That the server goes
// on after its own, before and afterwards, is the control. It asks nothing: nil.
func (d *Deployment) TryRounds(ctx context.Context) (*RoundTrial, error) {
	return Once(d, "rounds", func(ctx context.Context) (*RoundTrial, error) { return d.view(ctx).tryRounds(ctx) }).Get(ctx)
}

// rounder asks anew for each attack.
type rounder struct {
	*talk
	call  ToolCall
	state string // that the server once asked with
}

func (r *rounder) question(ctx context.Context, call ToolCall) (*Question, error) {
	q, err := r.ask(ctx, call)
	if err == nil && q == nil {
		err = &Blocked{By: "rounds", Owner: reports.ResourceServer, Err: fmt.Errorf("the tool %s asks something at one time and not at another", call.Name)}
	}
	return q, err
}

// sound goes through a round as a client does.
func (r *rounder) sound(ctx context.Context, call ToolCall) error {
	q, err := r.question(ctx, call)
	if err != nil {
		return err
	}
	a, err := r.answer(wire.For(ctx, "control"), q, call, q.State)
	switch {
	case err != nil:
		return err
	case !a.Served():
		return r.d.Unserved("rounds", reports.Configuration, "the answer to what the server asks", a)
	case questionIn(a, call) != nil:
		return &Blocked{By: "rounds", Owner: reports.Configuration, Err: fmt.Errorf("the tool %s asks again when it is answered", call.Name)}
	}
	return nil
}

// newRounder begins a talk about a call that the server answers with requestState;
// nil if there is none.
func (d *Deployment) newRounder(ctx context.Context) (*rounder, error) {
	first, err := d.Asking(ctx)
	if err != nil || first == nil || first.State == "" {
		return nil, err
	}
	t, err := d.firstTalk(ctx)
	if err != nil {
		return nil, err
	}
	return &rounder{t, first.Call, first.State}, nil
}

func (d *Deployment) tryRounds(ctx context.Context) (*RoundTrial, error) {
	r, err := d.newRounder(ctx)
	if err != nil || r == nil {
		return nil, err
	}
	if err := r.sound(ctx, r.call); err != nil {
		return nil, err
	}
	x := &RoundTrial{Altered: map[string]*Answer{}}
	attack := func(change func(state string) string) (*Answer, error) {
		q, err := r.question(ctx, r.call)
		if err != nil {
			return nil, err
		}
		return r.answer(wire.For(ctx, "attack"), q, r.call, change(q.State))
	}
	if x.MadeUp, err = attack(func(string) string { return NewVerifier() }); err != nil {
		return nil, err
	}
	for name, change := range alterations(r.state) {
		if x.Altered[name], err = attack(change); err != nil {
			return nil, err
		}
	}
	if other, ok := r.call.otherwise(); ok && r.sound(ctx, other) == nil {
		q, err := r.question(ctx, r.call)
		if err != nil {
			return nil, err
		}
		if x.Else, err = r.answer(wire.For(ctx, "attack"), q, other, q.State); err != nil {
			return nil, err
		}
	}
	if len(d.Target.Users) > 1 {
		if x.Other, err = d.answerAsSecond(ctx, r); err != nil {
			return nil, err
		}
	}
	return x, r.sound(ctx, r.call)
}

// answerAsSecond lets the second user answer what the first was asked.
func (d *Deployment) answerAsSecond(ctx context.Context, r *rounder) (*Answer, error) {
	token, err := d.SecondUserToken(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.talkAs(ctx, token, nil)
	if err != nil {
		return nil, err
	}
	if err := (&rounder{t, r.call, ""}).sound(ctx, r.call); err != nil {
		return nil, err
	}
	q, err := r.question(ctx, r.call)
	if err != nil {
		return nil, err
	}
	return t.answer(wire.For(ctx, "attack"), q, r.call, q.State)
}

// LateRound answers a question after its requestState has expired, as the user
// says that it does. It asks nothing: nil.
func (d *Deployment) LateRound(ctx context.Context) (*Answer, error) {
	r, err := d.newRounder(ctx)
	if err != nil || r == nil {
		return nil, err
	}
	q, err := r.question(ctx, r.call)
	if err != nil {
		return nil, err
	}
	expired := time.NewTimer(d.Target.State.Rounded + time.Second)
	defer expired.Stop()
	select {
	case <-expired.C:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	a, err := r.answer(wire.For(ctx, "attack"), q, r.call, q.State)
	if err != nil {
		return nil, err
	}
	return a, r.sound(ctx, r.call)
}

// otherwise is the call with another argument, if it has one.
func (t ToolCall) otherwise() (ToolCall, bool) {
	for _, name := range slices.Sorted(maps.Keys(t.Arguments)) {
		switch v := t.Arguments[name].(type) {
		case string:
			return t.with(name, v+"-mcpassay"), true
		case bool:
			return t.with(name, !v), true
		case int:
			return t.with(name, v+1), true
		case float64:
			return t.with(name, v+1), true
		}
	}
	return t, false
}

// alterations are ways to alter a requestState: single characters all over it,
// and whatever can be read of it.
func alterations(state string) map[string]func(string) string {
	all := map[string]func(string) string{
		"its end cut off":     func(s string) string { return s[:len(s)-len(s)/4] },
		"something put after": func(s string) string { return s + "mcpassay" },
	}
	for _, tenth := range []int{0, 2, 5, 7, 9} {
		all[fmt.Sprintf("a character after %d0%% of it", tenth)] = func(s string) string {
			at := len(s) * tenth / 10
			if at >= len(s) {
				return s + "A"
			}
			return s[:at] + string(another(s[at])) + s[at+1:]
		}
	}
	if _, ok := reworded(state); ok {
		all["a member of the JSON in it"] = func(s string) string {
			changed, _ := reworded(s)
			return changed
		}
	}
	return all
}

// another is a character that differs from c in more than the last bits of what
// it may encode.
func another(c byte) byte {
	if c == 'q' {
		return 'L'
	}
	return 'q'
}

// reworded adds a member to the JSON object that a state is, or that one of its
// parts is in base64.
func reworded(state string) (string, bool) {
	add := func(text []byte) ([]byte, bool) {
		var members map[string]any
		if json.Unmarshal(text, &members) != nil || members == nil {
			return nil, false
		}
		members["mcpassay"] = true
		changed, err := json.Marshal(members)
		return changed, err == nil
	}
	if changed, ok := add([]byte(state)); ok {
		return string(changed), true
	}
	parts := strings.Split(state, ".")
	for i, part := range parts {
		for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.StdEncoding, base64.RawStdEncoding} {
			text, err := encoding.DecodeString(part)
			if err != nil {
				continue
			}
			if changed, ok := add(text); ok {
				parts[i] = encoding.EncodeToString(changed)
				return strings.Join(parts, "."), true
			}
		}
	}
	return "", false
}

package probes

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// A Respelt is a call that a token does not cover, written so that two parsers
// may read it in two ways.
type Respelt struct {
	Name   string
	Answer *Answer
	Ran    bool // the result is a tool's, not a list or an error
}

// CallRespelt makes a call that a token does not cover, in several spellings. The
// same call with every scope, and refused as it stands, is the control. No such
// call: nil.
func (d *Deployment) CallRespelt(ctx context.Context) ([]Respelt, error) {
	scoping, err := d.Scoping(ctx)
	if err != nil {
		return nil, err
	}
	refused := scoping.Lacking()
	if len(refused) == 0 {
		return nil, nil
	}
	t := refused[0]
	params, err := json.Marshal(toolParams(t.ToolCall))
	if err != nil {
		return nil, err
	}
	var all []Respelt
	for _, spelling := range respellings(t.ToolCall) {
		a, err := d.CallTool(wire.For(ctx, "attack"), t.Small.Token, t.ToolCall, func(m *Message) {
			if m.Method == "tools/call" {
				spelling.change(m, params)
			}
		})
		if err != nil {
			return nil, err
		}
		all = append(all, Respelt{Name: spelling.name, Answer: a, Ran: ranTool(a)})
	}
	batch, err := d.callInBatch(ctx, t)
	if err != nil {
		return nil, err
	}
	if batch != nil {
		all = append(all, *batch)
	}
	return all, d.ControlCall(ctx)
}

// ranTool tells whether one of the JSON-RPC responses in an answer is a tool's
// result, and no error.
func ranTool(a *Answer) bool {
	type response struct {
		Result struct {
			Content []any `json:"content"`
			Tools   []any `json:"tools"`
			IsError bool  `json:"isError"`
		} `json:"result"`
	}
	var all []response
	if message := a.Message(); json.Unmarshal(message, &all) != nil {
		var one response
		if json.Unmarshal(message, &one) != nil {
			return false
		}
		all = []response{one}
	}
	return a.Status == http.StatusOK && slices.ContainsFunc(all, func(r response) bool {
		return r.Result.Content != nil && r.Result.Tools == nil && !r.Result.IsError
	})
}

type respelling struct {
	name   string
	change func(m *Message, params []byte)
}

// respellings write a call in ways that leave open what is called. Its header
// fields name it truly: a server that goes by them refuses.
func respellings(call ToolCall) []respelling {
	harmless, _ := json.Marshal(unknownTool)
	name, _ := json.Marshal(call.Name)
	// Members of the request, in an order of ours; meta belongs to the newer wire.
	write := func(members ...string) func(*Message, []byte) {
		return func(m *Message, params []byte) {
			whole, err := json.Marshal(m.Params)
			if err != nil {
				return
			}
			inner := strings.TrimSuffix(strings.TrimPrefix(string(whole), "{"), "}")
			withoutName := strings.Replace(inner, `"name":`+string(name), `"mcpassay":null`, 1)
			r := strings.NewReplacer("$params", string(whole), "$rest", withoutName, "$name", string(name), "$harmless", string(harmless))
			m.Body = []byte("{" + r.Replace(strings.Join(append([]string{`"jsonrpc":"2.0","id":1`}, members...), ",")) + "}")
		}
	}
	const method, params = `"method":"tools/call"`, `"params":$params`
	prefixed := func(prefix string) func(*Message, []byte) {
		return func(m *Message, p []byte) {
			write(method, params)(m, p)
			m.Body = append([]byte(prefix), m.Body...)
		}
	}
	typed := func(media string) func(*Message, []byte) {
		return func(m *Message, p []byte) {
			write(method, params)(m, p)
			m.Header.Set("Content-Type", media)
		}
	}
	return []respelling{
		{"the method twice, harmless first", write(`"method":"tools/list"`, method, params)},
		{"the method twice, harmless last", write(method, params, `"method":"tools/list"`)},
		{"the tool's name twice, harmless first", write(method, `"params":{"name":$harmless,$rest,"name":$name}`)},
		{"the tool's name twice, harmless last", write(method, `"params":{"name":$name,$rest,"name":$harmless}`)},
		{"the parameters twice, harmless first", write(method, `"params":{"name":$harmless,$rest}`, params)},
		{"the parameters twice, harmless last", write(method, params, `"params":{"name":$harmless,$rest}`)},
		{"the method in capitals", write(`"METHOD":"tools/call"`, params)},
		{"the method in capitals beside a harmless one", write(`"method":"tools/list","METHOD":"tools/call"`, params)},
		{"the parameters in capitals", write(method, `"PARAMS":$params`)},
		{"the tool's name in capitals", write(method, `"params":{$rest,"Name":$name}`)},
		{"the tool's name in capitals beside a harmless one", write(method, `"params":{"name":$harmless,$rest,"Name":$name}`)},
		{"the method with an escaped letter", write(`"\u006dethod":"tools/call"`, params)},
		{"a byte order mark", prefixed("\ufeff")},
		{"another content type", typed("text/plain")},
		{"a content type with JSON in its suffix", typed("application/vnd.mcpassay+json")},
	}
}

// callInBatch makes the call as the second message of a batch, which only revision
// 2025-03-26 knows. A server that does not speak it: nil.
func (d *Deployment) callInBatch(ctx context.Context, t *LimitedCall) (*Respelt, error) {
	if spec := d.Target.Spec; spec != "" && spec != batches {
		return nil, nil
	}
	s, _, err := d.initialize(wire.For(ctx, "control"), t.Small.Token, []MessageMutation{func(m *Message) {
		if m.Method == "initialize" {
			m.Params["protocolVersion"] = batches
		}
	}})
	if err != nil || s == nil {
		return nil, err
	}
	defer d.endSession(ctx, s, t.Small.Token)
	if s.version != batches {
		return nil, nil
	}
	m := legacyCall(s, "tools/call", toolParams(t.ToolCall))
	call, err := m.JSON(nil)
	if err != nil {
		return nil, err
	}
	m.Body = []byte(`[{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"mcpassay"}},` + string(call) + `]`)
	a, err := d.askMutated(wire.For(ctx, "attack"), m, t.Small.Token, nil)
	if err != nil {
		return nil, err
	}
	return &Respelt{Name: "a batch that begins harmlessly", Answer: a, Ran: ranTool(a)}, nil
}

// batches is the only revision whose requests may hold several messages.
const batches = "2025-03-26"

package probes

import (
	"context"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// A Broad is a call that needs one scope, made with a token that holds only one
// that implies it.
type Broad struct {
	Held, Needed string
	Call         ToolCall
	Answer       *Answer
}

// CallBroadly calls, with a token of a broad scope alone, what needs a narrow one
// that it implies. Operations are as the user named them; that each is served with
// every scope is the control.
func (d *Deployment) CallBroadly(ctx context.Context) ([]Broad, error) {
	scoping, err := d.Scoping(ctx)
	if err != nil {
		return nil, err
	}
	var all []Broad
	for broad, implied := range d.Target.ScopeImplies {
		t, err := d.ScopedToken(ctx, []string{broad})
		if err != nil {
			return nil, err
		}
		if len(t.Held) != 1 || t.Held[0] != broad {
			continue // the authorization server gives something else
		}
		for _, o := range scoping.Works {
			if len(o.Scopes) == 0 || len((&Operation{Scopes: o.Scopes}).Lacks(implied)) > 0 {
				continue
			}
			a, err := d.CallTool(wire.For(ctx, "attack"), t.Token, o.ToolCall)
			if err != nil {
				return nil, err
			}
			all = append(all, Broad{Held: broad, Needed: strings.Join(o.Scopes, " "), Call: o.ToolCall, Answer: a})
		}
	}
	return all, nil
}

// OldestClient makes the protected call as a client of revision 2025-03-26, whose
// requests do not say their version. A server that does not speak it: nil.
func (d *Deployment) OldestClient(ctx context.Context) (*Answer, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	s, _, err := d.initialize(wire.For(ctx, "control"), token, []MessageMutation{func(m *Message) {
		m.Header.Del("MCP-Protocol-Version")
		if m.Method == "initialize" {
			m.Params["protocolVersion"] = batches
		}
	}})
	if err != nil || s == nil || s.version != batches {
		return nil, err
	}
	defer d.endSession(wire.For(ctx, "control"), s, token)
	method, params := d.protected()
	a, err := d.askMutated(wire.For(ctx, "attack"), legacyCall(s, method, params), token, nil)
	if err != nil {
		return nil, err
	}
	said, err := d.askMutated(wire.For(ctx, "control"), legacyCall(s, method, params), token, []MessageMutation{func(m *Message) {
		m.Header.Set("MCP-Protocol-Version", batches)
	}})
	if err == nil && !said.Served() && !a.Served() {
		return nil, nil // it is not the header that it misses
	}
	return a, err
}

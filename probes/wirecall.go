package probes

import (
	"context"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// Initialize sends initialize, of the older wire, with a sound token. The session
// that may come of it is ended.
func (d *Deployment) Initialize(ctx context.Context) (*Answer, error) {
	token, err := d.soundCall(ctx)
	if err != nil {
		return nil, err
	}
	s, a, err := d.initialize(ctx, token, nil)
	if s != nil {
		d.endSession(ctx, s, token)
	}
	return a, err
}

// CallNamed calls a harmless tool in the newer wire with each of the names in the
// header field that mirrors its name; an empty one leaves the field out. The tool
// called soundly is the control. No such tool: nil.
func (d *Deployment) CallNamed(ctx context.Context, names map[string]string) (map[string]*Answer, error) {
	scoping, err := d.Scoping(ctx)
	if err != nil {
		return nil, err
	}
	tool := scoping.working()
	if tool == nil {
		return nil, nil
	}
	answers := map[string]*Answer{}
	for key, name := range names {
		answers[key], err = d.CallTool(wire.For(ctx, "attack"), scoping.Full.Token, *tool, nameMirrored(name))
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// working is a harmless operation that the full token opens, or nil.
func (s *Scoping) working() *ToolCall {
	for _, o := range s.Works {
		return &o.ToolCall
	}
	return nil
}

func nameMirrored(name string) MessageMutation {
	return func(m *Message) {
		m.Header.Del("Mcp-Name")
		if name != "" {
			m.Header.Set("Mcp-Name", name)
		}
	}
}

// CallMisnamed calls an operation that a token does not cover, under the name of
// one that it does. No such pair: nil.
func (d *Deployment) CallMisnamed(ctx context.Context) (*Answer, error) {
	scoping, err := d.Scoping(ctx)
	if err != nil {
		return nil, err
	}
	for _, closed := range scoping.Lacking() {
		for _, open := range scoping.Trials {
			if open.Small.Token == closed.Small.Token && open.Answer.Served() {
				return d.CallTool(wire.For(ctx, "attack"), closed.Small.Token, closed.ToolCall, nameMirrored(open.Name))
			}
		}
	}
	return nil, nil
}

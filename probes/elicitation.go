package probes

import (
	"context"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// AnonymousRound makes the call that the server asks something about without a
// token, and answers what it may ask then. The same with a token is the control.
func (d *Deployment) AnonymousRound(ctx context.Context) (*Answer, error) {
	q, err := d.Asking(ctx)
	if err != nil || q == nil {
		return nil, err
	}
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.talkAs(ctx, token, nil)
	if err != nil {
		return nil, err
	}
	attack := wire.For(ctx, "attack")
	a, err := t.sayAs(attack, "", "tools/call", toolParams(q.Call), Capable(canAnswer))
	if err != nil {
		return nil, err
	}
	if asked := questionIn(a, q.Call); asked != nil {
		params := toolParams(q.Call)
		params["inputResponses"] = asked.answers()
		if asked.State != "" {
			params["requestState"] = asked.State
		}
		if a, err = t.sayAs(attack, "", "tools/call", params, Capable(canAnswer)); err != nil {
			return nil, err
		}
	}
	again, err := t.ask(ctx, q.Call)
	if err == nil && again == nil {
		a = nil // it asks at one time and not at another
	}
	return a, err
}

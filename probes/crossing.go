package probes

import (
	"context"
	"fmt"
	"sync"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// An Identity is a call that tells users apart, and what it says to each of two.
type Identity struct {
	Call          ToolCall
	first, second string
}

// Identity finds a harmless call whose result differs between two users and not
// from one time to the next. None: nil.
func (d *Deployment) Identity(ctx context.Context) (*Identity, error) {
	return Once(d, "identity", func(ctx context.Context) (*Identity, error) { return d.view(ctx).findIdentity(ctx) }).Get(ctx)
}

func (d *Deployment) findIdentity(ctx context.Context) (*Identity, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	second, err := d.SecondUserToken(ctx)
	if err != nil {
		return nil, err
	}
	var calls []ToolCall
	if named := d.Target.State.Identity; named != nil {
		calls = append(calls, *named)
	} else if calls, err = d.SafeTools(ctx, token); err != nil {
		return nil, err
	}
	for _, call := range calls[:min(len(calls), maxOperations)] {
		var said [3]string
		served := true
		for i, t := range []string{token, second, token} {
			a, err := d.CallTool(wire.For(ctx, "control"), t, call)
			if err != nil {
				return nil, err
			}
			served = served && a.Served()
			said[i] = a.content()
		}
		if served && said[0] == said[2] && said[0] != said[1] {
			return &Identity{Call: call, first: said[0], second: said[1]}, nil
		}
	}
	return nil, nil
}

// took says whom an answer takes its caller for.
func (i *Identity) took(a *Answer) string {
	switch a.content() {
	case i.first:
		return "first user"
	case i.second:
		return "second user"
	}
	return "nobody known"
}

// A Mixup is an answer that was meant for somebody else.
type Mixup struct{ Wire, Asked, Got string }

// rounds is how often two users call at the same time.
const rounds = 10

// Overlap lets two users make the call at the same time, with the same JSON-RPC
// id, round after round: over the wire that the server speaks, and in sessions if
// it has them.
func (d *Deployment) Overlap(ctx context.Context) ([]Mixup, error) {
	id, err := d.Identity(ctx)
	if err != nil || id == nil {
		return nil, err
	}
	tokens := [2]string{}
	if tokens[0], err = d.AccessToken(ctx); err != nil {
		return nil, err
	}
	if tokens[1], err = d.SecondUserToken(ctx); err != nil {
		return nil, err
	}
	era, err := d.Era(ctx)
	if err != nil {
		return nil, err
	}
	alone := func(ctx context.Context, user int) (*Answer, error) { return d.CallTool(ctx, tokens[user], id.Call) }
	mixed, err := d.overlap(ctx, id, "alone", alone)
	if err != nil || len(mixed) > 0 {
		return mixed, err
	}
	if kept, err := d.HasSessions(ctx); err != nil || !kept || !era.IsModern() {
		return nil, err // without sessions, or in sessions already
	}
	var sessions [2]*Session
	for user, token := range tokens {
		if sessions[user], err = d.OpenSession(ctx, token); err != nil {
			return nil, err
		}
		defer sessions[user].End(ctx)
	}
	return d.overlap(ctx, id, "in sessions", func(ctx context.Context, user int) (*Answer, error) {
		return sessions[user].CallTool(ctx, tokens[user], id.Call)
	})
}

func (d *Deployment) overlap(ctx context.Context, id *Identity, how string, call func(context.Context, int) (*Answer, error)) ([]Mixup, error) {
	var mixed []Mixup
	for range rounds {
		var answers [2]*Answer
		var errs [2]error
		var both sync.WaitGroup
		for user := range answers {
			both.Go(func() { answers[user], errs[user] = call(wire.For(ctx, "attack"), user) })
		}
		both.Wait()
		for user, name := range []string{"first user", "second user"} {
			if errs[user] != nil {
				return nil, fmt.Errorf("the call of the %s: %w", name, errs[user])
			}
			if got := id.took(answers[user]); got != name && got != "nobody known" {
				mixed = append(mixed, Mixup{how, name, got})
			}
		}
	}
	return mixed, nil
}

// OneConnection lets two users and nobody take turns on one connection.
func (d *Deployment) OneConnection(ctx context.Context) ([]Mixup, error) {
	id, err := d.Identity(ctx)
	if err != nil || id == nil {
		return nil, err
	}
	if err := d.closedToAnybody(ctx); err != nil {
		return nil, err
	}
	first, err := d.AccessToken(ctx)
	if err != nil {
		return nil, err
	}
	second, err := d.SecondUserToken(ctx)
	if err != nil {
		return nil, err
	}
	alone, done := d.wire.Alone(ctx)
	defer done()
	keep := func(m *Message) { m.Header.Set("Connection", "keep-alive") }
	var mixed []Mixup
	for _, turn := range []struct{ who, token string }{
		{"first user", first}, {"second user", second}, {"nobody known", ""}, {"second user", second}, {"first user", first},
	} {
		a, err := d.CallTool(wire.For(alone, "attack"), turn.token, id.Call, keep)
		if err != nil {
			return nil, err
		}
		got := id.took(a)
		if got != turn.who && got != "nobody known" {
			mixed = append(mixed, Mixup{"on one connection", turn.who, got})
		}
	}
	return mixed, d.ControlCall(ctx)
}

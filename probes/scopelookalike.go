package probes

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Lookalike is an operation called with a token whose scope only resembles the
// one that is needed.
type Lookalike struct {
	Scope, Needed string
	Folded        bool // it differs in case only
	Answer        *Answer
}

// ScopeLookalikes signs tokens whose scopes resemble the one scope that an
// operation needs, and calls it with each. A token with the scope itself is the
// control. No such operation: no lookalikes.
func (d *Deployment) ScopeLookalikes(ctx context.Context) ([]*Lookalike, error) {
	scoping, err := d.Scoping(ctx)
	if err != nil {
		return nil, err
	}
	trial, needed := needsOne(scoping)
	if trial == nil {
		return nil, nil
	}
	call := func(ctx context.Context, scope string) (*Answer, error) {
		token, err := d.signLike(trial.Small.Token, tokens.Claim("scope", scope), tokens.Without("scp"))
		if err != nil {
			return nil, err
		}
		return d.CallTool(ctx, token, trial.ToolCall)
	}
	control, err := call(wire.For(ctx, "control"), needed)
	if err != nil {
		return nil, err
	}
	if !control.Served() {
		return nil, d.Unserved("", reports.Configuration, "the call of "+trial.Name+" with a token signed here with the right scope", control)
	}
	var all []*Lookalike
	for _, l := range resembling(needed) {
		if l.Answer, err = call(wire.For(ctx, "attack"), l.Scope); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// needsOne finds an operation that was refused and needs a single known scope.
func needsOne(s *Scoping) (*LimitedCall, string) {
	for _, t := range s.Lacking() {
		needed := t.Scopes
		if len(needed) == 0 {
			needed = t.Answer.Challenged()
		}
		if len(needed) == 1 && !slices.Contains(t.Small.Held, needed[0]) {
			return t, needed[0]
		}
	}
	return nil, ""
}

func resembling(needed string) []*Lookalike {
	var all []*Lookalike
	for _, scope := range []string{
		"x" + needed, needed + "x", "not-" + needed, needed + ".none", needed[:len(needed)-1], needed + ",none", "*", "",
	} {
		all = append(all, &Lookalike{Scope: scope, Needed: needed})
	}
	for _, folded := range []string{strings.ToUpper(needed), strings.ToLower(needed), strings.ToUpper(needed[:1]) + needed[1:]} {
		if folded != needed {
			all = append(all, &Lookalike{Scope: folded, Needed: needed, Folded: true})
		}
	}
	return all
}

// signLike signs a token that is like a genuine one but for the mutations.
func (d *Deployment) signLike(genuine string, mutate ...tokens.Mutation) (string, error) {
	claims, err := tokens.ClaimsOf(genuine)
	if err != nil {
		return "", err
	}
	return d.Target.Lab.Mint(claims, mutate...)
}

// CallBaseline makes the protected call with a token that has the scopes which
// the first challenge asked for, in the newer wire and, if that is refused, in
// the older: which of them the server speaks is not known yet if it refuses both.
func (d *Deployment) CallBaseline(ctx context.Context, mutations ...MessageMutation) (*Answer, error) {
	token, err := d.AccessToken(ctx)
	if err != nil {
		return nil, err
	}
	method, params := d.protected()
	a, err := d.askMutated(ctx, modernCall(method, params), token, mutations)
	if err != nil || a.Served() {
		return a, err
	}
	s, refusal, err := d.initialize(ctx, token, mutations)
	switch {
	case err != nil:
		return nil, err
	case s == nil && refusal.Status == http.StatusBadRequest:
		return a, nil // that wire is not spoken; the first answer counts
	case s == nil:
		return refusal, nil
	}
	defer d.endSession(ctx, s, token)
	return d.askMutated(ctx, legacyCall(s, method, params), token, mutations)
}

// CallDisguised calls an operation that the token does not cover under each of
// the names a client may give itself. No such operation: nil.
func (d *Deployment) CallDisguised(ctx context.Context, names []string) (map[string]*Answer, error) {
	scoping, err := d.Scoping(ctx)
	if err != nil {
		return nil, err
	}
	refused := scoping.Lacking()
	if len(refused) == 0 {
		return nil, nil
	}
	t, answers := refused[0], map[string]*Answer{}
	for _, name := range names {
		answers[name], err = d.CallTool(wire.For(ctx, "attack"), t.Small.Token, t.ToolCall, func(m *Message) {
			info := map[string]any{"name": name, "version": "1"}
			if meta, ok := m.Params["_meta"].(map[string]any); ok {
				meta["io.modelcontextprotocol/clientInfo"] = info
			}
			if m.Method == "initialize" {
				m.Params["clientInfo"] = info
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// ListOften lists the tools with one token of its own, each time over a new
// connection, and returns the names each time. Some authorization servers end a
// client's older grants with each new one, and other checks ask for such: a token
// that died so is replaced, and the lists begin anew.
func (d *Deployment) ListOften(ctx context.Context, times int) ([][]string, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	var a *Answer
	for range 3 {
		t, err := d.Grant(wire.For(ctx, "control"), c)
		if err != nil {
			return nil, err
		}
		var lists [][]string
		for len(lists) < times {
			a, err = d.CallMethod(ctx, t.Access, "tools/list", nil, func(m *Message) { m.Header.Set("Connection", "close") })
			if err != nil {
				return nil, err
			}
			if !a.Served() {
				break
			}
			lists = append(lists, ToolNames(a))
		}
		if len(lists) == times {
			return lists, nil
		}
	}
	return nil, &Blocked{By: "rs-accepts-bearer-header", Owner: reports.ResourceServer, Err: errors.New("tools/list was " + a.Said())}
}

// ChallengeOften makes the same request without a token several times and
// returns the scopes challenged each time, sorted.
func (d *Deployment) ChallengeOften(ctx context.Context, times int) ([]string, error) {
	var seen []string
	for range times {
		a, err := d.Send(ctx, d.NewMessage())
		if err != nil {
			return nil, err
		}
		seen = append(seen, strings.Join(a.Challenged(), " "))
	}
	return seen, nil
}

package probes

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// InsufficientScope returns the challenge of an answer that refuses a token for
// its scopes, or nil.
func (a *Answer) InsufficientScope() *wire.Challenge {
	challenges, _ := wire.Challenges(a.Header)
	for _, c := range wire.Bearer(challenges) {
		if code, _ := c.Get("error"); code == "insufficient_scope" {
			return &c
		}
	}
	return nil
}

// Challenged are the scopes that the Bearer challenges of an answer name, sorted.
func (a *Answer) Challenged() []string {
	challenges, _ := wire.Challenges(a.Header)
	var scopes []string
	for _, c := range wire.Bearer(challenges) {
		scope, _ := c.Get("scope")
		scopes = append(scopes, strings.Fields(scope)...)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// A StepUp is what came of following the challenge of a refused operation: a new
// flow that asks for what the token held and what was challenged (MCP, Step-Up
// Authorization Flow).
type StepUp struct {
	*LimitedCall
	Named   []string
	Got     *Scoped // nil if the authorization server refused
	Refusal error
	Retried *Answer // the operation again, with the new token
}

// Granted tells whether the new token has every scope that was named.
func (s *StepUp) Granted() bool {
	return s.Got != nil && !slices.ContainsFunc(s.Named, func(n string) bool { return !slices.Contains(s.Got.Held, n) })
}

// StepUps follows the challenges that refused operations named scopes in.
func (d *Deployment) StepUps(ctx context.Context) ([]*StepUp, error) { return d.stepUps.Get(ctx) }

func (b *bench) climb(ctx context.Context) ([]*StepUp, error) {
	d := b.view(ctx)
	scoping, err := d.Scoping(ctx)
	if err != nil {
		return nil, err
	}
	var all []*StepUp
	for _, t := range scoping.Lacking() {
		named := t.Answer.Challenged()
		if len(named) == 0 || len(all) == maxStepUps {
			continue
		}
		s, err := d.stepUp(ctx, t, named)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (d *Deployment) stepUp(ctx context.Context, t *LimitedCall, named []string) (*StepUp, error) {
	s := &StepUp{LimitedCall: t, Named: named}
	var err error
	s.Got, err = d.ScopedToken(ctx, append(slices.Clone(t.Small.Held), named...))
	var refused *Blocked
	if errors.As(err, &refused) && refused.By == "as-code-flow" {
		s.Got, s.Refusal = nil, err
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	s.Retried, err = d.CallTool(wire.For(ctx, "attack"), s.Got.Token, t.ToolCall)
	return s, err
}

// Tell says what was tried, for messages.
func (t *LimitedCall) Tell() string {
	return t.Name + " with the scope " + strings.Join(t.Small.Held, " ")
}

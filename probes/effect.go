package probes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// An Effect is a tool call that leaves something behind, and one that shows it.
// Where an argument of Do says {mark}, a text is put that occurs nowhere else.
type Effect struct {
	Do, See ToolCall
	Scopes  []string // that both calls need
}

// marked is the call with the mark in its arguments.
func (t ToolCall) marked(mark string) ToolCall {
	arguments := maps.Clone(t.Arguments)
	for name, value := range arguments {
		if text, ok := value.(string); ok {
			arguments[name] = strings.ReplaceAll(text, "{mark}", mark)
		}
	}
	return ToolCall{t.Name, arguments}
}

// do makes the call that has an effect, in a connection opened with a sound
// token, and returns the mark it was to leave.
func (d *Deployment) do(ctx context.Context, sound, token string) (mark string, a *Answer, err error) {
	mark = "mcpassay-" + NewVerifier()
	a, err = d.afterHandshake(ctx, sound, token, "tools/call", toolParams(d.Target.Effect.Do.marked(mark)))
	return mark, a, err
}

// sees tells whether the bearer of a token is shown the mark.
func (d *Deployment) sees(ctx context.Context, token, mark string) (bool, error) {
	a, err := d.CallTool(ctx, token, d.Target.Effect.See)
	if err != nil {
		return false, err
	}
	if !a.Served() {
		return false, d.Unserved("effect", reports.Configuration, "the call of "+d.Target.Effect.See.Name+" that is to show the effect", a)
	}
	return strings.Contains(string(a.Result), mark), nil
}

// demonstrate shows that the effect can be seen at all.
func (d *Deployment) demonstrate(ctx context.Context, token string) error {
	mark, a, err := d.do(ctx, token, token)
	if err != nil {
		return err
	}
	seen, err := d.sees(ctx, token, mark)
	if err == nil && !seen {
		err = &Blocked{By: "effect", Owner: reports.Configuration, Err: fmt.Errorf("the call of %s with a sound token had no effect to be seen: %s", d.Target.Effect.Do.Name, a.Said())}
	}
	return err
}

// effectClient is a client whose traces no other check leaves.
func (d *Deployment) effectClient(ctx context.Context) (*Client, error) {
	if d.Registers(ctx) {
		return d.RegisterSoundly(ctx, nil)
	}
	return d.Client(ctx)
}

// EffectOfRefused makes the call that has an effect with credentials that must be
// refused, and returns those for which the effect took place all the same.
func (d *Deployment) EffectOfRefused(ctx context.Context) ([]string, error) {
	c, err := d.effectClient(ctx)
	if err != nil {
		return nil, err
	}
	var scopes []Mutation
	if len(d.Target.Effect.Scopes) > 0 {
		scopes = append(scopes, With("scope", strings.Join(d.Target.Effect.Scopes, " ")))
	}
	t, err := d.Grant(wire.For(ctx, "control"), c, scopes...)
	if err != nil {
		return nil, err
	}
	control := wire.For(ctx, "control")
	if err := d.demonstrate(control, t.Access); err != nil {
		return nil, err
	}
	bad := []credential{{"no token", ""}, {"an unknown token", NewVerifier()}}
	for _, recipe := range []tokens.Recipe{tokens.BrokenSignatures()[0], tokens.Altered("exp", 1)} {
		if forged, err := recipe.Make(t.Access); err == nil {
			bad = append(bad, credential{"a token " + recipe.Name, forged})
		}
	}
	var done []string
	for _, b := range bad {
		mark, a, err := d.do(wire.For(ctx, "attack"), t.Access, b.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.name, err)
		}
		seen, err := d.sees(control, t.Access, mark)
		if err != nil {
			return nil, err
		}
		if seen && !a.Served() { // what was openly served, other checks judge
			done = append(done, b.name)
		}
	}
	return done, d.demonstrate(control, t.Access)
}

// ErrUnknownSubject says that the resource server serves only users it knows.
var ErrUnknownSubject = errors.New("the server does not serve a user it does not know")

// SubjectsTaken leaves a mark as a user that the lab's key vouches for, and
// returns the spellings of that user's name that are shown it.
func (d *Deployment) SubjectsTaken(ctx context.Context) ([]string, error) {
	sound, err := d.LabToken(ctx)
	if err != nil {
		return nil, err
	}
	user := "mcpassay-" + strings.ToLower(NewVerifier()[:12])
	as := func(subject string) (string, error) {
		claims := []tokens.Mutation{tokens.Claim("sub", subject)}
		if len(d.Target.Effect.Scopes) > 0 {
			claims = append(claims, tokens.Claim("scope", strings.Join(d.Target.Effect.Scopes, " ")))
		}
		return d.Target.Lab.With("for a user", claims...).Make(sound)
	}
	own, err := as(user)
	if err != nil {
		return nil, err
	}
	mark, a, err := d.do(wire.For(ctx, "control"), own, own)
	if err != nil {
		return nil, err
	}
	if !a.Served() {
		return nil, ErrUnknownSubject
	}
	if seen, err := d.sees(wire.For(ctx, "control"), own, mark); err != nil || !seen {
		return nil, errors.Join(err, ErrUnknownSubject)
	}
	var taken []string
	for _, s := range []credential{
		{"in upper case", strings.ToUpper(user)}, {"with a space at the end", user + " "},
		{"with a space before it", " " + user}, {"with a null byte at the end", user + "\x00"},
	} {
		token, err := as(s.value)
		if err != nil {
			return nil, err
		}
		a, err := d.CallTool(wire.For(ctx, "attack"), token, d.Target.Effect.See)
		if err != nil {
			return nil, err
		}
		if a.Served() && strings.Contains(string(a.Result), mark) {
			taken = append(taken, s.name)
		}
	}
	_, err = d.soundCall(ctx)
	return taken, err
}

package probes

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// An Operation is a tool call and the scopes it needs.
type Operation struct {
	ToolCall
	Scopes []string // empty: not known
}

// Lacks returns the scopes that the operation is known to need and held has not.
func (o *Operation) Lacks(held []string) []string {
	return slices.DeleteFunc(slices.Clone(o.Scopes), func(s string) bool { return slices.Contains(held, s) })
}

// A Scoped is an access token and the scopes it was issued with.
type Scoped struct {
	Token string
	Held  []string // as the answer or the token itself says, else as asked for
}

// A LimitedCall is one operation called with a token of few scopes, and with one of
// as many as could be had.
type LimitedCall struct {
	Operation
	Small  *Scoped
	Answer *Answer // with the small token
	Full   *Answer // with the full one: the control
}

// Lacking tells whether the operation works, and does not with the small token.
func (t *LimitedCall) Lacking() bool { return t.Full.Served() && !t.Answer.Served() }

// A Scoping is what trying operations with tokens of different scopes showed.
type Scoping struct {
	Known  []string // every scope there seems to be for this resource
	Full   *Scoped
	Works  []Operation // that the full token opens
	Trials []*LimitedCall
}

// Lacking returns the trials of operations that work and were refused for a scope.
func (s *Scoping) Lacking() []*LimitedCall {
	return slices.DeleteFunc(slices.Clone(s.Trials), func(t *LimitedCall) bool { return !t.Lacking() })
}

// Bounds of how much is tried.
const (
	maxSmallTokens = 4
	maxOperations  = 5
	maxStepUps     = 8
)

// scopedTokens keeps access tokens by the scopes asked for.
type scopedTokens struct {
	mu  sync.Mutex
	all map[string]*fresh
}

func (s *scopedTokens) of(key string) *fresh {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*fresh{}
	}
	if s.all[key] == nil {
		s.all[key] = &fresh{}
	}
	return s.all[key]
}

// ScopedToken takes a flow that asks for exactly these scopes to its access
// token, once for all who ask for the same.
func (d *Deployment) ScopedToken(ctx context.Context, scopes []string) (*Scoped, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	asked := slices.Compact(slices.Sorted(slices.Values(scopes)))
	scope := strings.Join(asked, " ")
	t, err := d.scoped.of(scope).get(func() (*Tokens, error) {
		return d.Grant(wire.For(ctx, "control"), c, With("scope", scope))
	})
	if err != nil {
		return nil, err
	}
	return &Scoped{Token: t.Access, Held: t.held(asked)}, nil
}

// held are the scopes of an access token: what the answer says, what the token
// says, or what was asked for (RFC 6749, section 5.1).
func (t *Tokens) held(asked []string) []string {
	if scopes, ok := t.Scopes(); ok {
		return scopes
	}
	if jwt, ok := t.JWT(); ok {
		if scope, ok := jwt.Claims.String("scope"); ok {
			return strings.Fields(scope)
		}
		if scopes, ok := jwt.Claims.Strings("scope"); ok {
			return scopes
		}
	}
	return asked
}

// KnownScopes are the scopes there seem to be for this resource: configured,
// challenged or published. Those that are between the client and the
// authorization server only are left out.
func (d *Deployment) KnownScopes(ctx context.Context) (named, published []string, err error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, nil, err
	}
	named = slices.Clone(d.Target.Scopes)
	for _, o := range d.Target.Operations {
		named = append(named, o.Scopes...)
	}
	for _, c := range wire.Bearer(x.Challenges) {
		if scope, ok := c.Get("scope"); ok {
			named = append(named, strings.Fields(scope)...)
		}
	}
	if x.PRM != nil {
		published, _ = x.PRM.Document.Strings("scopes_supported")
	}
	return resourceScopes(named), resourceScopes(append(slices.Clone(named), published...)), nil
}

func resourceScopes(scopes []string) []string {
	slices.Sort(scopes)
	return slices.DeleteFunc(slices.Compact(scopes), func(s string) bool {
		return s == "" || s == "openid" || s == "offline_access" || s == "profile" || s == "email"
	})
}

// Scoping tries harmless operations with tokens of different scopes.
func (d *Deployment) Scoping(ctx context.Context) (*Scoping, error) { return d.scoping.Get(ctx) }

func (b *bench) exploreScopes(ctx context.Context) (*Scoping, error) {
	d := b.view(ctx)
	named, published, err := d.KnownScopes(ctx)
	if err != nil {
		return nil, err
	}
	s := &Scoping{Known: published}
	if s.Full, err = d.widest(ctx, published, named); err != nil {
		return nil, err
	}
	operations, err := d.operations(ctx, s.Full)
	if err != nil {
		return nil, err
	}
	small, err := d.smallTokens(ctx, s.Full)
	if err != nil {
		return nil, err
	}
	for _, o := range operations {
		if err := s.try(ctx, d, o, small); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// try calls the operation with each small token and then, as the control, with
// the full one.
func (s *Scoping) try(ctx context.Context, d *Deployment, o Operation, small []*Scoped) error {
	var trials []*LimitedCall
	for _, t := range small {
		a, err := d.CallTool(wire.For(ctx, "attack"), t.Token, o.ToolCall)
		if err != nil {
			return err
		}
		trials = append(trials, &LimitedCall{Operation: o, Small: t, Answer: a})
	}
	control, err := d.CallTool(wire.For(ctx, "control"), s.Full.Token, o.ToolCall)
	if err != nil {
		return err
	}
	for _, t := range trials {
		t.Full = control
		if t.Answer.Status != http.StatusOK || t.Answer.Served() {
			continue
		}
		// A tool that fails may have failed by chance. A refusal comes again.
		if t.Answer, err = d.CallTool(wire.For(ctx, "attack"), t.Small.Token, o.ToolCall); err != nil {
			return err
		}
	}
	if control.Served() {
		s.Works = append(s.Works, o)
	}
	s.Trials = append(s.Trials, trials...)
	return nil
}

// widest takes a flow to a token with the first of the sets of scopes that the
// authorization server grants.
func (d *Deployment) widest(ctx context.Context, sets ...[]string) (t *Scoped, err error) {
	for _, scopes := range sets {
		if len(scopes) == 0 {
			continue
		}
		var refused *Blocked
		if t, err = d.ScopedToken(ctx, scopes); err == nil || !errors.As(err, &refused) || refused.By != "as-code-flow" {
			return t, err
		}
	}
	if err != nil {
		return nil, err
	}
	baseline, err := d.Baseline(ctx) // no scopes are known: there is only this
	if err != nil {
		return nil, err
	}
	return &Scoped{Token: baseline.Access, Held: baseline.held(nil)}, nil
}

// smallTokens are tokens with one scope each, of those that the full one holds.
// What the server does not grant alone is left out.
func (d *Deployment) smallTokens(ctx context.Context, full *Scoped) ([]*Scoped, error) {
	var small []*Scoped
	single := resourceScopes(slices.Clone(full.Held))
	if len(single) < 2 {
		return nil, nil
	}
	for _, scope := range single[:min(len(single), maxSmallTokens)] {
		t, err := d.ScopedToken(ctx, []string{scope})
		var refused *Blocked
		switch {
		case err == nil:
			small = append(small, t)
		case !errors.As(err, &refused) || refused.By != "as-code-flow":
			return nil, err
		}
	}
	return small, nil
}

// operations are the tool calls that may be tried: those the user named, and the
// tools that say they only read and need no arguments.
func (d *Deployment) operations(ctx context.Context, full *Scoped) ([]Operation, error) {
	all := slices.Clone(d.Target.Operations)
	listed, err := d.SafeTools(ctx, full.Token)
	if err != nil {
		return nil, err
	}
	for _, tool := range listed {
		if !slices.ContainsFunc(all, func(o Operation) bool { return o.Name == tool.Name }) {
			all = append(all, Operation{ToolCall: tool})
		}
	}
	return all[:min(len(all), max(maxOperations, len(d.Target.Operations)))], nil
}

// SafeTools are the tools that anybody may call without harm: the user named
// them, or the server lists them as read-only (MCP, Tools, Tool Annotations) and
// requires no arguments.
func (d *Deployment) SafeTools(ctx context.Context, token string) ([]ToolCall, error) {
	var safe []ToolCall
	if d.Target.Tool != nil {
		safe = append(safe, *d.Target.Tool)
	}
	a, err := d.CallMethod(wire.For(ctx, "control"), token, "tools/list", nil)
	if err != nil {
		return nil, err
	}
	if !a.Served() {
		return nil, &Blocked{By: "rs-accepts-bearer-header", Owner: reports.ResourceServer,
			Err: errors.New("tools/list with a sound token was " + a.Said())}
	}
	for _, tool := range listedTools(a) {
		if tool.Annotations.ReadOnly && len(tool.Schema.Required) == 0 {
			safe = append(safe, ToolCall{Name: tool.Name})
		}
	}
	return safe, nil
}

// A listedTool is a tool as tools/list describes it.
type listedTool struct {
	Name        string `json:"name"`
	Annotations struct {
		ReadOnly bool `json:"readOnlyHint"`
	} `json:"annotations"`
	Schema struct {
		Required []string `json:"required"`
	} `json:"inputSchema"`
}

func listedTools(a *Answer) []listedTool {
	var result struct {
		Tools []listedTool `json:"tools"`
	}
	if json.Unmarshal(a.Result, &result) != nil {
		return nil
	}
	return result.Tools
}

// ToolNames are the names of the tools that an answer to tools/list lists, sorted.
func ToolNames(a *Answer) []string {
	var names []string
	for _, tool := range listedTools(a) {
		names = append(names, tool.Name)
	}
	slices.Sort(names)
	return names
}

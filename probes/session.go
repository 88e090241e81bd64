package probes

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Session is a connection of the older wire, opened with a token.
type Session struct {
	ID, Version string
	Opener      string // the token
	d           *Deployment
}

// OpenSession opens a session. A server that refuses is what blocks.
func (d *Deployment) OpenSession(ctx context.Context, token string) (*Session, error) {
	s, a, err := d.initialize(wire.For(ctx, "control"), token, nil)
	if err != nil {
		return nil, err
	}
	if s == nil || s.id == "" {
		return nil, &Blocked{By: "rs-accepts-bearer-header", Owner: reports.ResourceServer, Err: errors.New("no session could be opened: " + a.Said())}
	}
	return &Session{ID: s.id, Version: s.version, Opener: token, d: d}, nil
}

// Call makes the protected call within the session, with any token or none, over
// a connection of its own.
func (s *Session) Call(ctx context.Context, token string, mutations ...MessageMutation) (*Answer, error) {
	method, params := s.d.protected()
	return s.call(ctx, token, method, params, mutations)
}

// CallTool calls a tool within the session.
func (s *Session) CallTool(ctx context.Context, token string, tool ToolCall) (*Answer, error) {
	return s.call(ctx, token, "tools/call", toolParams(tool), nil)
}

func (s *Session) call(ctx context.Context, token, method string, params map[string]any, mutations []MessageMutation) (*Answer, error) {
	m := legacyCall(&session{s.ID, s.Version}, method, params)
	m.Header.Set("Connection", "close") // what the connection knows does not count
	return s.d.askMutated(ctx, m, token, mutations)
}

// Delete asks for the end of the session.
func (s *Session) Delete(ctx context.Context, token string) (*Answer, error) {
	m := legacyCall(&session{s.ID, s.Version}, "", nil)
	m.HTTPMethod, m.Body = http.MethodDelete, []byte{}
	bearer(m, token)
	return s.d.ask(ctx, m)
}

// End ends the session as its opener does; nothing depends on it.
func (s *Session) End(ctx context.Context) { s.d.endSession(ctx, &session{s.ID, s.Version}, s.Opener) }

// InSession opens a session with a sound token, makes the attack in it and shows
// that the opener can still use it, unless the attack was to end it.
func InSession[T any](ctx context.Context, d *Deployment, attack func(context.Context, *Session) (T, error)) (T, error) {
	var none T
	token, err := d.AccessToken(ctx)
	if err != nil {
		return none, err
	}
	s, err := d.OpenSession(ctx, token)
	if err != nil {
		return none, err
	}
	defer s.End(ctx)
	if err := s.sound(ctx); err != nil {
		return none, err
	}
	return attack(wire.For(ctx, "attack"), s)
}

// sound makes the protected call as the opener.
func (s *Session) sound(ctx context.Context) error {
	a, err := s.Call(wire.For(ctx, "control"), s.Opener)
	if err == nil && !a.Served() {
		err = &Blocked{Owner: reports.ResourceServer, Err: errors.New("the protected call in its own session was " + a.Said())}
	}
	return err
}

// A Joined is what another user could do in a session.
type Joined struct {
	Call  *Answer // the protected call
	End   *Answer // the request to end the session
	After *Answer // the opener's call afterwards
}

// JoinSession lets the second user call within, and then end, a session of the
// first. What the second user can do in a session of their own is the control.
func (d *Deployment) JoinSession(ctx context.Context) (*Joined, error) {
	token, err := d.SecondUserToken(ctx)
	if err != nil {
		return nil, err
	}
	own, err := d.OpenSession(ctx, token)
	if err != nil {
		return nil, err
	}
	defer own.End(ctx)
	if err := own.sound(ctx); err != nil {
		return nil, err
	}
	return InSession(ctx, d, func(ctx context.Context, s *Session) (*Joined, error) {
		j := &Joined{}
		if j.Call, err = s.Call(ctx, token); err != nil {
			return nil, err
		}
		if j.End, err = s.Delete(ctx, token); err != nil {
			return nil, err
		}
		j.After, err = s.Call(ctx, s.Opener)
		return j, err
	})
}

// GrantOf takes a sound flow of a user to its tokens. An authorization server
// that asks nobody who they are gives no second user one of their own.
func (d *Deployment) GrantOf(ctx context.Context, u User) (*Tokens, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	r, err := d.NewRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	r.User = u
	a, err := d.Authorize(wire.For(ctx, "control"), r)
	if err != nil {
		return nil, err
	}
	if a.Code == "" {
		return nil, d.noCode(ctx, a)
	}
	if !a.Landing.LoggedIn {
		return nil, &Blocked{By: "second user", Owner: reports.AuthServer, Err: errors.New("the authorization server did not ask who signs in")}
	}
	t, err := d.Redeem(ctx, a)
	if err != nil {
		return nil, err
	}
	if !t.Issued() {
		return nil, &Blocked{By: "as-code-flow", Owner: reports.AuthServer, Err: errors.New("no token was issued to " + u.Name)}
	}
	return t, nil
}

// SessionIDs opens sessions one after the other and returns their ids.
func (d *Deployment) SessionIDs(ctx context.Context, n int) ([]string, error) {
	token, err := d.AccessToken(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for range n {
		s, err := d.OpenSession(ctx, token)
		if err != nil {
			return nil, err
		}
		s.End(ctx)
		ids = append(ids, s.ID)
	}
	return ids, nil
}

// WithoutSession makes the protected call of the older wire without a session id,
// with the token that a session was opened with, or with none.
func (d *Deployment) WithoutSession(ctx context.Context, withToken bool) (*Answer, error) {
	return InSession(ctx, d, func(ctx context.Context, s *Session) (*Answer, error) {
		nameless := *s
		nameless.ID = ""
		if !withToken {
			return nameless.Call(ctx, "")
		}
		return nameless.Call(ctx, s.Opener)
	})
}

// An Ended is a session that its opener ended.
type Ended struct {
	End   *Answer
	After *Answer // a call in it; nil if the server did not let it be ended
}

// EndedSession ends a session and calls in it.
func (d *Deployment) EndedSession(ctx context.Context) (*Ended, error) {
	return InSession(ctx, d, func(ctx context.Context, s *Session) (*Ended, error) {
		end, err := s.Delete(ctx, s.Opener)
		if err != nil || end.Status >= 300 {
			return &Ended{End: end}, err
		}
		after, err := s.Call(ctx, s.Opener)
		return &Ended{end, after}, err
	})
}

// ExpiredCalls are calls with an expired token.
type ExpiredCalls struct{ Within, Outside *Answer }

// CallExpired lets a token expire and calls with it in a session that was opened
// with a sound token of the same user, and outside any.
func (d *Deployment) CallExpired(ctx context.Context) (*ExpiredCalls, error) {
	token, err := d.expiredToken(ctx)
	if err != nil {
		return nil, err
	}
	return InSession(ctx, d, func(ctx context.Context, s *Session) (*ExpiredCalls, error) {
		x := &ExpiredCalls{}
		if x.Within, err = s.Call(ctx, token); err != nil {
			return nil, err
		}
		if err := s.sound(ctx); err != nil {
			return nil, err
		}
		_, x.Outside, err = d.initialize(ctx, token, nil)
		return x, err
	})
}

// longExpired is further in the past than any clock or leeway reaches.
const longExpired = time.Hour

// expiredToken signs a token that expired an hour ago or, without the key, waits
// until one has expired.
func (d *Deployment) expiredToken(ctx context.Context) (string, error) {
	signed := false
	if d.Target.Lab != nil {
		var err error
		if signed, err = d.TakesLabTokens(ctx); err != nil {
			return "", err
		}
	}
	if signed {
		genuine, err := d.AccessToken(ctx)
		if err != nil {
			return "", err
		}
		return d.signLike(genuine, tokens.Dated("iat", -2*longExpired), tokens.Dated("exp", -longExpired))
	}
	c, err := d.Client(ctx)
	if err != nil {
		return "", err
	}
	t, err := d.Grant(wire.For(ctx, "control"), c)
	if err != nil {
		return "", err
	}
	lifetime, declared := t.ExpiresIn()
	if !declared || lifetime > d.Target.Wait {
		return "", &Blocked{Owner: reports.Configuration, Err: errors.New("the access token does not expire while the run waits")}
	}
	expired := time.NewTimer(time.Until(t.Response.At.Add(lifetime + time.Second)))
	defer expired.Stop()
	select {
	case <-expired.C:
		return t.Access, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// CallNarrowed opens a session with a token of every scope and calls in it, with
// a token of few, an operation that those do not cover. No such operation: nil.
func (d *Deployment) CallNarrowed(ctx context.Context) (*Answer, error) {
	scoping, err := d.Scoping(ctx)
	if err != nil {
		return nil, err
	}
	refused := scoping.Lacking()
	if len(refused) == 0 {
		return nil, nil
	}
	t := refused[0]
	s, err := d.OpenSession(ctx, scoping.Full.Token)
	if err != nil {
		return nil, err
	}
	defer s.End(ctx)
	control, err := s.CallTool(wire.For(ctx, "control"), scoping.Full.Token, t.ToolCall)
	if err != nil {
		return nil, err
	}
	if !control.Served() {
		return nil, d.Unserved("", reports.ResourceServer, t.Name+" with every scope in a session", control)
	}
	return s.CallTool(wire.For(ctx, "attack"), t.Small.Token, t.ToolCall)
}

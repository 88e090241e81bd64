package probes

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Unasked is what requests that must not show anything come to.
type Unasked struct {
	SignedOut *Authorization // in a browser where nobody has signed in
	New       *Attempt       // of a client that the user never approved; nil if none can be had
}

// PromptNone sends requests with prompt=none (OpenID Connect Core, section 3.1.2.1).
func (d *Deployment) PromptNone(ctx context.Context) (*Unasked, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	silent := []Mutation{With("prompt", "none"), Change("scope", withoutOffline)}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Unasked, error) {
		s, err := d.Sit(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		r, err := d.NewRequest(ctx, c, silent...)
		if err != nil {
			return nil, err
		}
		u := &Unasked{}
		if u.SignedOut, err = s.Authorize(ctx, r, Until(LookOnly)); err != nil || !d.Registers(ctx) {
			return u, err
		}
		in, _, err := d.SignIn(ctx, c)
		if err != nil {
			return nil, err
		}
		defer in.Close()
		unapproved, err := d.Unapproved(ctx)
		if err != nil {
			return nil, err
		}
		if r, err = d.NewRequest(ctx, unapproved, silent...); err != nil {
			return nil, err
		}
		a, err := in.Authorize(ctx, r, Until(LookOnly))
		if err != nil {
			return nil, err
		}
		u.New, err = d.Finish(ctx, a)
		return u, err
	})
}

// withoutOffline leaves out the scope that makes servers ask.
func withoutOffline(scope string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(scope), func(s string) bool { return s == "offline_access" }), " ")
}

// Freshness is how a server takes wishes for a recent login.
type Freshness struct {
	Plain  *Authorization // of the signed-in user, without such a wish
	Prompt *Authorization // prompt=login
	MaxAge *Authorization // max_age=0
	Second *Authorization // max_age=1, two seconds later; nil if that was not needed, or takes too long
	ID     *JWT           // what max_age gives in the end; nil if no ID token was issued
}

// AskFreshly finds out.
func (d *Deployment) AskFreshly(ctx context.Context) (*Freshness, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := d.SessionCookies(ctx); err != nil {
		return nil, err
	}
	return Controlled(ctx, d, c, func(ctx context.Context) (*Freshness, error) { return d.askFreshly(ctx, c) })
}

// ageing is how long after a login a second has passed, whichever way it is rounded.
const ageing = 2100 * time.Millisecond

func (d *Deployment) askFreshly(ctx context.Context, c *Client) (*Freshness, error) {
	s, _, err := d.SignIn(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	login := time.Now()
	ask := func(until Stage, mutations ...Mutation) (*Authorization, error) {
		r, err := d.NewRequest(ctx, c, quietly(mutations...)...)
		if err != nil {
			return nil, err
		}
		a, err := s.Authorize(ctx, r, Until(until))
		if err != nil || until == ToTheEnd {
			return a, err
		}
		return s.beyondConsent(ctx, a, quietly(mutations...)...)
	}
	f := &Freshness{}
	if f.Plain, err = ask(BeforeLogin); err != nil {
		return nil, err
	}
	if f.Prompt, err = ask(BeforeLogin, With("prompt", "login")); err != nil {
		return nil, err
	}
	if f.MaxAge, err = ask(BeforeLogin, With("max_age", "0")); err != nil {
		return nil, err
	}
	if f.MaxAge.Landing.Asks != AsksLogin && d.Target.Wait >= ageing/2 {
		if err := d.pauseUntil(ctx, login.Add(ageing)); err != nil {
			return nil, err
		}
		if f.Second, err = ask(BeforeLogin, With("max_age", "1")); err != nil {
			return nil, err
		}
	}
	more, err := d.askingWho(ctx)
	if err != nil || more == nil {
		return f, err
	}
	again, err := ask(ToTheEnd, append(more, With("max_age", "3600"))...)
	if err != nil {
		return nil, err
	}
	done, err := d.Finish(ctx, again)
	if err == nil && done.Tokens != nil {
		f.ID, _ = DecodeJWT(done.Tokens.ID)
	}
	return f, err
}

package probes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
)

// A ProviderLab is an identity provider of ours, to which an authorization server
// that is a proxy sends its users. It can end what single sign-ins gave: nobody
// else is disturbed.
type ProviderLab interface {
	// Issuer is its identifier.
	Issuer() string
	// End ends all that a code of the identity provider was redeemed for.
	End(ctx context.Context, code string) error
	// Limit has the access token that a code will be redeemed for end after the time,
	// in whole seconds, and nothing renew it.
	Limit(ctx context.Context, code string, lifetime time.Duration) error
}

// providerLab is an identity provider of the reference's.
type providerLab struct{ *reference.AuthServer }

func (l providerLab) End(_ context.Context, code string) error { return l.EndGrant(code) }

func (l providerLab) Limit(_ context.Context, code string, lifetime time.Duration) error {
	return l.LimitGrant(code, lifetime)
}

// WithProvider is the target whose authorization server has users sign in at an
// identity provider of ours.
func (t Target) WithProvider(p *reference.Provider) Target {
	t.Provider, t.Origins = providerLab{p.AuthServer}, append(slices.Clone(t.Origins), p.Issuer())
	t.Users = nil
	for _, u := range p.Users() {
		t.Users = append(t.Users, User(u))
	}
	return t
}

// delegate takes a user of the client through the identity provider to tokens of
// the proxy. What is to be done about the identity provider's code is done before
// the proxy gets it.
func (d *Deployment) delegate(ctx context.Context, c *Client, who User, about func(code string) error) (*Tokens, string, error) {
	s, err := d.Sit(ctx)
	if err != nil {
		return nil, "", err
	}
	defer s.Close()
	sent, err := s.SentTo(ctx, c, By(who))
	if err != nil {
		return nil, "", err
	}
	if own := d.Target.Provider.Issuer(); Origin(sent.Hop.URL) != originOf(own) {
		return nil, "", &Blocked{By: "login", Owner: reports.Configuration, Err: fmt.Errorf("users are sent on to %s, and not to our identity provider %s", Origin(sent.Hop.URL), own)}
	}
	callback, err := s.SignInUpstream(ctx, sent.Hop, who)
	if err != nil {
		return nil, "", err
	}
	code := callback.Query().Get("code")
	if about != nil {
		if err := about(code); err != nil {
			return nil, "", err
		}
	}
	a, err := s.Open(ctx, callback.String(), sent.Request)
	if err == nil && a.Code == "" {
		err = d.noCode(ctx, a)
	}
	if err != nil {
		return nil, "", err
	}
	t, err := d.Redeem(ctx, a)
	if err == nil && !t.Issued() {
		err = &Blocked{By: "as-code-flow", Owner: reports.AuthServer, Err: errors.New("a sound code was not redeemed")}
	}
	return t, code, err
}

// bystander is who has grants that nothing is done about: another user, since a
// server may let a client have one grant of each.
func (d *Deployment) bystander() User { return d.Target.Users[len(d.Target.Users)-1] }

// A Forsaken grant of the proxy is one of which the identity provider no longer
// knows. Its tokens were tried until they were refused, or for Tried.
type Forsaken struct {
	Call    *Answer // the protected call with the access token
	Refresh *Tokens // nil if there was no refresh token
	Tried   time.Duration
	JWT     bool // the access token is one, and so may be honoured without being looked up
}

// forsakenTries is how often the tokens are tried at the most.
const forsakenTries = 5

// useForsaken tries the tokens of a grant until both are refused, for as long as
// the deployment may take to notice (contract.revocation_max, else what the run may
// wait). Whoever looks at such things from time to time needs some of it.
func (d *Deployment) useForsaken(ctx context.Context, t *Tokens) (*Forsaken, error) {
	patience := d.Target.Contract.RevocationMax
	if patience <= 0 {
		patience = d.Target.Wait
	}
	attack := wire.For(ctx, "attack")
	_, isJWT := t.JWT()
	f := &Forsaken{JWT: isJWT}
	began := time.Now()
	for try := 1; ; try++ {
		var err error
		if f.Call, err = d.Call(attack, t.Access); err != nil {
			return nil, err
		}
		if t.Refresh != "" && (f.Refresh == nil || f.Refresh.Issued()) {
			if f.Refresh, err = d.RefreshWith(attack, t); err != nil {
				return nil, err
			}
			t = newest(t, f.Refresh)
		}
		f.Tried = time.Since(began)
		if honoured := f.Call.Served() || f.Refresh.Issued(); !honoured || try == forsakenTries {
			return f, nil
		}
		if err := d.pauseUntil(ctx, began.Add(patience*time.Duration(try)/(forsakenTries-1))); err != nil {
			return nil, err
		}
	}
}

// newest is what to refresh with after a refresh.
func newest(t, next *Tokens) *Tokens {
	switch {
	case !next.Issued():
		return t
	case next.Refresh == "":
		kept := *next
		kept.Refresh = t.Refresh
		return &kept
	}
	return next
}

// honoured errs unless tokens can be used: the access token, and the refresh token
// if there is one. It returns those to go on with.
func (d *Deployment) honoured(ctx context.Context, t *Tokens) (*Tokens, error) {
	if err := d.stillSound(ctx, t.Access); err != nil || t.Refresh == "" {
		return t, err
	}
	next, err := d.soundRefresh(ctx, t)
	if err != nil {
		return nil, err
	}
	return newest(t, next), nil
}

// UseEnded ends what the identity provider gave for a grant, and tries its tokens.
// They worked before, and those of another grant work afterwards.
func (d *Deployment) UseEnded(ctx context.Context) (*Forsaken, error) {
	c, err := d.DisposableClient(ctx)
	if err != nil {
		return nil, err
	}
	control := wire.For(ctx, "control")
	untouched, _, err := d.delegate(control, c, d.bystander(), nil)
	if err != nil {
		return nil, err
	}
	t, code, err := d.delegate(control, c, d.user(), nil)
	if err != nil {
		return nil, err
	}
	if t, err = d.honoured(control, t); err != nil {
		return nil, err
	}
	if err := d.Target.Provider.End(ctx, code); err != nil {
		return nil, err
	}
	f, err := d.useForsaken(ctx, t)
	if err != nil {
		return nil, err
	}
	_, err = d.honoured(control, untouched)
	return f, err
}

// longLimit is a lifetime that does not end during a run.
const longLimit = time.Hour

// UseRunOut lets what the identity provider gave for a grant run out, without
// anything to renew it by, and tries its tokens then. Those of a grant that is
// alike, but for the lifetime, work afterwards.
func (d *Deployment) UseRunOut(ctx context.Context) (*Forsaken, error) {
	c, err := d.DisposableClient(ctx)
	if err != nil {
		return nil, err
	}
	control := wire.For(ctx, "control")
	limited := func(lifetime time.Duration) func(string) error {
		return func(code string) error { return d.Target.Provider.Limit(ctx, code, lifetime) }
	}
	lasting, _, err := d.delegate(control, c, d.bystander(), limited(longLimit))
	if err != nil {
		return nil, err
	}
	lifetime := max(time.Second, (d.Target.Wait / 2).Truncate(time.Second))
	t, _, err := d.delegate(control, c, d.user(), limited(lifetime))
	if err != nil {
		return nil, err
	}
	if err := d.pauseUntil(ctx, time.Now().Add(lifetime+time.Second)); err != nil {
		return nil, err
	}
	f, err := d.useForsaken(ctx, t)
	if err != nil {
		return nil, err
	}
	_, err = d.honoured(control, lasting)
	return f, err
}

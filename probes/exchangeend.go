package probes

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

var (
	// ErrNotRevocable says that access tokens cannot be revoked.
	ErrNotRevocable = errors.New("the authorization server does not revoke access tokens on request")
	// ErrLifetimeUnknown says that nothing tells when a token ends.
	ErrLifetimeUnknown = errors.New("nothing tells when the tokens end")
)

// A RevokedExchange is what came of exchanges after the token that they began
// with was revoked.
type RevokedExchange struct {
	Again  *Tokens // of that token
	Onward *Tokens // of what it had been exchanged for; nil if nobody can exchange that
}

// ExchangeRevoked exchanges a token, revokes it with its grant, and exchanges it
// and the result again. Before the revocation that works.
func (d *Deployment) ExchangeRevoked(ctx context.Context) (*RevokedExchange, error) {
	return Once(d, "revoked exchange", d.exchangeRevoked).Get(ctx)
}

func (d *Deployment) exchangeRevoked(ctx context.Context) (*RevokedExchange, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if !metadata.Has("revocation_endpoint") {
		return nil, ErrNotRevocable
	}
	x, err := d.Exchanger(ctx)
	if err != nil {
		return nil, err
	}
	control, attack := wire.For(ctx, "control"), wire.For(ctx, "attack")
	subject, err := d.ownSubject(control, x)
	if err != nil {
		return nil, err
	}
	first, err := d.exchangeSoundly(control, x.Client, exchangeForm(subject.Access, x.Resource))
	if err != nil {
		return nil, err
	}
	next, resource := d.onward(x)
	onward := exchangeForm(first.Access, resource)
	if next != nil {
		if _, err := d.exchangeSoundly(control, next, onward); err != nil {
			return nil, err
		}
	}
	if err := d.revokeWhole(control, subject); err != nil {
		return nil, err
	}
	r := &RevokedExchange{}
	if r.Again, err = d.TokenRequest(attack, x.Client, exchangeForm(subject.Access, x.Resource)); err != nil {
		return nil, err
	}
	if next != nil {
		if r.Onward, err = d.TokenRequest(attack, next, onward); err != nil {
			return nil, err
		}
	}
	return r, d.after(ctx, "exchange", func(ctx context.Context) error {
		_, err := d.soundExchange(ctx)
		return err
	})
}

// ownSubject is a token to exchange that no other check needs.
func (d *Deployment) ownSubject(ctx context.Context, x *Exchanger) (*Tokens, error) {
	if x.Own {
		return d.Grant(ctx, x.Client)
	}
	c, err := d.revokedClient(ctx)
	if err != nil {
		return nil, err
	}
	return d.Grant(ctx, c, d.exchangeScopes()...)
}

// onward is who may exchange what was exchanged; nil: nobody that is known.
func (d *Deployment) onward(x *Exchanger) (*Client, string) {
	if x.Own || d.NextExchanger() == nil {
		return nil, ""
	}
	return d.NextExchanger(), d.Target.Exchange.NextResource
}

// revokeWhole revokes an access token, and its grant by way of the refresh token,
// if there is one. That it had an effect is shown by the refresh token.
func (d *Deployment) revokeWhole(ctx context.Context, t *Tokens) error {
	res, err := d.Revoke(ctx, t.Client, t.Access, "access_token")
	if err != nil {
		return err
	}
	if t.Refresh == "" && res.Status >= http.StatusMultipleChoices {
		return ErrNotRevocable
	}
	if t.Refresh == "" {
		return nil
	}
	if _, err := d.Revoke(ctx, t.Client, t.Refresh, "refresh_token"); err != nil {
		return err
	}
	used, err := d.RefreshWith(ctx, t)
	if err == nil && used.Issued() {
		err = &Blocked{By: "as-revocation-works", Owner: reports.AuthServer, Err: errors.New("a revoked refresh token still works")}
	}
	return err
}

// A LateExchange is what came of exchanging a token, and then the result, some
// time after it was issued.
type LateExchange struct {
	Over      time.Duration // by which what was exchanged lives longer
	Renewable bool          // exchanging that one gave a still longer life
}

// lateBy is how long a token is left to age before it is exchanged: longer than
// the second to which lifetimes are told.
const lateBy = 1500 * time.Millisecond

// LateExchange lets a token age, exchanges it, and after another while exchanges
// what came of it.
func (d *Deployment) LateExchange(ctx context.Context) (*LateExchange, error) {
	x, err := d.Exchanger(ctx)
	if err != nil {
		return nil, err
	}
	next, resource := d.onward(x)
	if x.Own {
		next, resource = x.Client, x.Resource
	}
	source, err := d.ownSubject(wire.For(ctx, "control"), x)
	if err != nil {
		return nil, err
	}
	var ends []time.Time
	end, known := endOf(source)
	ends = append(ends, end)
	current := source
	for _, hop := range []struct {
		client   *Client
		resource string
	}{{x.Client, x.Resource}, {next, resource}} {
		if !known {
			return nil, ErrLifetimeUnknown
		}
		if hop.client == nil {
			break
		}
		select {
		case <-time.After(lateBy):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		t, err := d.TokenRequest(wire.For(ctx, "attack"), hop.client, exchangeForm(current.Access, hop.resource))
		if err != nil {
			return nil, err
		}
		if !t.Issued() {
			break
		}
		end, known = endOf(t)
		ends = append(ends, end)
		current = t
	}
	if len(ends) == 1 {
		_, err := d.soundExchange(ctx)
		return &LateExchange{}, err
	}
	late := &LateExchange{Over: ends[1].Sub(ends[0]).Round(time.Second)}
	late.Renewable = late.Over > 0 && len(ends) == 3 && ends[2].Sub(ends[1]) >= lateBy-time.Second
	return late, nil
}

// endOf is when an access token ends, as it says or as the answer does.
func endOf(t *Tokens) (time.Time, bool) {
	if jwt, ok := t.JWT(); ok {
		if exp, ok := jwt.Claims.Number("exp"); ok {
			return time.Unix(int64(exp), 0), true
		}
	}
	lifetime, ok := t.ExpiresIn()
	return t.Response.At.Add(lifetime), ok
}

// WithIDToken takes the run's client to tokens with an ID token, where the server
// says that it issues them. Else there is none.
func (d *Deployment) WithIDToken(ctx context.Context) (*Tokens, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if scopes, _ := metadata.Strings("scopes_supported"); !slices.Contains(scopes, "openid") {
		return &Tokens{}, nil
	}
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return d.idTokenOf(ctx, c)
}

// TokenForOther is a genuine token for the other resource.
func (d *Deployment) TokenForOther(ctx context.Context) (string, error) {
	return Once(d, "token for the other resource", d.foreignToken).Get(ctx)
}

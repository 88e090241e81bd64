package probes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
)

// An IntrospectionLab chooses what the introspection endpoint, which the resource
// server asks, answers about single tokens. Nobody else's are disturbed.
type IntrospectionLab interface {
	// Answer has questions about the token answered so from now on.
	Answer(ctx context.Context, token string, a IntrospectionAnswer) error
	// Asked is how often the token was asked about since it was first answered so.
	Asked(ctx context.Context, token string) (int, error)
}

// An IntrospectionAnswer is one answer.
type IntrospectionAnswer struct {
	Status int
	Header http.Header
	Body   []byte
	Hang   bool // nothing is answered until the other side gives up
	Drop   bool // the connection is closed
}

// introspectionLab is the reference authorization server's.
type introspectionLab struct{ server *reference.AuthServer }

func (l introspectionLab) Answer(_ context.Context, token string, a IntrospectionAnswer) error {
	l.server.AnswerIntrospection(token, reference.Oddity(a))
	return nil
}

func (l introspectionLab) Asked(_ context.Context, token string) (int, error) {
	return l.server.Introspected(token), nil
}

// ErrNotIntrospecting says that the resource server does not ask about tokens.
var ErrNotIntrospecting = errors.New("the resource server does not ask the authorization server about tokens")

// An OddAnswer is what introspection says of a token.
type OddAnswer struct {
	Name   string // completes "a token of which introspection …"
	Answer IntrospectionAnswer
}

// ActiveMembers are the members of a sound introspection answer, fresh, that
// make a made-up token as good as that of the run's user (RFC 7662, section 2.2).
func (d *Deployment) ActiveMembers(ctx context.Context) (map[string]any, error) {
	t, err := d.Baseline(ctx)
	if err != nil {
		return nil, err
	}
	claims, err := d.Described(ctx, t.Access)
	if err != nil {
		return nil, err
	}
	members := map[string]any{}
	if claims != nil {
		for name, value := range claims.Members {
			members[name] = value
		}
	} else if members, err = d.guessedMembers(ctx); err != nil {
		return nil, err
	}
	maps.Copy(members, map[string]any{
		"active": true, "token_type": "Bearer", "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
	})
	return members, nil
}

// guessedMembers are what a sound answer has where no genuine one can be had.
func (d *Deployment) guessedMembers(ctx context.Context) (map[string]any, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	c, err := d.Client(ctx)
	return map[string]any{"iss": x.Issuer, "sub": d.user().Name, "aud": resource, "client_id": c.ID}, err
}

// Active is a sound answer whose members are changed; those that are nil are left
// out.
func Active(members map[string]any, change map[string]any) IntrospectionAnswer {
	all := maps.Clone(members)
	for name, value := range change {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	body, err := json.Marshal(all)
	if err != nil {
		body = []byte("{}")
	}
	return IntrospectionAnswer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
}

// oddToken makes a token up of which introspection is to say what it is told.
func (d *Deployment) oddToken(ctx context.Context, a IntrospectionAnswer) (string, error) {
	token := NewVerifier()
	d.wire.Redactor.Learn("access_token", token)
	return token, d.Target.Introspection.Answer(ctx, token, a)
}

// soundOddly calls with a token of which introspection says that it is sound.
func (d *Deployment) soundOddly(ctx context.Context) error {
	members, err := d.ActiveMembers(ctx)
	if err != nil {
		return err
	}
	token, err := d.oddToken(ctx, Active(members, nil))
	if err != nil {
		return err
	}
	a, err := d.Call(wire.For(ctx, "control"), token)
	if err != nil {
		return err
	}
	asked, err := d.Target.Introspection.Asked(ctx, token)
	switch {
	case err != nil:
		return err
	case asked == 0:
		return ErrNotIntrospecting
	case !a.Served():
		return &Blocked{By: "introspection lab", Owner: reports.Configuration,
			Err: fmt.Errorf("a token of which introspection says that it is sound was %s", a.Said())}
	}
	return nil
}

// Introspects errs with ErrNotIntrospecting if the resource server does not ask,
// or not as RFC 7662 has it.
func (d *Deployment) Introspects(ctx context.Context) error {
	_, err := Once(d, "introspects", func(ctx context.Context) (bool, error) {
		if _, err := d.FirstCall(ctx); err != nil {
			return false, err
		}
		return true, d.soundOddly(ctx)
	}).Get(ctx)
	return err
}

// TryIntrospection calls with made-up tokens of which introspection says this and
// that, all at once, between two of which it says that they are sound.
func (d *Deployment) TryIntrospection(make func(members map[string]any) []OddAnswer) *Future[[]Varied] {
	return Start(d, func(ctx context.Context) ([]Varied, error) {
		if err := d.Introspects(ctx); err != nil {
			return nil, err
		}
		members, err := d.ActiveMembers(ctx)
		if err != nil {
			return nil, err
		}
		odd := make(members)
		var futures []*Future[*Answer]
		for _, o := range odd {
			token, err := d.oddToken(ctx, o.Answer)
			if err != nil {
				return nil, err
			}
			futures = append(futures, Start(d, func(ctx context.Context) (*Answer, error) {
				return d.Call(wire.For(ctx, "attack"), token)
			}))
		}
		var all []Varied
		for i, f := range futures {
			answer, err := f.Await(ctx)
			if errors.Is(err, wire.ErrLimited) || ctx.Err() != nil {
				return nil, fmt.Errorf("a token of which introspection %s: %w", odd[i].Name, err)
			}
			all = append(all, Varied{odd[i].Name, answer, err})
		}
		return all, d.after(ctx, "introspection", d.soundOddly)
	})
}

// A CachedIntrospection is what was seen of a resource server's memory of
// introspection answers.
type CachedIntrospection struct {
	Refused  bool          // a token was, after introspection had changed its mind
	Window   time.Duration // how long that took, or how long was waited
	Collided []string      // tokens that were taken for another
	Outlived bool          // a token was served after its end, unlike a fresh one
}

// cachePoll is how often a token is tried that should be refused soon.
const cachePoll = 250 * time.Millisecond

// WatchCache sees how long the resource server goes by what introspection said
// once, and for which tokens.
func (d *Deployment) WatchCache(ctx context.Context) (*CachedIntrospection, error) {
	if err := d.Introspects(ctx); err != nil {
		return nil, err
	}
	members, err := d.ActiveMembers(ctx)
	if err != nil {
		return nil, err
	}
	c := &CachedIntrospection{}
	if c.Collided, err = d.collisions(ctx, members); err != nil {
		return nil, err
	}
	if c.Outlived, err = d.outlives(ctx, members); err != nil {
		return nil, err
	}
	if err := d.changeMind(ctx, members, c); err != nil {
		return nil, err
	}
	return c, d.after(ctx, "introspection", d.soundOddly)
}

var inactive = IntrospectionAnswer{
	Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"active":false}`),
}

// changeMind has introspection end a token that was in use, and waits for it to
// be refused.
func (d *Deployment) changeMind(ctx context.Context, members map[string]any, c *CachedIntrospection) error {
	token, err := d.oddToken(ctx, Active(members, nil))
	if err != nil {
		return err
	}
	if a, err := d.Call(wire.For(ctx, "control"), token); err != nil || !a.Served() {
		return errors.Join(err, errors.New("a sound token was refused"))
	}
	if err := d.Target.Introspection.Answer(ctx, token, inactive); err != nil {
		return err
	}
	c.Refused, c.Window, err = d.untilLost(ctx, token)
	return err
}

// untilLost calls with a token again and again until it is refused, or the run
// may wait no longer.
func (d *Deployment) untilLost(ctx context.Context, token string) (bool, time.Duration, error) {
	return d.poll(ctx, func(ctx context.Context) (bool, error) {
		a, err := d.Call(wire.For(ctx, "attack"), token)
		return err == nil && !a.Served(), err
	})
}

// collisions are tokens that introspection knows to be inactive, and that were
// served because they resemble one that it knows to be active.
func (d *Deployment) collisions(ctx context.Context, members map[string]any) ([]string, error) {
	token, err := d.oddToken(ctx, Active(members, nil))
	if err != nil {
		return nil, err
	}
	var taken []string
	for _, other := range []credential{
		{"one that differs in its last character", token[:len(token)-1] + "-"},
		{"one that only begins alike", token[:len(token)/2+4] + NewVerifier()[:16]},
		{"one that differs in case", swapCase(token)},
	} {
		if other.value == token {
			continue
		}
		if err := d.Target.Introspection.Answer(ctx, other.value, inactive); err != nil {
			return nil, err
		}
		if a, err := d.Call(wire.For(ctx, "control"), token); err != nil || !a.Served() {
			return nil, errors.Join(err, errors.New("a sound token was refused"))
		}
		a, err := d.Call(wire.For(ctx, "attack"), other.value)
		if err != nil {
			return nil, err
		}
		if a.Served() {
			taken = append(taken, other.name)
		}
	}
	return taken, nil
}

func swapCase(token string) string {
	swapped := []byte(token)
	for i, c := range swapped {
		switch {
		case 'a' <= c && c <= 'z':
			swapped[i] = c - 'a' + 'A'
		case 'A' <= c && c <= 'Z':
			swapped[i] = c - 'A' + 'a'
		}
	}
	return string(swapped)
}

// mostLeeway is how far past its end a token is tried when the server's leeway is
// looked for, in seconds.
const mostLeeway = 8

// outlives tells whether a token that is in use is served past the end at which a
// fresh one is refused. The server's leeway is found first: that is its own affair.
func (d *Deployment) outlives(ctx context.Context, members map[string]any) (bool, error) {
	ended := func(ctx context.Context, seconds int) (string, bool, error) {
		token, err := d.oddToken(ctx, Active(members, map[string]any{"exp": time.Now().Add(-time.Duration(seconds) * time.Second).Unix()}))
		if err != nil {
			return "", false, err
		}
		a, err := d.Call(wire.For(ctx, "attack"), token)
		return token, err == nil && a.Served(), err
	}
	oldest, refusedAt := "", -1
	for seconds := -2; seconds <= mostLeeway; seconds++ {
		token, served, err := ended(ctx, seconds)
		if err != nil {
			return false, err
		}
		if !served {
			refusedAt = seconds
			break
		}
		oldest = token
	}
	if oldest == "" || refusedAt < -1 {
		return false, nil // the leeway is too long to wait for, or there is nothing to see
	}
	select {
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	a, err := d.Call(wire.For(ctx, "attack"), oldest)
	return err == nil && a.Served(), err
}

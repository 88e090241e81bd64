package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// CallProven makes the protected call with a bound token, proven as said, and once
// more if the server asks for a nonce of its own.
func (d *Deployment) CallProven(ctx context.Context, p *Proven, v Proving) (*Answer, error) {
	scheme := v.Scheme
	if scheme == "" {
		scheme = schemeDPoP
	}
	send := func() (a *Answer, again bool, err error) {
		var failed error
		a, err = d.Call(ctx, "", func(m *Message) { // each message has a proof of its own
			method, target := m.HTTPMethod, m.URL
			if method == "" {
				method = http.MethodPost
			}
			if target == "" {
				target = d.Endpoint.String()
			}
			proofs, err := v.proofs(p.Holder, method, target, p.Access)
			failed = errors.Join(failed, err)
			m.Header.Set("Authorization", scheme+" "+p.Access)
			m.Header[schemeDPoP] = proofs
		})
		if err = errors.Join(err, failed); err != nil {
			return nil, false, err
		}
		holder := p.Holder
		if v.By != nil {
			holder = v.By
		}
		return a, holder.learn(d.Endpoint.String(), a.Response), nil
	}
	a, again, err := send()
	if err == nil && again && !a.Served() && !v.None && v.Sent == nil {
		a, _, err = send()
	}
	return a, err
}

// soundProvenCall makes the protected call as a client with a bound token does,
// and returns the token.
func (d *Deployment) soundProvenCall(ctx context.Context) (*Proven, error) {
	p, err := d.BoundTokens(ctx)
	if err != nil {
		return nil, err
	}
	a, err := d.CallProven(wire.For(ctx, "control"), p, Proving{})
	switch {
	case err != nil:
		return nil, err
	case a.Served():
		return p, nil
	}
	if typed, readable, bound := p.BoundTo(); !typed || readable && !bound {
		return nil, &Blocked{By: "as-dpop-token-bound", Owner: reports.AuthServer,
			Err: errors.New("the token request had a sound proof, and the token is not bound to its key")}
	}
	return nil, &Blocked{By: "rs-dpop-accepted", Owner: reports.ResourceServer,
		Err: fmt.Errorf("the protected call with a bound token and a sound proof was %s", a.Said())}
}

// ProvenCall is the protected call with a bound token and a sound proof.
func (d *Deployment) ProvenCall(ctx context.Context) (*Answer, error) {
	p, err := d.soundProvenCall(ctx)
	if err != nil {
		return nil, err
	}
	return d.CallProven(wire.For(ctx, "control"), p, Proving{})
}

// ServesProven tells whether the resource server understands DPoP: it says so, or
// it does.
func (d *Deployment) ServesProven(ctx context.Context) (bool, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return false, err
	}
	if x.PRM != nil {
		required, _ := x.PRM.Document.Bool("dpop_bound_access_tokens_required")
		if listed, _ := x.PRM.Document.Strings(algorithmsDPoP); required || len(listed) > 0 {
			return true, nil
		}
	}
	if slices.ContainsFunc(x.Challenges, func(c wire.Challenge) bool { return c.Is(schemeDPoP) }) {
		return true, nil
	}
	if x.AS == nil || !x.AS.Document.Has(algorithmsDPoP) {
		return false, nil
	}
	return Once(d, "resource server understands DPoP", func(ctx context.Context) (bool, error) {
		_, err := d.view(ctx).soundProvenCall(ctx)
		if b := (*Blocked)(nil); errors.As(err, &b) && b.By == "rs-dpop-accepted" {
			return false, nil
		}
		return err == nil, err
	}).Get(ctx)
}

// TryProvings makes the protected call with a bound token in several ways, between
// two sound calls with it.
func (d *Deployment) TryProvings(provings func(p *Proven) ([]Proving, error)) *Future[[]Varied] {
	return Start(d, func(ctx context.Context) ([]Varied, error) {
		return d.provings(ctx, func(_ context.Context, p *Proven) ([]Proving, error) { return provings(p) })
	})
}

func (d *Deployment) provings(ctx context.Context, provings func(context.Context, *Proven) ([]Proving, error)) ([]Varied, error) {
	p, err := d.soundProvenCall(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.closedToGarbage(ctx); err != nil {
		return nil, err
	}
	tried, err := provings(ctx, p)
	if err != nil {
		return nil, err
	}
	var all []Varied
	for _, v := range tried {
		answer, err := d.CallProven(wire.For(ctx, "attack"), p, v)
		if errors.Is(err, wire.ErrLimited) || ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		all = append(all, Varied{v.Name, answer, err})
	}
	return all, d.stillProven(ctx, p)
}

// stillProven makes the protected call with a bound token that has worked before.
func (d *Deployment) stillProven(ctx context.Context, p *Proven) error {
	a, err := d.CallProven(wire.For(ctx, "control"), p, Proving{})
	if err == nil && !a.Served() {
		err = &Blocked{By: "rs-dpop-accepted", Owner: reports.ResourceServer,
			Err: fmt.Errorf("the protected call with a bound token that has worked before was %s", a.Said())}
	}
	return err
}

// TryOtherKey presents the bound token with a proof by another key.
func (d *Deployment) TryOtherKey() *Future[[]Varied] {
	return Start(d, func(ctx context.Context) ([]Varied, error) {
		return d.provings(ctx, func(ctx context.Context, p *Proven) ([]Proving, error) {
			other, err := d.NewHolder(ctx)
			if err != nil {
				return nil, err
			}
			other.adopt(p.Holder)
			return []Proving{{Name: "by another key than the token's", By: other}}, nil
		})
	})
}

// ReplayProof sends one proof twice, the second time right after it has worked.
func (d *Deployment) ReplayProof(ctx context.Context) (*Answer, error) {
	p, err := d.soundProvenCall(ctx)
	if err != nil {
		return nil, err
	}
	era, err := d.Era(ctx)
	if err != nil {
		return nil, err
	}
	if !era.IsModern() {
		return d.replayInHandshake(ctx, p)
	}
	proofs, err := Proving{}.proofs(p.Holder, http.MethodPost, d.Endpoint.String(), p.Access)
	if err != nil {
		return nil, err
	}
	first, err := d.CallProven(wire.For(ctx, "control"), p, Proving{Sent: proofs})
	if err != nil {
		return nil, err
	}
	if !first.Served() {
		return nil, &Blocked{By: "rs-dpop-accepted", Owner: reports.ResourceServer, Err: fmt.Errorf("a sound proof was %s", first.Said())}
	}
	again, err := d.CallProven(wire.For(ctx, "attack"), p, Proving{Sent: proofs})
	if err != nil {
		return nil, err
	}
	return again, d.stillProven(ctx, p)
}

// replayInHandshake does so where the protected call takes several messages: all
// of them have the same proof.
func (d *Deployment) replayInHandshake(ctx context.Context, p *Proven) (*Answer, error) {
	proofs, err := Proving{}.proofs(p.Holder, http.MethodPost, d.Endpoint.String(), p.Access)
	if err != nil {
		return nil, err
	}
	again, err := d.CallProven(wire.For(ctx, "attack"), p, Proving{Sent: proofs})
	if err != nil {
		return nil, err
	}
	return again, d.stillProven(ctx, p)
}

// GivesNonces tells whether the resource server hands out nonces for proofs.
func (d *Deployment) GivesNonces(ctx context.Context) (Nonces, error) {
	p, err := d.soundProvenCall(ctx)
	if err != nil {
		return Nonces{}, err
	}
	return p.Holder.noncesOf(d.Endpoint.String()), nil
}

// BoundForeignToken presents a bound token for another resource, soundly proven,
// between two sound calls. A server that takes unbound tokens for it too leaves
// nothing to say about bound ones.
func (d *Deployment) BoundForeignToken(ctx context.Context) (*Answer, error) {
	if _, err := d.soundProvenCall(ctx); err != nil {
		return nil, err
	}
	c, err := d.ProvingClient(ctx)
	if err != nil {
		return nil, err
	}
	h, err := d.NewHolder(ctx)
	if err != nil {
		return nil, err
	}
	p, err := d.ProvenGrant(wire.For(ctx, "control"), c, h, With("resource", d.Target.OtherResource))
	if err != nil {
		return nil, err
	}
	if jwt, ok := p.JWT(); ok && !slices.Contains(jwt.Audience(), d.Target.OtherResource) {
		return nil, &Blocked{By: "as-audience-follows-resource", Owner: reports.AuthServer,
			Err: fmt.Errorf("the token for %q is for %q", d.Target.OtherResource, jwt.Audience())}
	}
	a, err := d.CallProven(wire.For(ctx, "attack"), p, Proving{})
	if err != nil {
		return nil, err
	}
	if _, err := d.soundProvenCall(ctx); err != nil || !a.Served() {
		return a, err
	}
	plain, err := d.ForeignToken(ctx)
	if err != nil {
		return nil, err
	}
	if plain.Served() {
		return nil, &Blocked{By: "rs-audience-validated", Owner: reports.ResourceServer, Err: errors.New("tokens for another resource are taken")}
	}
	return a, nil
}

// ChallengedDPoP is the error of the DPoP challenge in an answer; ok is false if
// there is none.
func (a *Answer) ChallengedDPoP() (code string, ok bool) {
	challenges, _ := wire.Challenges(a.Header)
	for _, c := range challenges {
		if c.Is(schemeDPoP) {
			code, _ = c.Get("error")
			return code, true
		}
	}
	return "", false
}

// AgedProofs are provings that differ from a sound one in when they were made.
func AgedProofs(ages ...time.Duration) []Proving {
	var all []Proving
	for _, age := range ages {
		name := "made " + age.String() + " ago"
		if age < 0 {
			name = "made " + (-age).String() + " from now"
		}
		all = append(all, Proving{Name: strings.ReplaceAll(name, "m0s", "m"), Mutate: []tokens.Mutation{tokens.Dated("iat", -age)}})
	}
	return all
}

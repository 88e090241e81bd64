package probes

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// OtherKinds presents to the MCP endpoint, in place of an access token, whatever
// else a client holds: what it is, and what became of it.
func (d *Deployment) OtherKinds(ctx context.Context) ([]Varied, error) {
	held, err := d.held(ctx)
	if err != nil {
		return nil, err
	}
	var variations []Variation
	for _, h := range held {
		variations = append(variations, Bearing(h.name, func(string) string { return "Bearer " + h.value }))
	}
	return d.GuardedCalls(ctx, variations...)
}

type credential struct{ name, value string }

// held is what the run's client holds besides access tokens.
func (d *Deployment) held(ctx context.Context) ([]credential, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Baseline(ctx)
	if err != nil {
		return nil, err
	}
	id, err := d.idToken(ctx, c)
	if err != nil {
		return nil, err
	}
	unredeemed, err := d.Code(wire.For(ctx, "control"), c)
	if err != nil {
		return nil, err
	}
	manager, _ := c.Metadata.String("registration_access_token")
	all := []credential{
		{"a refresh token", t.Refresh}, {"an ID token", id}, {"an authorization code", unredeemed.Code},
		{"a client secret", c.Secret}, {"a registration access token", manager}, {"a client id", c.ID},
	}
	return slices.DeleteFunc(all, func(c credential) bool { return c.value == "" }), nil
}

// idToken is an ID token, if the server issues any: with the run's scopes, or when
// asked for one.
func (d *Deployment) idToken(ctx context.Context, c *Client) (string, error) {
	t, err := d.Baseline(ctx)
	if err != nil || t.ID != "" {
		return t.idOrNone(), err
	}
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return "", err
	}
	if supported, _ := metadata.Strings("scopes_supported"); !slices.Contains(supported, "openid") {
		return "", nil
	}
	a, err := d.Attempt(wire.For(ctx, "control"), c, []Mutation{
		Change("scope", func(scope string) string { return strings.TrimSpace("openid " + scope) }), With("nonce", NewVerifier()),
	}, nil)
	if err != nil || a.Tokens == nil {
		return "", err
	}
	return a.Tokens.ID, nil
}

func (t *Tokens) idOrNone() string {
	if t == nil {
		return ""
	}
	return t.ID
}

// A Refusal is the answer to a request whose token was not accepted.
type Refusal struct {
	Name string
	*Answer
	token string
}

// Echoed is where the answer repeats the token, or a part of it that is long
// enough to be used or recognised; empty if nowhere.
func (r *Refusal) Echoed() string {
	part := r.token
	if i := strings.LastIndexByte(part, '.'); i > 0 {
		part = part[i+1:] // the signature: what makes the token work
	}
	part = part[:min(len(part), 40)]
	if strings.Contains(string(r.Body), part) {
		return "the body"
	}
	for name, values := range r.Header {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, part) }) {
			return "the header " + name
		}
	}
	return ""
}

// Refusals provokes the refusal of tokens of several kinds: unknown, malformed
// and, where access tokens are JWTs, broken and signed by somebody else.
func (d *Deployment) Refusals(ctx context.Context) ([]Refusal, error) {
	sound, err := d.soundCall(ctx)
	if err != nil {
		return nil, err
	}
	bad := []credential{{"an unknown token", NewVerifier()}, {"a token with odd characters", NewVerifier() + "%00{}"}}
	if _, ok := DecodeJWT(sound); ok {
		attacker, err := tokens.NewAttacker()
		if err != nil {
			return nil, err
		}
		for _, f := range []tokens.Recipe{attacker.SameKeyID(), tokens.Altered("sub", "mcpassay"), tokens.BrokenSignatures()[0]} {
			if forged, err := f.Make(sound); err == nil {
				bad = append(bad, credential{"a token " + f.Name, forged})
			}
		}
	}
	var all []Refusal
	for _, b := range bad {
		a, err := d.Call(wire.For(ctx, "attack"), b.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.name, err)
		}
		if a.Status >= http.StatusBadRequest {
			all = append(all, Refusal{b.name, a, b.value})
		}
	}
	_, err = d.soundCall(ctx)
	return all, err
}

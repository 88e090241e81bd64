package probes

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// ActorsTaken leaves a mark as a user, and returns the tokens of others that are
// shown it because the user occurs in their act. First a token of the user with
// an actor has to be served as the user's.
func (d *Deployment) ActorsTaken(ctx context.Context) (taken, malformed []string, err error) {
	sound, err := d.LabToken(ctx)
	if err != nil {
		return nil, nil, err
	}
	user, agent := "mcpassay-user-"+strings.ToLower(NewVerifier()[:12]), "mcpassay-agent-"+strings.ToLower(NewVerifier()[:12])
	mint := func(subject string, act any) (string, error) {
		claims := []tokens.Mutation{tokens.Claim("sub", subject)}
		if act != nil {
			claims = append(claims, tokens.Claim("act", act))
		}
		if len(d.Target.Effect.Scopes) > 0 {
			claims = append(claims, tokens.Claim("scope", strings.Join(d.Target.Effect.Scopes, " ")))
		}
		return d.Target.Lab.With("for a user", claims...).Make(sound)
	}
	own, err := mint(user, nil)
	if err != nil {
		return nil, nil, err
	}
	mark, a, err := d.do(wire.For(ctx, "control"), own, own)
	if err != nil {
		return nil, nil, err
	}
	if !a.Served() {
		return nil, nil, ErrUnknownSubject
	}
	if seen, err := d.sees(wire.For(ctx, "control"), own, mark); err != nil || !seen {
		return nil, nil, errors.Join(err, ErrUnknownSubject)
	}
	actor := func(subject string) map[string]any { return map[string]any{"sub": subject} }
	shown := func(subject string, act any) (served, mine bool, err error) {
		token, err := mint(subject, act)
		if err != nil {
			return false, false, err
		}
		a, err := d.CallTool(wire.For(ctx, "attack"), token, d.Target.Effect.See)
		if err != nil {
			return false, false, err
		}
		return a.Served(), a.Served() && strings.Contains(string(a.Result), mark), nil
	}
	for _, t := range []struct {
		name string
		act  any
	}{
		{"the user as actor", actor(user)},
		{"the user as an earlier actor", map[string]any{"sub": "another", "act": actor(user)}},
	} {
		_, mine, err := shown(agent, t.act)
		if err != nil {
			return nil, nil, err
		}
		if mine {
			taken = append(taken, t.name)
		}
	}
	served, mine, err := shown(user, actor(agent))
	if err != nil {
		return nil, nil, err
	}
	if served && !mine {
		taken = append(taken, "an actor in place of the user, who is no longer the one who is served")
	}
	for _, t := range []struct {
		name string
		act  any
	}{{"text", user}, {"an array", []string{user}}, {"an object without sub", map[string]any{"iss": "https://other.example"}}} {
		served, mine, err := shown(agent, t.act)
		if err != nil {
			return nil, nil, err
		}
		if mine {
			taken = append(taken, "an act that is "+t.name)
		}
		if served {
			malformed = append(malformed, t.name)
		}
	}
	_, err = d.soundCall(ctx)
	return taken, malformed, err
}

// identityFields are header fields in which gateways tell the servers behind them
// who calls.
var identityFields = []string{
	"X-Authenticated-Userid", "X-Forwarded-User", "X-Remote-User", "X-User", "X-User-Id", "X-Userinfo", "X-Access-Token",
	"X-Jwt-Assertion", "X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity", "X-Introspection", "X-Goog-Authenticated-User-Id",
}

// claimUser says in every such field that somebody else calls, in the field's own
// way: by name, or by a JWT that the suite has signed.
func claimUser(user, jwt string) MessageMutation {
	return func(m *Message) {
		for _, name := range identityFields {
			switch name {
			case "X-Jwt-Assertion", "X-Amzn-Oidc-Data", "X-Access-Token":
				m.Header.Set(name, jwt)
			case "X-Userinfo", "X-Introspection":
				m.Header.Set(name, `{"active":true,"sub":"`+user+`"}`)
			default:
				m.Header.Set(name, user)
			}
		}
	}
}

// Gateway is what came of going round a gateway.
type Gateway struct {
	Bare    []Varied // calls without a good token that claim to be a user's
	Changed bool     // header fields changed whose call one with a good token is
	Seen    bool     // whether that could be seen
	Inner   *Answer  // a call with a JWT such as the server behind the gateway gets; nil: none can be made
}

// BypassGateway calls as if a gateway had already said who calls.
func (d *Deployment) BypassGateway(ctx context.Context) (*Gateway, error) {
	token, err := d.FirstCall(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.closedToGarbage(ctx); err != nil {
		return nil, err
	}
	attacker, err := tokens.NewIssuer("https://gateway.mcpassay.example")
	if err != nil {
		return nil, err
	}
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	resource, err := d.Resource(ctx)
	if err != nil {
		return nil, err
	}
	user := d.user().Name
	made, err := attacker.Mint(tokens.Claims{"iss": x.Issuer, "sub": user, "aud": resource, "client_id": ClientName},
		tokens.Dated("iat", 0), tokens.Dated("exp", 5*time.Minute))
	if err != nil {
		return nil, err
	}
	g := &Gateway{}
	for _, c := range []credential{{"a JWT of our own", made}, {"header fields and no token", ""}, {"header fields and an unknown token", NewVerifier()}} {
		a, err := d.Call(wire.For(ctx, "attack"), c.value, claimUser(user, made))
		g.Bare = append(g.Bare, Varied{c.name, a, err})
	}
	if err := d.changeUser(ctx, g, made); err != nil {
		return nil, err
	}
	if d.Target.Lab != nil {
		inner, err := d.mintLike(ctx, token)
		if err != nil {
			return nil, err
		}
		if g.Inner, err = d.Call(wire.For(ctx, "attack"), inner); err != nil {
			return nil, err
		}
	}
	return g, d.ControlCall(ctx)
}

// changeUser leaves a mark with a good token, and looks for it with the same token
// beside header fields that name somebody else.
func (d *Deployment) changeUser(ctx context.Context, g *Gateway, jwt string) error {
	if d.Target.Effect == nil {
		return nil
	}
	c, err := d.effectClient(ctx)
	if err != nil {
		return err
	}
	var scopes []Mutation
	if len(d.Target.Effect.Scopes) > 0 {
		scopes = append(scopes, With("scope", strings.Join(d.Target.Effect.Scopes, " ")))
	}
	t, err := d.Grant(wire.For(ctx, "control"), c, scopes...)
	if err != nil {
		return err
	}
	mark, _, err := d.do(wire.For(ctx, "control"), t.Access, t.Access)
	if err != nil {
		return err
	}
	seen, err := d.sees(wire.For(ctx, "control"), t.Access, mark)
	if err != nil || !seen {
		return err
	}
	a, err := d.CallTool(wire.For(ctx, "attack"), t.Access, d.Target.Effect.See, claimUser("mcpassay-somebody-else", jwt))
	if err != nil {
		return err
	}
	g.Seen, g.Changed = true, a.Served() && !strings.Contains(string(a.Result), mark)
	return nil
}

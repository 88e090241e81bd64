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

// TryForgeries presents forgeries of a sound access token between two sound
// calls. It needs access tokens that are JWTs.
func (d *Deployment) TryForgeries(forgeries ...tokens.Recipe) *Future[[]Varied] {
	return Start(d, func(ctx context.Context) ([]Varied, error) { return d.GuardedForgeries(ctx, forgeries...) })
}

// GuardedForgeries is TryForgeries within a probe.
func (d *Deployment) GuardedForgeries(ctx context.Context, forgeries ...tokens.Recipe) ([]Varied, error) {
	sound, err := d.soundCall(ctx)
	if err != nil {
		return nil, err
	}
	return d.present(ctx, sound, forgeries)
}

// present makes the protected call with forgeries of a token that works, and
// shows afterwards that it still does.
func (d *Deployment) present(ctx context.Context, sound string, forgeries []tokens.Recipe) ([]Varied, error) {
	if err := d.closedToGarbage(ctx); err != nil {
		return nil, err
	}
	var all []Varied
	for _, f := range forgeries {
		forged, err := f.Make(sound)
		if err != nil {
			all = append(all, Varied{Name: f.Name, Err: err})
			continue
		}
		answer, err := d.Call(wire.For(ctx, "attack"), forged)
		if errors.Is(err, wire.ErrLimited) || ctx.Err() != nil {
			return nil, fmt.Errorf("a token %s: %w", f.Name, err)
		}
		all = append(all, Varied{f.Name, answer, err})
	}
	return all, d.stillSound(ctx, sound)
}

// stillSound makes the protected call with a token that has worked before.
func (d *Deployment) stillSound(ctx context.Context, token string) error {
	a, err := d.Call(wire.For(ctx, "control"), token)
	if err == nil && !a.Served() {
		err = d.soundRefused(ctx, token, a)
	}
	return err
}

// TakesLabTokens tells whether the resource server takes tokens signed with the
// lab's key for those of its authorization server. It need not: it may look every
// token up instead of verifying it.
func (d *Deployment) TakesLabTokens(ctx context.Context) (bool, error) {
	token, err := d.lab.Get(ctx)
	return token != "", err
}

// firstLabToken mints a sound token and tries it. It is empty if the server looks
// tokens up.
func (b *bench) firstLabToken(ctx context.Context) (string, error) {
	d := b.view(ctx)
	sound, err := d.soundCall(ctx)
	if err != nil {
		return "", err
	}
	_, isJWT := DecodeJWT(sound)
	minted, err := d.mintLike(ctx, sound)
	if err != nil {
		return "", err
	}
	a, err := d.Call(wire.For(ctx, "control"), minted)
	switch {
	case err != nil:
		return "", err
	case a.Served():
		return minted, nil
	case isJWT:
		return "", &Blocked{By: "lab key", Owner: reports.Configuration,
			Err: fmt.Errorf("a sound token signed with the configured key was %s, and a genuine one is accepted", a.Said())}
	}
	return "", nil
}

// mintLike mints a token with the claims of a sound one, or, where that cannot be
// read, with those it ought to have (RFC 9068, section 2.2).
func (d *Deployment) mintLike(ctx context.Context, sound string) (string, error) {
	if _, ok := DecodeJWT(sound); ok {
		return d.Target.Lab.Sound(tokens.Dated("exp", 10*time.Minute)).Make(sound)
	}
	resource, err := d.Resource(ctx)
	if err != nil {
		return "", err
	}
	c, err := d.Client(ctx)
	if err != nil {
		return "", err
	}
	scopes, err := d.Scopes(ctx)
	if err != nil {
		return "", err
	}
	x, err := d.Discovery(ctx)
	if err != nil {
		return "", err
	}
	return d.Target.Lab.Mint(tokens.Claims{
		"iss": x.Issuer, "sub": d.user().Name, "aud": resource, "client_id": c.ID, "scope": strings.Join(scopes, " "), "jti": NewVerifier(),
	}, tokens.Dated("iat", 0), tokens.Dated("exp", 10*time.Minute))
}

// TryMinted presents tokens that the lab's key has signed, made from a sound one
// of its making, between two calls with that.
func (d *Deployment) TryMinted(minted ...tokens.Recipe) *Future[[]Varied] {
	return Start(d, func(ctx context.Context) ([]Varied, error) { return d.Minted(ctx, minted...) })
}

// Minted is TryMinted within a probe.
func (d *Deployment) Minted(ctx context.Context, minted ...tokens.Recipe) ([]Varied, error) {
	sound, err := d.LabToken(ctx)
	if err != nil {
		return nil, err
	}
	return d.present(ctx, sound, minted)
}

// TryAudiences presents tokens that the lab's key has signed for audiences made
// from the resource's identifier.
func (d *Deployment) TryAudiences(make func(resource string) []string) *Future[[]Varied] {
	return Start(d, func(ctx context.Context) ([]Varied, error) {
		resource, err := d.Resource(ctx)
		if err != nil {
			return nil, err
		}
		return d.MintedFor(ctx, d.Target.Lab.For(make(resource)...)...)
	})
}

// TryAudienceValues is TryAudiences for values of aud that are no strings.
func (d *Deployment) TryAudienceValues(make func(resource string) []any) *Future[[]Varied] {
	return Start(d, func(ctx context.Context) ([]Varied, error) {
		resource, err := d.Resource(ctx)
		if err != nil {
			return nil, err
		}
		var minted []tokens.Recipe
		for _, value := range make(resource) {
			minted = append(minted, d.Target.Lab.With(fmt.Sprintf("whose aud is %q", value), tokens.Audience(value)))
		}
		return d.MintedFor(ctx, minted...)
	})
}

// unrelated is an audience that has nothing in common with any resource.
const unrelated = "https://unrelated.mcpassay.example/mcp"

// MintedFor presents tokens with other audiences than the server's. Where any
// audience will do, they say nothing.
func (d *Deployment) MintedFor(ctx context.Context, minted ...tokens.Recipe) ([]Varied, error) {
	taken, err := d.UnrelatedToken(ctx)
	if err == nil && taken.Served() {
		err = &Blocked{By: "rs-audience-validated", Owner: reports.ResourceServer, Err: errors.New("a token with any audience is accepted")}
	}
	if err != nil {
		return nil, err
	}
	return d.Minted(ctx, minted...)
}

// UnrelatedToken presents a token that the lab's key has signed for an audience
// that has nothing in common with any resource.
func (d *Deployment) UnrelatedToken(ctx context.Context) (*Answer, error) {
	all, err := d.Minted(ctx, d.Target.Lab.For(unrelated)...)
	if err != nil {
		return nil, err
	}
	return all[0].Answer, all[0].Err
}

// ForeignToken presents a genuine token for another resource of the same
// authorization server.
func (d *Deployment) ForeignToken(ctx context.Context) (*Answer, error) {
	token, err := d.foreignToken(ctx)
	if err != nil {
		return nil, err
	}
	return d.GuardedCall(ctx, func(ctx context.Context, _ string) (*Answer, error) {
		if err := d.closedToAnybody(ctx); err != nil {
			return nil, err
		}
		return d.Call(ctx, token)
	})
}

// foreignToken gets a genuine token for the other resource. One that is for this
// resource too proves nothing.
func (d *Deployment) foreignToken(ctx context.Context) (string, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return "", err
	}
	t, err := d.Grant(wire.For(ctx, "control"), c, With("resource", d.Target.OtherResource))
	if err != nil {
		return "", err
	}
	jwt, ok := t.JWT()
	if !ok {
		return t.Access, nil
	}
	audience := jwt.Audience()
	resource, err := d.Resource(ctx)
	if err != nil {
		return "", err
	}
	if slices.Contains(audience, resource) || !slices.Contains(audience, d.Target.OtherResource) {
		return "", &Blocked{By: "as-audience-follows-resource", Owner: reports.AuthServer,
			Err: fmt.Errorf("the token for %q is for %q", d.Target.OtherResource, audience)}
	}
	return t.Access, nil
}

// LabToken is a sound token that the lab's key has signed and that is accepted.
func (d *Deployment) LabToken(ctx context.Context) (string, error) {
	token, err := d.lab.Get(ctx)
	if err == nil && token == "" {
		err = &Blocked{By: "lab key", Owner: reports.Configuration, Err: errors.New("the server does not take tokens signed with the configured key")}
	}
	if err != nil {
		return "", err
	}
	return token, d.stillSound(ctx, token)
}

// An Impostor is what became of tokens that point at keys of ours.
type Impostor struct {
	Calls   []Varied
	Fetched []string // what the resource server has asked our server for
}

// ErrOutOfReach says that the resource server could not reach a server of ours.
var ErrOutOfReach = errors.New("the resource server is not on loopback, where a server of ours could be reached")

// TryImpostor presents forgeries of a sound token that make tells for an attacker
// whose keys and metadata are served at the address.
func (d *Deployment) TryImpostor(make func(a *tokens.Attacker, address string) []tokens.Recipe) *Future[*Impostor] {
	return Start(d, func(ctx context.Context) (*Impostor, error) {
		sound, err := d.soundCall(ctx)
		if err != nil {
			return nil, err
		}
		if !IsLoopback(d.Endpoint) {
			return nil, ErrOutOfReach
		}
		jwt, ok := DecodeJWT(sound)
		if !ok {
			return nil, errors.New("the access token is no JWT")
		}
		kid, _ := jwt.Header.String("kid")
		attacker, err := tokens.NewAttacker()
		if err != nil {
			return nil, err
		}
		jwks, err := attacker.JWKS(kid)
		if err != nil {
			return nil, err
		}
		o, err := observe(func(address string) map[string][]byte { return impersonate(address, jwks) })
		if err != nil {
			return nil, err
		}
		defer o.close()
		calls, err := d.present(ctx, sound, make(attacker, o.url))
		return &Impostor{calls, o.asked()}, err
	})
}

// impersonate is what an authorization server at the address would publish.
func impersonate(address string, jwks []byte) map[string][]byte {
	metadata := fmt.Appendf(nil, `{"issuer":%q,"jwks_uri":%q,"authorization_endpoint":%q,"token_endpoint":%q,"response_types_supported":["code"]}`,
		address, address+"/jwks.json", address+"/authorize", address+"/token")
	return map[string][]byte{
		"/jwks.json": jwks,
		"/.well-known/oauth-authorization-server": metadata,
		"/.well-known/openid-configuration":       metadata,
		"/.well-known/jwks.json":                  jwks,
	}
}

// Crashed tells whether the call was answered with a server error.
func (v *Varied) Crashed() bool { return v.Err == nil && v.Status >= http.StatusInternalServerError }

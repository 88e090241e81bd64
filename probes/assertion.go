package probes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

const (
	assertionMethod = "private_key_jwt"
	assertionType   = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// Assertion is a fresh assertion by which the client authenticates (RFC 7523,
// section 3), then mutated.
func (c *Client) Assertion(mutations ...tokens.Mutation) (string, error) {
	if c.Signer == nil {
		return "", errors.New("the client has no key to sign assertions with")
	}
	return c.Signer.Mint(tokens.Claims{
		"iss": c.ID, "sub": c.ID, "aud": c.Audience, "jti": rand.Text(),
		"iat": tokens.FromNow(0), "exp": tokens.FromNow(time.Minute),
	}, mutations...)
}

// asserted authenticates a request by the assertion.
func asserted(f *Form, c *Client, assertion string) {
	f.Values.Set("client_id", c.ID)
	f.Values.Set("client_assertion_type", assertionType)
	f.Values.Set("client_assertion", assertion)
}

// ErrNoAssertion says that no client can be had that authenticates by signing.
var ErrNoAssertion = errors.New("the authorization server registers no client for private_key_jwt, and none is configured")

// AssertionClient is a client that authenticates by assertions: a configured one,
// else one registered with a key of the run. If there is none, the error is
// ErrNoAssertion.
func (d *Deployment) AssertionClient(ctx context.Context) (*Client, error) {
	return Once(d, "assertion client", func(ctx context.Context) (*Client, error) {
		d := d.view(ctx)
		metadata, err := d.Metadata(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range d.Target.Clients {
			if s.Signer != nil {
				return d.static(ctx, s)
			}
		}
		c, err := d.signingClient(ctx, metadata)
		if err != nil {
			return nil, err
		}
		return c, d.settleAudience(ctx, c, metadata)
	}).Get(ctx)
}

func (d *Deployment) signingClient(ctx context.Context, metadata *wire.Document) (*Client, error) {
	methods, _ := metadata.Strings("token_endpoint_auth_methods_supported")
	if !d.Registers(ctx) || !slices.Contains(methods, assertionMethod) {
		return nil, ErrNoAssertion
	}
	return d.registerSigner(ctx, metadata, d.NativeClient(ctx))
}

// registerSigner registers a client with a public key of the run, by value.
func (d *Deployment) registerSigner(ctx context.Context, metadata *wire.Document, change map[string]any) (*Client, error) {
	supported, _ := metadata.Strings("token_endpoint_auth_signing_alg_values_supported")
	alg, ok := tokens.ChooseAlgorithm(supported)
	if !ok {
		return nil, ErrNoAssertion
	}
	signer, err := tokens.NewSigner(alg)
	if err != nil {
		return nil, err
	}
	d.keepTime(signer)
	jwks, err := signer.JWKS()
	if err != nil {
		return nil, err
	}
	change["token_endpoint_auth_method"], change["jwks"] = assertionMethod, jwks
	r, err := d.Register(ctx, change)
	if err != nil {
		return nil, err
	}
	if r.Client == nil || r.Client.Method != assertionMethod {
		return nil, ErrNoAssertion
	}
	r.Client.Signer = signer
	return r.Client, nil
}

// settleAudience finds out which audience the server takes: its issuer identifier,
// or, as was usual before that was settled, the token endpoint.
func (d *Deployment) settleAudience(ctx context.Context, c *Client, metadata *wire.Document) error {
	issuer, _ := metadata.String("issuer")
	endpoint, err := d.ServerEndpoint(ctx, "token_endpoint")
	if err != nil {
		return err
	}
	var t *Tokens
	for _, c.Audience = range []string{issuer, endpoint} {
		a, err := d.Code(wire.For(ctx, "control"), c)
		if err != nil {
			return err
		}
		if t, err = d.Redeem(wire.For(ctx, "control"), a); err != nil || t.Issued() {
			return err
		}
	}
	return &Blocked{By: "as-assertion-accepted", Owner: reports.AuthServer,
		Err: fmt.Errorf("a token request with a sound client assertion was answered %d %s", t.Response.Status, t.Error)}
}

// An Asserting is an assertion that must not authenticate anybody: a sound one,
// but for what is set here.
type Asserting struct {
	Name   string
	Mutate []tokens.Mutation
	Forge  *tokens.Recipe
}

// TryAssertions redeems a code of the assertion client with assertions that must
// not do, and then with a sound one.
func (d *Deployment) TryAssertions(make func(context.Context, *Client) ([]Asserting, error)) *Future[[]Tried] {
	return Start(d, func(ctx context.Context) ([]Tried, error) {
		c, err := d.AssertionClient(ctx)
		if err != nil {
			return nil, err
		}
		assertings, err := make(ctx, c)
		if err != nil {
			return nil, err
		}
		var ways []Redeeming
		for _, a := range assertings {
			assertion, err := a.make(c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", a.Name, err)
			}
			ways = append(ways, d.RedeemAsserting(a.Name, assertion))
		}
		return d.RedeemInTurn(ctx, c, d.soundlyAsserted(), ways)
	})
}

func (a Asserting) make(c *Client) (string, error) {
	assertion, err := c.Assertion(a.Mutate...)
	if err == nil && a.Forge != nil {
		assertion, err = a.Forge.Make(assertion)
	}
	return assertion, err
}

// RedeemAsserting redeems a code with one particular assertion.
func (d *Deployment) RedeemAsserting(name, assertion string) Redeeming {
	return Redeeming{name, func(ctx context.Context, a *Authorization) (*Tokens, error) {
		return d.Redeem(ctx, a, With("client_assertion", assertion))
	}}
}

func (d *Deployment) soundlyAsserted() Redeeming {
	return Redeeming{"as-assertion-accepted", func(ctx context.Context, a *Authorization) (*Tokens, error) { return d.Redeem(ctx, a) }}
}

// ReplayAssertion redeems one code with an assertion, and another code with the
// same one, right after it has worked.
func (d *Deployment) ReplayAssertion(ctx context.Context) ([]Tried, error) {
	c, err := d.AssertionClient(ctx)
	if err != nil {
		return nil, err
	}
	assertion, err := c.Assertion()
	if err != nil {
		return nil, err
	}
	a, err := d.Code(ctx, c)
	if err != nil {
		return nil, err
	}
	use := d.RedeemAsserting("the same assertion again", assertion)
	first, err := use.Redeem(wire.For(ctx, "control"), a)
	if err != nil {
		return nil, err
	}
	if !first.Issued() {
		return nil, &Blocked{By: "as-assertion-accepted", Owner: reports.AuthServer,
			Err: fmt.Errorf("a token request with a sound client assertion was answered %d %s", first.Response.Status, first.Error)}
	}
	return d.RedeemInTurn(ctx, c, d.soundlyAsserted(), []Redeeming{use})
}

// TokenEndpoint is the URL of the token endpoint.
func (d *Deployment) TokenEndpoint(ctx context.Context) (string, error) {
	return d.ServerEndpoint(ctx, "token_endpoint")
}

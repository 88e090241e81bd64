package probes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// grantWorkload is the grant of workload identity federation.
const grantWorkload = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// A Workload is a program whose platform the authorization server trusts, and for
// whose platform the run can sign.
type Workload struct {
	Issuer, Subject string
	Audience        string // of its assertions; empty: the token endpoint
	Claims          map[string]any
	Signer          interface {
		Mint(tokens.Claims, ...tokens.Mutation) (string, error)
	}
}

// WorkloadAssertion is a fresh assertion about the workload, then mutated.
func (d *Deployment) WorkloadAssertion(ctx context.Context, w *Workload, mutations ...tokens.Mutation) (string, error) {
	audience := w.Audience
	if audience == "" {
		var err error
		if audience, err = d.ServerEndpoint(ctx, "token_endpoint"); err != nil {
			return "", err
		}
	}
	claims := tokens.Claims{
		"iss": w.Issuer, "sub": w.Subject, "aud": audience, "jti": rand.Text(),
		"iat": tokens.FromNow(0), "exp": tokens.FromNow(5 * time.Minute),
	}
	for name, value := range w.Claims {
		claims[name] = value
	}
	return w.Signer.Mint(claims, append([]tokens.Mutation{
		tokens.Header("typ", "JWT"), tokens.Dated("iat", 0), tokens.Dated("exp", 5*time.Minute),
	}, mutations...)...)
}

// WorkloadRequest trades an assertion for an access token, without a client.
func (d *Deployment) WorkloadRequest(ctx context.Context, assertion string, mutations ...Mutation) (*Tokens, error) {
	endpoint, err := d.ServerEndpoint(ctx, "token_endpoint")
	if err != nil {
		return nil, err
	}
	vouched := func(assertion string, values url.Values, mutations ...Mutation) (*Tokens, error) {
		values = maps.Clone(values)
		values.Set("assertion", assertion)
		form := &Form{Values: values, Header: http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"},
		}}
		mutate(form, mutations)
		return d.postTo(ctx, endpoint, form, &Client{Method: "none"})
	}
	values, err := d.ownForm(ctx, grantWorkload, func(ctx context.Context, values url.Values) (*Tokens, error) {
		assertion, err := d.WorkloadAssertion(ctx, d.Target.Workloads[0])
		if err != nil {
			return nil, err
		}
		return vouched(assertion, values)
	})
	if err != nil {
		return nil, err
	}
	return vouched(assertion, values, mutations...)
}

// postTo sends a token request to the endpoint as it stands.
func (d *Deployment) postTo(ctx context.Context, endpoint string, form *Form, c *Client) (*Tokens, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header = form.Header
	res, err := d.wire.Do(req)
	if err != nil {
		return nil, err
	}
	return d.readTokens(res, c), nil
}

// ByWorkload are tokens for an assertion about the workload.
func (d *Deployment) ByWorkload(w *Workload) Issuance {
	return Issuance{d, "as-wif-accepted", func(ctx context.Context, mutations ...Mutation) (*Tokens, error) {
		assertion, err := d.WorkloadAssertion(ctx, w)
		if err != nil {
			return nil, err
		}
		return d.WorkloadRequest(ctx, assertion, mutations...)
	}}
}

// A Vouching is an assertion about a workload that must yield nothing: a sound
// one, but for what is set here.
type Vouching struct {
	Name   string
	By     *Workload // default: the first
	Mutate []tokens.Mutation
	Forge  *tokens.Recipe
}

// TryWorkload trades assertions that must yield nothing between two sound ones.
func (d *Deployment) TryWorkload(vouchings ...Vouching) *Future[[]Tried] {
	return Start(d, func(ctx context.Context) ([]Tried, error) { return d.vouch(ctx, vouchings...) })
}

func (d *Deployment) vouch(ctx context.Context, vouchings ...Vouching) ([]Tried, error) {
	first := d.Target.Workloads[0]
	if _, err := d.ByWorkload(first).Sound(ctx); err != nil {
		return nil, err
	}
	var all []Tried
	for _, v := range vouchings {
		w := first
		if v.By != nil {
			w = v.By
		}
		assertion, err := d.WorkloadAssertion(ctx, w, v.Mutate...)
		if err == nil && v.Forge != nil {
			assertion, err = v.Forge.Make(assertion)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		t, err := d.WorkloadRequest(wire.For(ctx, "attack"), assertion)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		all = append(all, Tried{Trial{Name: v.Name}, &Attempt{Tokens: t}})
	}
	_, err := d.ByWorkload(first).Sound(ctx)
	return all, err
}

// UnknownPlatform sends an assertion of an issuer that nobody trusts, which is a
// server of ours, and returns what the authorization server has asked it for.
func (d *Deployment) UnknownPlatform(ctx context.Context) ([]string, error) {
	endpoint, err := d.ServerEndpoint(ctx, "token_endpoint")
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(endpoint); err != nil || !IsLoopback(u) {
		return nil, errors.Join(ErrOutOfReach, err)
	}
	attacker, err := tokens.NewSigner(tokens.SignerAlgorithms[0])
	if err != nil {
		return nil, err
	}
	jwks, err := attacker.JWKS()
	if err != nil {
		return nil, err
	}
	o, err := observe(func(address string) map[string][]byte { return impersonate(address, jwks) })
	if err != nil {
		return nil, err
	}
	defer o.close()
	unknown := &Workload{Issuer: o.url, Subject: d.Target.Workloads[0].Subject, Signer: attacker}
	_, err = d.vouch(ctx, Vouching{Name: "of an unknown issuer", By: unknown})
	return o.asked(), err
}

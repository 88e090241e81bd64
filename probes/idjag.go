package probes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// Names of token exchange (RFC 8693, section 3) and of the Identity Assertion
// Authorization Grant (ID-JAG).
const (
	GrantExchange    = "urn:ietf:params:oauth:grant-type:token-exchange"
	GrantAssertion   = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	TypeAccessToken  = "urn:ietf:params:oauth:token-type:access_token"
	TypeRefreshToken = "urn:ietf:params:oauth:token-type:refresh_token"
	TypeIDToken      = "urn:ietf:params:oauth:token-type:id_token"
	TypeJWT          = "urn:ietf:params:oauth:token-type:jwt"
	TypeSAML         = "urn:ietf:params:oauth:token-type:saml2"
	TypeIDJAG        = "urn:ietf:params:oauth:token-type:id-jag"
	ProfileIDJAG     = "urn:ietf:params:oauth:grant-profile:id-jag"
	headerIDJAG      = "oauth-id-jag+jwt"
)

// An Enterprise is an identity provider of ours that the authorization server
// trusts, and what it may assert.
type Enterprise struct {
	Provider *tokens.Issuer // whose identity assertions are taken
	Other    *tokens.Issuer // another one, with users of its own; nil: none
	Client   StaticClient   // may use identity assertions
	Another  *StaticClient  // may too; nil: none
	Subject  string         // of a user, as the provider calls it
	Email    string         // of that user
	Scopes   []string       // to assert; empty: those of the run
	Claims   map[string]any // to assert besides
}

// A Chaining is what an authorization server that issues identity assertions
// issues them for.
type Chaining struct {
	Client        StaticClient  // may get them
	Another       *StaticClient // may too; nil: none
	Audience      string        // an authorization server that they may be for
	Resource      string        // one of its resources; empty: none
	OtherResource string        // a resource of another authorization server; empty: none
}

// An IdentityTry is an identity assertion that ought not to be taken.
type IdentityTry struct {
	Name    string
	Signer  *tokens.Issuer    // other than the provider
	Claims  []tokens.Mutation // of the sound assertion
	Forge   *tokens.Recipe    // done to the signed assertion
	Client  *Client           // other than the entitled one
	Request []Mutation
}

// EnterpriseClient is the client that may use identity assertions.
func (d *Deployment) EnterpriseClient() *Client { return d.Target.Enterprise.Client.client() }

// AnotherEnterpriseClient is another one, or nil.
func (d *Deployment) AnotherEnterpriseClient() *Client {
	return staticOrNil(d.Target.Enterprise.Another)
}

func staticOrNil(s *StaticClient) *Client {
	if s == nil {
		return nil
	}
	return s.client()
}

// assertIdentity makes a fresh sound identity assertion, then mutated (ID-JAG,
// section 3.1).
func (d *Deployment) assertIdentity(ctx context.Context, signer *tokens.Issuer, mutate ...tokens.Mutation) (string, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return "", err
	}
	resource, err := d.Resource(ctx)
	if err != nil {
		return "", err
	}
	e := d.Target.Enterprise
	scopes := e.Scopes
	if len(scopes) == 0 {
		if scopes, err = d.Scopes(ctx); err != nil {
			return "", err
		}
	}
	claims := tokens.Claims{}
	maps.Copy(claims, e.Claims)
	maps.Copy(claims, tokens.Claims{
		"iss": e.Provider.URL, "sub": e.Subject, "aud": x.Issuer, "client_id": e.Client.ID,
		"jti": NewVerifier(), "resource": resource,
	})
	if len(scopes) > 0 {
		claims["scope"] = strings.Join(scopes, " ")
	}
	if e.Email != "" {
		claims["email"] = e.Email
	}
	sound := []tokens.Mutation{tokens.Header("typ", headerIDJAG), tokens.Dated("iat", 0), tokens.Dated("exp", 5*time.Minute)}
	if signer == nil {
		signer = e.Provider
	}
	return signer.Mint(claims, append(sound, mutate...)...)
}

func identityForm(assertion string) url.Values {
	return url.Values{"grant_type": {GrantAssertion}, "assertion": {assertion}}
}

// soundIdentity redeems a sound identity assertion.
func (d *Deployment) soundIdentity(ctx context.Context) (*Tokens, error) {
	assertion, err := d.assertIdentity(ctx, nil)
	if err != nil {
		return nil, err
	}
	t, err := d.TokenRequest(ctx, d.EnterpriseClient(), identityForm(assertion))
	if err == nil && !t.Issued() {
		err = &Blocked{By: "enterprise", Owner: reports.Configuration,
			Err: fmt.Errorf("a sound identity assertion of the configured provider was answered %d %s", t.Response.Status, t.Error)}
	}
	return t, err
}

// SoundIdentity is what the first sound identity assertion came to.
func (d *Deployment) SoundIdentity(ctx context.Context) (*Tokens, error) {
	return d.firstAsked(ctx, "identity assertion", d.soundIdentity)
}

// TryIdentity presents identity assertions between two sound ones.
func (d *Deployment) TryIdentity(make func(context.Context) ([]IdentityTry, error)) *Future[[]Asked] {
	return Start(d, func(ctx context.Context) ([]Asked, error) {
		return d.askAll(ctx, "identity assertion", d.soundIdentity, func(ctx context.Context) ([]Asking, error) {
			tries, err := make(ctx)
			if err != nil {
				return nil, err
			}
			var askings []Asking
			for _, t := range tries {
				a, err := d.identityAsking(ctx, t)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", t.Name, err)
				}
				askings = append(askings, a)
			}
			return askings, nil
		})
	})
}

func (d *Deployment) identityAsking(ctx context.Context, t IdentityTry) (Asking, error) {
	assertion, err := d.assertIdentity(ctx, t.Signer, t.Claims...)
	if err == nil && t.Forge != nil {
		assertion, err = t.Forge.Make(assertion)
	}
	if err != nil {
		return Asking{}, err
	}
	client := t.Client
	if client == nil {
		client = d.EnterpriseClient()
	}
	return Asking{Name: t.Name, Client: client, Form: identityForm(assertion), Change: t.Request}, nil
}

// A BoundIdentity is what came of identity assertions that are bound to a key.
type BoundIdentity struct {
	Sound    *Tokens // with the proof of that key
	Unproved []Asked // without
}

// BindIdentity uses identity assertions that are bound to a key (ID-JAG, section
// 8.6.1.2): with the proof of that key, with none, with another's, and with an old
// one.
func (d *Deployment) BindIdentity(ctx context.Context) (*BoundIdentity, error) {
	if _, err := d.SoundIdentity(ctx); err != nil {
		return nil, err
	}
	h, err := d.NewHolder(ctx)
	if err != nil {
		return nil, err
	}
	other, err := d.NewHolder(ctx)
	if err != nil {
		return nil, err
	}
	b := &BoundIdentity{}
	use := func(ctx context.Context, v Proving) (*Tokens, error) {
		assertion, err := d.assertIdentity(ctx, nil, tokens.Claim("cnf", map[string]any{"jkt": h.Key}))
		if err != nil {
			return nil, err
		}
		if v.None {
			return d.TokenRequest(ctx, d.EnterpriseClient(), identityForm(assertion))
		}
		return d.ProvenRequest(ctx, d.EnterpriseClient(), identityForm(assertion), h, v)
	}
	if b.Sound, err = use(wire.For(ctx, "control"), Proving{}); err != nil {
		return nil, err
	}
	for _, v := range []Proving{
		{Name: "no proof", None: true}, {Name: "the proof of another key", By: other},
		{Name: "an old proof", Mutate: []tokens.Mutation{tokens.Dated("iat", -time.Hour)}},
	} {
		t, err := use(wire.For(ctx, "attack"), v)
		if err != nil {
			return nil, err
		}
		b.Unproved = append(b.Unproved, Asked{Asking{Name: v.Name}, t})
	}
	return b, d.after(ctx, "identity assertion", func(ctx context.Context) error {
		_, err := d.soundIdentity(ctx)
		return err
	})
}

// ReplayIdentity redeems one identity assertion twice.
func (d *Deployment) ReplayIdentity(ctx context.Context) (second *Tokens, err error) {
	if _, err := d.SoundIdentity(ctx); err != nil {
		return nil, err
	}
	assertion, err := d.assertIdentity(ctx, nil)
	if err != nil {
		return nil, err
	}
	for range 2 {
		if second, err = d.TokenRequest(wire.For(ctx, "attack"), d.EnterpriseClient(), identityForm(assertion)); err != nil {
			return nil, err
		}
	}
	return second, d.after(ctx, "identity assertion", func(ctx context.Context) error {
		_, err := d.soundIdentity(ctx)
		return err
	})
}

// ChainingClient is the client that may get identity assertions.
func (d *Deployment) ChainingClient() *Client { return d.Target.Chaining.Client.client() }

// AnotherChainingClient is another one, or nil.
func (d *Deployment) AnotherChainingClient() *Client { return staticOrNil(d.Target.Chaining.Another) }

// chainingForm asks for an identity assertion (ID-JAG, section 4.3).
func (d *Deployment) chainingForm(idToken string) url.Values {
	c := d.Target.Chaining
	form := url.Values{
		"grant_type": {GrantExchange}, "requested_token_type": {TypeIDJAG}, "audience": {c.Audience},
		"subject_token": {idToken}, "subject_token_type": {TypeIDToken},
	}
	if c.Resource != "" {
		form.Set("resource", c.Resource)
	}
	return form
}

// idTokenOf takes a client through a code flow to the ID token of its user.
func (d *Deployment) idTokenOf(ctx context.Context, c *Client) (*Tokens, error) {
	return Once(d, "ID token of "+c.ID, func(ctx context.Context) (*Tokens, error) {
		scopes, err := d.Scopes(ctx)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(scopes, "openid") {
			scopes = append(slices.Clone(scopes), "openid")
		}
		t, err := d.Grant(wire.For(ctx, "control"), c, With("scope", strings.Join(scopes, " ")), With("nonce", NewVerifier()))
		if err == nil && t.ID == "" {
			err = &Blocked{By: "chaining", Owner: reports.Configuration, Err: errors.New("the configured client gets no ID token")}
		}
		return t, err
	}).Get(ctx)
}

// chainingRequest is the sound request for an identity assertion, with a scope where
// the server issues nothing without.
func (d *Deployment) chainingRequest(ctx context.Context) (url.Values, error) {
	form, err := Once(d, "chaining request", func(ctx context.Context) (url.Values, error) {
		d := d.view(ctx)
		own, err := d.idTokenOf(ctx, d.ChainingClient())
		if err != nil {
			return nil, err
		}
		form := d.chainingForm(own.ID)
		_, err = d.leastScoped(wire.For(ctx, "control"), d.ChainingClient(), form)
		return form, err
	}).Get(ctx)
	return maps.Clone(form), err
}

// soundChaining gets an identity assertion.
func (d *Deployment) soundChaining(ctx context.Context) (*Tokens, error) {
	form, err := d.chainingRequest(ctx)
	if err != nil {
		return nil, err
	}
	issued, err := d.TokenRequest(ctx, d.ChainingClient(), form)
	if err == nil && !issued.Issued() {
		err = &Blocked{By: "chaining", Owner: reports.Configuration,
			Err: fmt.Errorf("a sound request for an identity assertion was answered %d %s", issued.Response.Status, issued.Error)}
	}
	return issued, err
}

// SoundChaining is the first identity assertion that was issued.
func (d *Deployment) SoundChaining(ctx context.Context) (*Tokens, error) {
	return d.firstAsked(ctx, "identity chaining", d.soundChaining)
}

// TryChaining asks for identity assertions that must not be issued: with an ID
// token of the entitled client, changed by what make tells.
func (d *Deployment) TryChaining(make func(own *Tokens) ([]Asking, error)) *Future[[]Asked] {
	return Start(d, func(ctx context.Context) ([]Asked, error) {
		return d.askAll(ctx, "identity chaining", d.soundChaining, func(ctx context.Context) ([]Asking, error) {
			own, err := d.idTokenOf(ctx, d.ChainingClient())
			if err != nil {
				return nil, err
			}
			sound, err := d.chainingRequest(ctx)
			if err != nil {
				return nil, err
			}
			askings, err := make(own)
			for i := range askings {
				if askings[i].Client == nil {
					askings[i].Client = d.ChainingClient()
				}
				if askings[i].Form == nil {
					askings[i].Form = maps.Clone(sound)
				}
			}
			return askings, err
		})
	})
}

// ReturnIdentity posts an identity assertion back to its issuer as a grant.
func (d *Deployment) ReturnIdentity() *Future[[]Asked] {
	return Start(d, func(ctx context.Context) ([]Asked, error) {
		return d.askAll(ctx, "identity chaining", d.soundChaining, func(ctx context.Context) ([]Asking, error) {
			issued, err := d.SoundChaining(ctx)
			if err != nil {
				return nil, err
			}
			return []Asking{{Name: "its own identity assertion", Client: d.ChainingClient(), Form: identityForm(issued.Access)}}, nil
		})
	})
}

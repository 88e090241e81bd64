package probes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// requestObject signs a request as a request object of its client (RFC 9101,
// section 4), then mutated.
func (d *Deployment) requestObject(ctx context.Context, r *Request, mutations ...tokens.Mutation) (string, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return "", err
	}
	issuer, _ := metadata.String("issuer")
	now := d.Now()
	claims := tokens.Claims{
		"iss": r.Client.ID, "aud": issuer, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text(),
	}
	for name, values := range r.Values {
		claims[name] = values[0]
		if len(values) > 1 {
			claims[name] = values
		}
	}
	typ := tokens.Header("typ", "oauth-authz-req+jwt")
	return r.Client.Signer.Mint(claims, append([]tokens.Mutation{typ}, mutations...)...)
}

// TakesRequestObjects tells whether the server says that it takes request objects
// by value, and knows a key of one of our clients.
func (d *Deployment) TakesRequestObjects(ctx context.Context) (bool, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return false, err
	}
	if takes, _ := metadata.Bool("request_parameter_supported"); !takes {
		return false, nil
	}
	c, err := d.AssertionClient(ctx)
	if errors.Is(err, ErrNoAssertion) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	algorithms, listed := metadata.Strings("request_object_signing_alg_values_supported")
	return !listed || slices.Contains(algorithms, c.Signer.Algorithm()), nil
}

// beside are the parameters that the URL has next to a request object: those that
// older servers want there, too (OpenID Connect Core, section 6.1).
func beside(r *Request, object string) url.Values {
	values := url.Values{"client_id": {r.Client.ID}, "response_type": {"code"}, "request": {object}}
	if scope := r.Values.Get("scope"); scope != "" {
		values.Set("scope", scope)
	}
	return values
}

// sendObject sends an authorization request whose URL has the values, and redeems
// a code as the client of the request would.
func (d *Deployment) sendObject(ctx context.Context, r *Request, values url.Values) (*Attempt, error) {
	front := &Request{Client: r.Client, Verifier: r.Verifier, User: r.User, Values: values}
	a, err := d.Authorize(ctx, front)
	if err != nil {
		return nil, err
	}
	attempt := &Attempt{Authorization: a}
	if a.Code == "" {
		return attempt, nil
	}
	attempt.Tokens, err = d.Redeem(ctx, &Authorization{Request: r, Landing: a.Landing, Params: a.Params, Code: a.Code})
	return attempt, err
}

// soundObject takes a sound request object to its token. An error says why there
// is none.
func (d *Deployment) soundObject(ctx context.Context, c *Client) error {
	return d.after(ctx, "request object of "+c.ID, func(ctx context.Context) error {
		r, err := d.NewRequest(ctx, c)
		if err != nil {
			return err
		}
		object, err := d.requestObject(ctx, r)
		if err != nil {
			return err
		}
		a, err := d.sendObject(ctx, r, beside(r, object))
		if err == nil && !a.Issued() {
			err = &Blocked{Owner: reports.AuthServer, Err: fmt.Errorf("a sound request object came to nothing: %s", a.Ended())}
		}
		return err
	})
}

// A ForgedObject is a request object that must not be taken.
type ForgedObject struct {
	Name string
	make func(ctx context.Context, d *Deployment, r *Request) (url.Values, error)
}

// objectWith is a request object signed by its client, but mutated.
func objectWith(name string, mutations ...tokens.Mutation) ForgedObject {
	return ForgedObject{name, func(ctx context.Context, d *Deployment, r *Request) (url.Values, error) {
		object, err := d.requestObject(ctx, r, mutations...)
		return beside(r, object), err
	}}
}

// objectBy is a sound request object that a recipe changes.
func objectBy(name string, recipe func(c *Client) (tokens.Recipe, error)) ForgedObject {
	return ForgedObject{name, func(ctx context.Context, d *Deployment, r *Request) (url.Values, error) {
		object, err := d.requestObject(ctx, r)
		if err != nil {
			return nil, err
		}
		forge, err := recipe(r.Client)
		if err != nil {
			return nil, err
		}
		forged, err := forge.Make(object)
		return beside(r, forged), err
	}}
}

// UnsignedObjects are request objects that nobody with the client's key has signed.
func UnsignedObjects() []ForgedObject {
	return []ForgedObject{objectBy("the algorithm none", func(*Client) (tokens.Recipe, error) { return tokens.Unsigned()[0], nil })}
}

// ForeignObjects are signed by somebody else, or for somebody else.
func ForeignObjects() []ForgedObject {
	return []ForgedObject{
		{"another key", func(ctx context.Context, d *Deployment, r *Request) (url.Values, error) {
			signer, err := tokens.NewSigner(r.Client.Signer.Algorithm())
			if err != nil {
				return nil, err
			}
			other := *r
			client := *r.Client
			client.Signer, other.Client = signer, &client
			object, err := d.requestObject(ctx, &other)
			return beside(r, object), err
		}},
		objectBy("HS256 and the client's id", func(c *Client) (tokens.Recipe, error) {
			return tokens.HMACSignedWith(tokens.Secret{Name: "the client's id", Bytes: []byte(c.ID)}), nil
		}),
	}
}

// MisdirectedObjects are signed by the client, and are not for this use.
func MisdirectedObjects() []ForgedObject {
	return []ForgedObject{
		objectWith("another client's id in it", tokens.Claim("client_id", "mcpassay-another-client")),
		objectWith("the audience of another server", tokens.Audience("https://elsewhere.mcpassay.example")),
		objectWith("an end that is past", past("exp", time.Hour), past("nbf", 2*time.Hour), past("iat", 2*time.Hour)),
	}
}

func past(claim string, ago time.Duration) tokens.Mutation {
	return tokens.Claim(claim, time.Now().Add(-ago).Unix())
}

// AssertionObject is a client assertion in the place of a request object.
func AssertionObject() []ForgedObject {
	return []ForgedObject{{"a client assertion", func(_ context.Context, _ *Deployment, r *Request) (url.Values, error) {
		assertion, err := r.Client.Assertion()
		values := url.Values{}
		for name, v := range r.Values {
			values[name] = v
		}
		values.Set("request", assertion)
		return values, err
	}}}
}

// BesideObject has the code challenge in the URL only.
func BesideObject() []ForgedObject {
	return []ForgedObject{{"the code challenge in the URL alone", func(ctx context.Context, d *Deployment, r *Request) (url.Values, error) {
		object, err := d.requestObject(ctx, r, tokens.Without("code_challenge"), tokens.Without("code_challenge_method"))
		values := beside(r, object)
		values.Set("code_challenge", r.Values.Get("code_challenge"))
		values.Set("code_challenge_method", "S256")
		return values, err
	}}}
}

// TryObjects sends forged request objects, between sound ones.
func (d *Deployment) TryObjects(forged []ForgedObject) *Future[[]Tried] {
	return Start(d, func(ctx context.Context) ([]Tried, error) {
		c, err := d.objectClient(ctx)
		if err != nil {
			return nil, err
		}
		var all []Tried
		for _, f := range forged {
			r, err := d.NewRequest(ctx, c)
			if err != nil {
				return nil, err
			}
			values, err := f.make(ctx, d, r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			a, err := d.sendObject(wire.For(ctx, "attack"), r, values)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			all = append(all, Tried{Trial{Name: f.Name}, a})
		}
		return all, d.soundObject(ctx, c)
	})
}

// objectClient is a client whose request objects are taken, as was tried.
func (d *Deployment) objectClient(ctx context.Context) (*Client, error) {
	return Once(d, "request objects", func(ctx context.Context) (*Client, error) {
		c, err := d.AssertionClient(ctx)
		if err != nil {
			return nil, err
		}
		return c, d.soundObject(ctx, c)
	}).Get(ctx)
}

// A Replaced request is a sound request object with other values in the URL.
type Replaced struct {
	*Attempt
	Asked *Request
}

// ReplaceBeside sends a sound request object with another state and code
// challenge in the URL.
func (d *Deployment) ReplaceBeside(ctx context.Context) (*Replaced, error) {
	c, err := d.objectClient(ctx)
	if err != nil {
		return nil, err
	}
	r, err := d.NewRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	object, err := d.requestObject(ctx, r)
	if err != nil {
		return nil, err
	}
	values := beside(r, object)
	values.Set("state", "beside")
	values.Set("code_challenge", S256(NewVerifier()))
	values.Set("code_challenge_method", "S256")
	a, err := d.sendObject(wire.For(ctx, "attack"), r, values)
	if err != nil {
		return nil, err
	}
	return &Replaced{Attempt: a, Asked: r}, d.soundObject(ctx, c)
}

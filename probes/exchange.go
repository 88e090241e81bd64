package probes

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// An Exchange is who may exchange tokens for what (RFC 8693).
type Exchange struct {
	Client       StaticClient  // may exchange the tokens that the MCP server is called with
	Resource     string        // what for
	Scopes       []string      // of the tokens to exchange; empty: those of the run
	Next         *StaticClient // may exchange in turn what Client got; nil: nobody
	NextResource string        // what for
	Delegating   *StaticClient // whose users' tokens name Client in may_act; nil: none
	Agents       bool          // users can be asked, in the code flow, to let Client act for them
	AgentName    string        // what users are told that Client is called, beside its identifier
}

// ErrNoExchange says that no client is known that may exchange tokens.
var ErrNoExchange = errors.New("no client is known that may exchange tokens")

// An Exchanger is a client that may exchange tokens, and a token that it may.
type Exchanger struct {
	Client   *Client
	Resource string  // what it exchanges tokens for; empty: not known
	Subject  *Tokens // of a user
	Own      bool    // the token was issued to the client itself
}

// Form is a sound request to exchange the subject token.
func (x *Exchanger) Form() url.Values { return exchangeForm(x.Subject.Access, x.Resource) }

func exchangeForm(subject, resource string) url.Values {
	form := url.Values{"grant_type": {GrantExchange}, "subject_token": {subject}, "subject_token_type": {TypeAccessToken}}
	if resource != "" {
		form.Set("resource", resource)
	}
	return form
}

// Exchanger is the configured client; where there is none, one registered by the
// run that exchanges a token of its own, if the server lets it.
func (d *Deployment) Exchanger(ctx context.Context) (*Exchanger, error) {
	return Once(d, "exchanger", func(ctx context.Context) (*Exchanger, error) {
		ctx = wire.For(ctx, "control")
		if e := d.Target.Exchange; e != nil {
			subject, err := d.exchangeable(ctx)
			return &Exchanger{Client: e.Client.client(), Resource: e.Resource, Subject: subject}, err
		}
		return d.selfExchanger(ctx)
	}).Get(ctx)
}

// exchangeable takes the run's client to a token that the configured client may
// exchange.
func (d *Deployment) exchangeable(ctx context.Context) (*Tokens, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	return d.Grant(ctx, c, d.exchangeScopes()...)
}

func (d *Deployment) exchangeScopes() []Mutation {
	if scopes := d.Target.Exchange.Scopes; len(scopes) > 0 {
		return []Mutation{With("scope", strings.Join(scopes, " "))}
	}
	return nil
}

// selfExchanger registers a client for token exchange and has it exchange its
// own token.
func (d *Deployment) selfExchanger(ctx context.Context) (*Exchanger, error) {
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	grants, _ := metadata.Strings("grant_types_supported")
	if !slices.Contains(grants, GrantExchange) || !d.Registers(ctx) {
		return nil, ErrNoExchange
	}
	for _, change := range []map[string]any{
		{"grant_types": append(d.grantTypes(ctx), GrantExchange), "token_endpoint_auth_method": "client_secret_basic"},
		{"grant_types": append(d.grantTypes(ctx), GrantExchange)},
	} {
		r, err := d.Register(ctx, withMembers(d.NativeClient(ctx), change))
		if err != nil {
			return nil, err
		}
		if r.Client == nil {
			continue
		}
		subject, err := d.Grant(ctx, r.Client)
		if err != nil {
			return nil, err
		}
		x := &Exchanger{Client: r.Client, Subject: subject, Own: true}
		t, err := d.TokenRequest(ctx, x.Client, x.Form())
		if err != nil {
			return nil, err
		}
		if t.Issued() {
			return x, nil
		}
	}
	return nil, ErrNoExchange
}

func withMembers(metadata, change map[string]any) map[string]any {
	for name, value := range change {
		metadata[name] = value
	}
	return metadata
}

// soundExchange exchanges the subject token.
func (d *Deployment) soundExchange(ctx context.Context) (*Tokens, error) {
	x, err := d.Exchanger(ctx)
	if err != nil {
		return nil, err
	}
	return d.exchangeSoundly(ctx, x.Client, x.Form())
}

func (d *Deployment) exchangeSoundly(ctx context.Context, c *Client, form url.Values) (*Tokens, error) {
	t, err := d.TokenRequest(ctx, c, form)
	if err == nil && !t.Issued() {
		err = &Blocked{By: "exchange", Owner: reports.Configuration, Err: fmt.Errorf("a sound exchange was answered %d %s", t.Response.Status, t.Error)}
	}
	return t, err
}

// SoundExchange is what the first sound exchange came to.
func (d *Deployment) SoundExchange(ctx context.Context) (*Tokens, error) {
	return d.firstAsked(ctx, "exchange", d.soundExchange)
}

// TryExchange sends requests for token exchange between two sound ones. Where
// they name no client or form, it is the sound one's.
func (d *Deployment) TryExchange(make func(context.Context, *Exchanger) ([]Asking, error)) *Future[[]Asked] {
	return Start(d, func(ctx context.Context) ([]Asked, error) {
		x, err := d.Exchanger(ctx)
		if err != nil {
			return nil, err
		}
		return d.askAll(ctx, "exchange", d.soundExchange, func(ctx context.Context) ([]Asking, error) {
			askings, err := make(ctx, x)
			for i := range askings {
				if askings[i].Client == nil {
					askings[i].Client = x.Client
				}
				if askings[i].Form == nil {
					askings[i].Form = x.Form()
				}
			}
			return askings, err
		})
	})
}

// ExchangeWithActor exchanges the subject token with the client's own actor token.
func (d *Deployment) ExchangeWithActor(ctx context.Context) (*Tokens, error) {
	x, err := d.Exchanger(ctx)
	if err != nil {
		return nil, err
	}
	own, err := d.ActorToken(ctx, x.Client)
	if err != nil {
		return nil, err
	}
	return d.TokenRequest(wire.For(ctx, "control"), x.Client, x.Form(), WithActor(own))
}

// ActorToken is a token by which a client speaks for itself.
func (d *Deployment) ActorToken(ctx context.Context, c *Client) (string, error) {
	return Once(d, "actor token of "+c.ID, func(ctx context.Context) (string, error) {
		t, err := d.leastScoped(wire.For(ctx, "control"), c, url.Values{"grant_type": {"client_credentials"}})
		if err == nil && !t.Issued() {
			err = &Blocked{By: "exchange", Owner: reports.Configuration, Err: fmt.Errorf("%s gets no token of its own: %d %s", c.ID, t.Response.Status, t.Error)}
		}
		if err != nil {
			return "", err
		}
		return t.Access, nil
	}).Get(ctx)
}

// leastScoped makes a token request that names no scope, or those of the resource
// if the server issues nothing without (RFC 6749, section 3.3). The form is then
// the one that was answered last.
func (d *Deployment) leastScoped(ctx context.Context, c *Client, form url.Values) (*Tokens, error) {
	t, err := d.TokenRequest(ctx, c, form)
	if err != nil || t.Error != "invalid_scope" {
		return t, err
	}
	scopes, err := d.Scopes(ctx)
	if err != nil || len(scopes) == 0 {
		return t, err
	}
	form.Set("scope", strings.Join(scopes, " "))
	return d.TokenRequest(ctx, c, form)
}

// WithActor adds an actor token to an exchange or to the redemption of a code.
func WithActor(token string) Mutation {
	return func(f *Form) {
		f.Values.Set("actor_token", token)
		f.Values.Set("actor_token_type", TypeAccessToken)
	}
}

// NextExchanger is the client that exchanges what the first one got, or nil.
func (d *Deployment) NextExchanger() *Client { return staticOrNil(d.Target.Exchange.Next) }

// A Chain is what came of exchanging a token and then exchanging the result.
type Chain struct {
	First, Second *Tokens
	Depth         int     // exchanges that were carried out in all
	Deepest       *Tokens // what the last of them gave
}

// MaxExchanges is how long a chain is made to see whether it may grow for ever.
const MaxExchanges = 24

// ChainExchanges exchanges a token from client to client, as long as the server
// goes along. The first two exchanges have to work.
func (d *Deployment) ChainExchanges(ctx context.Context) (*Chain, error) {
	return Once(d, "exchange chain", func(ctx context.Context) (*Chain, error) {
		x, err := d.Exchanger(ctx)
		if err != nil {
			return nil, err
		}
		c := &Chain{}
		if c.First, err = d.soundExchange(wire.For(ctx, "control")); err != nil {
			return nil, err
		}
		c.Second, err = d.exchangeSoundly(wire.For(ctx, "control"), d.NextExchanger(), exchangeForm(c.First.Access, d.Target.Exchange.NextResource))
		if err != nil {
			return nil, err
		}
		c.Depth, c.Deepest = 2, c.Second
		for c.Depth < MaxExchanges {
			client, resource := x.Client, x.Resource
			if c.Depth%2 == 1 {
				client, resource = d.NextExchanger(), d.Target.Exchange.NextResource
			}
			t, err := d.TokenRequest(wire.For(ctx, "attack"), client, exchangeForm(c.Deepest.Access, resource))
			if err != nil {
				return nil, err
			}
			if !t.Issued() {
				break
			}
			c.Depth++
			c.Deepest = t
		}
		return c, d.after(ctx, "exchange", func(ctx context.Context) error {
			_, err := d.soundExchange(ctx)
			return err
		})
	}).Get(ctx)
}

// A Delegated token names in may_act who may act.
type Delegated struct {
	Subject *Tokens
	Other   *Tokens // what somebody else got in exchange for it
}

// ExchangeDelegated exchanges the token of a user who lets one client act, as
// may_act says: soundly by that client, then by others.
func (d *Deployment) ExchangeDelegated(ctx context.Context) (*Delegated, error) {
	e := d.Target.Exchange
	subject, err := d.Grant(wire.For(ctx, "control"), e.Delegating.client(), d.exchangeScopes()...)
	if err != nil {
		return nil, err
	}
	if _, err := d.exchangeSoundly(wire.For(ctx, "control"), e.Client.client(), exchangeForm(subject.Access, e.Resource)); err != nil {
		return nil, err
	}
	x := &Delegated{Subject: subject}
	for _, c := range []*Client{d.NextExchanger(), staticOrNil(d.Target.Introspector)} {
		if c == nil {
			continue
		}
		if x.Other, err = d.TokenRequest(wire.For(ctx, "attack"), c, exchangeForm(subject.Access, "")); err != nil {
			return nil, err
		}
		if x.Other.Issued() {
			break
		}
	}
	return x, nil
}

// TryAgents takes code flows with an agent through, mutated at the authorization
// request and at the redemption, between two that are sound.
func (d *Deployment) TryAgents(trials func(ctx context.Context, agent, other *Client) ([]Trial, error)) *Future[[]Tried] {
	return Start(d, func(ctx context.Context) ([]Tried, error) {
		if _, err := d.SoundAgent(ctx); err != nil {
			return nil, err
		}
		list, err := trials(ctx, d.Target.Exchange.Client.client(), d.NextExchanger())
		if err != nil {
			return nil, err
		}
		c, err := d.Client(ctx)
		if err != nil {
			return nil, err
		}
		var all []Tried
		for _, t := range list {
			a, err := d.Attempt(wire.For(ctx, "attack"), c, t.Authorization, t.Redemption)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.Name, err)
			}
			all = append(all, Tried{t, a})
		}
		return all, d.after(ctx, "agent", func(ctx context.Context) error {
			_, err := d.soundAgent(ctx)
			return err
		})
	})
}

// SoundAgent is what the first sound flow with an agent came to.
func (d *Deployment) SoundAgent(ctx context.Context) (*Attempt, error) {
	return Once(d, "first agent", func(ctx context.Context) (*Attempt, error) {
		return d.soundAgent(wire.For(ctx, "control"))
	}).Get(ctx)
}

func (d *Deployment) soundAgent(ctx context.Context) (*Attempt, error) {
	c, err := d.Client(ctx)
	if err != nil {
		return nil, err
	}
	agent := d.Target.Exchange.Client.client()
	token, err := d.ActorToken(ctx, agent)
	if err != nil {
		return nil, err
	}
	a, err := d.Attempt(ctx, c, []Mutation{With("requested_actor", agent.ID)}, []Mutation{WithActor(token)})
	if err == nil && !a.Issued() {
		err = &Blocked{By: "exchange", Owner: reports.Configuration, Err: fmt.Errorf("a sound flow with the configured agent ended so: %s", a.Ended())}
	}
	return a, err
}

// AgentShown tells whether a page of the sound flow named the agent to the user.
func (d *Deployment) AgentShown(ctx context.Context) (bool, error) {
	a, err := d.SoundAgent(ctx)
	if err != nil {
		return false, err
	}
	for _, page := range a.Authorization.Landing.Pages {
		for _, name := range []string{d.Target.Exchange.Client.ID, d.Target.Exchange.AgentName} {
			if name != "" && strings.Contains(strings.ToLower(page.Text), strings.ToLower(name)) {
				return true, nil
			}
		}
	}
	return false, nil
}

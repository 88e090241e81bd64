package authserver

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// actors are the subjects of act and of what is nested in it, the newest first.
// They are nil if there is no act, or if it is no object.
func actors(claims *wire.Document) []string {
	var chain []string
	for claims.Has("act") {
		act, err := wire.ParseDocument(claims.Members["act"])
		if err != nil {
			return nil
		}
		subject, _ := act.String("sub")
		chain = append(chain, subject)
		claims = act
	}
	return chain
}

// described is what a token says of itself, or what introspection says of it.
func described(ctx SpecContext, d *probes.Deployment, t *probes.Tokens) *wire.Document {
	claims, err := d.Described(ctx, t.Access)
	Expect(err).NotTo(HaveOccurred())
	if claims == nil {
		suites.Undecided(d, reports.Configuration, "access tokens are opaque: configure the resource server's client (introspection in the configuration) to see who acts")
	}
	return claims
}

var _ = suites.Register(suites.Check{
	ID:       "as-exchange-actor-proof",
	Title:    "Nobody is named as actor without proof",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 8693, 2.1", "RFC 8693, 2.2.2", "RFC 8693, 5"),
	Since:    suites.V20250326,
	Covers:   []string{"te-actor-proof"},
	Remedy:   "Take actor_token and actor_token_type together or not at all, verify the token, and require it to be the authenticated client's.",
	Needs:    []suites.Need{exchangeChain},
	Faults:   []fault.Fault{fault.ActorUnverified, fault.ActorOfAnother, fault.ActorTypeMissing, fault.ActorFromForm},
	Specs: func(d *probes.Deployment) {
		sound := probes.Start(d, func(ctx context.Context) (*probes.Tokens, error) { return d.ExchangeWithActor(ctx) })
		unproved := d.TryExchange(func(ctx context.Context, x *probes.Exchanger) ([]probes.Asking, error) {
			other, err := d.ActorToken(ctx, d.NextExchanger())
			if err != nil {
				return nil, err
			}
			all := []probes.Asking{
				exchanging("the token of another actor", probes.WithActor(other)),
				exchanging("an unknown token", probes.WithActor("unknown-"+probes.NewVerifier())),
				exchanging("the subject token", probes.WithActor(x.Subject.Access)),
				exchanging("a parameter act", probes.With("act", "admin")),
			}
			attacker, err := tokens.NewAttacker()
			if err != nil {
				return nil, err
			}
			for _, r := range []tokens.Recipe{tokens.Unsigned()[0], attacker.SameKeyID()} {
				if forged, err := r.Make(other); err == nil { // an opaque token cannot be forged
					all = append(all, exchanging("a token "+r.Name, probes.WithActor(forged)))
				}
			}
			return all, nil
		})
		halves := d.TryExchange(func(ctx context.Context, x *probes.Exchanger) ([]probes.Asking, error) {
			own, err := d.ActorToken(ctx, x.Client)
			return []probes.Asking{
				exchanging("an actor token without a type", probes.With("actor_token", own)),
				exchanging("the type of an actor token, and none", probes.With("actor_token_type", probes.TypeAccessToken)),
			}, err
		})

		It("by a token of its own", func(ctx SpecContext) {
			t, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !t.Issued() {
				d.Note("actor tokens are not taken, not even the client's own: %s", t.Error)
			}
			all, err := unproved.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			x, err := d.Exchanger(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, a := range all {
				if !a.Issued() {
					continue
				}
				chain := actors(described(ctx, d, a.Tokens))
				foreign := slices.DeleteFunc(slices.Clone(chain), func(actor string) bool { return actor == x.Client.ID })
				Expect(foreign).To(BeEmpty(), "%s was shown, and act names somebody who has not proved to be it", a.Name)
			}
		})
		It("with its type", func(ctx SpecContext) {
			all, err := halves.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if names := taken(all); len(names) > 0 {
				suites.Warn("an exchange is carried out with %s", names[0])
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-exchange-actors",
	Title:    "A token that was exchanged says who acts, all the way back",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 8693, 4.1", "RFC 8693, 5"),
	Since:    suites.V20250326,
	Covers:   []string{"te-act-chain"},
	Remedy:   "Make act an object that names the newest actor and holds the act of the subject token; leave sub alone, and limit the depth.",
	Needs:    []suites.Need{exchangeChain},
	Faults:   []fault.Fault{fault.ActForgotten, fault.ActSubject, fault.ActUnbounded},
	Specs: func(d *probes.Deployment) {
		chained := probes.Start(d, d.ChainExchanges)
		await := func(ctx SpecContext) (*probes.Chain, *probes.Exchanger) {
			c, err := chained.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			x, err := d.Exchanger(ctx)
			Expect(err).NotTo(HaveOccurred())
			return c, x
		}

		It("the newest actor first", func(ctx SpecContext) {
			c, x := await(ctx)
			first, second := actors(described(ctx, d, c.First)), actors(described(ctx, d, c.Second))
			if len(first) == 0 && len(second) == 0 {
				suites.NotApplicable("exchanged tokens name no actor: the server impersonates, which RFC 8693 (section 1.1) allows")
			}
			Expect(first).To(Equal([]string{x.Client.ID}), "the actors of the first exchange")
			Expect(second).To(Equal([]string{d.NextExchanger().ID, x.Client.ID}), "the actors of the second exchange")
		})
		It("for the user", func(ctx SpecContext) {
			c, x := await(ctx)
			user, _ := described(ctx, d, x.Subject).String("sub")
			for _, t := range []*probes.Tokens{c.First, c.Second} {
				subject, _ := described(ctx, d, t).String("sub")
				Expect(subject).To(Equal(user), "sub is no longer the user")
			}
		})
		It("but not for ever", func(ctx SpecContext) {
			c, _ := await(ctx)
			if c.Depth >= probes.MaxExchanges {
				suites.Warn("a token was exchanged %d times without end", c.Depth)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-exchange-delegation-kept",
	Title:    "A delegated token stays delegated, and to whom it names",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 8693, 4.1", "RFC 8693, 4.4"),
	Since:    suites.V20250326,
	Covers:   []string{"te-delegation-not-laundered"},
	Remedy:   "Carry act into whatever a token is exchanged for, and let nobody act but whom may_act names.",
	Needs:    []suites.Need{exchangeChain},
	Faults:   []fault.Fault{fault.ActDropped, fault.MayActIgnored},
	Specs: func(d *probes.Deployment) {
		chained := probes.Start(d, d.ChainExchanges)
		var delegated *probes.Future[*probes.Delegated]
		if d.Target.Exchange.Delegating != nil {
			delegated = probes.Start(d, d.ExchangeDelegated)
		}

		It("when it is exchanged again", func(ctx SpecContext) {
			c, err := chained.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(actors(described(ctx, d, c.First))) == 0 {
				suites.NotApplicable("exchanged tokens name no actor: the server impersonates, which RFC 8693 (section 1.1) allows")
			}
			Expect(actors(described(ctx, d, c.Second))).NotTo(BeEmpty(), "a token that says who acts was exchanged for one that does not")
		})
		It("to no other than may_act names", func(ctx SpecContext) {
			if delegated == nil {
				suites.NotApplicable("needs a client whose users' tokens carry may_act (exchange.delegating in the configuration)")
			}
			x, err := delegated.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !described(ctx, d, x.Subject).Has("may_act") {
				suites.Undecided(d, reports.Configuration, "the tokens of the configured client carry no may_act")
			}
			Expect(x.Other).To(suites.BeRefused(), "somebody may act whom may_act does not name")
		})
	},
})

// agentsAsked needs users who can be asked to let an agent act.
func agentsAsked(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.Exchange != nil && d.Target.Exchange.Agents && d.Target.Exchange.Next != nil,
		"an authorization server that takes requested_actor in the code flow, and two agents (exchange.agents in the configuration)"
}

var _ = suites.Register(suites.Check{
	ID:       "as-agent-consented",
	Title:    "The agent that acts is the one that the user agreed to",
	Role:     suites.AS,
	Area:     suites.TokenExchange,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("draft-oauth-ai-agents-on-behalf-of-user-02, 3", "RFC 8693, 4.1"),
	Since:    suites.V20250618,
	Covers:   []string{"te-agent-obo-code-flow"},
	Remedy:   "Keep requested_actor with the code, name it to the user, and redeem the code with a token of that agent only.",
	Needs:    []suites.Need{agentsAsked},
	Faults: []fault.Fault{
		fault.AgentAnyProof, fault.AgentUnproved, fault.AgentForged, fault.AgentUnknown, fault.AgentUnrequested, fault.AgentUnnamed, fault.AgentNamedWrongly,
	},
	Specs: func(d *probes.Deployment) {
		sound := probes.Start(d, d.SoundAgent)
		proofs := d.TryAgents(func(ctx context.Context, agent, other *probes.Client) ([]probes.Trial, error) {
			own, err := d.ActorToken(ctx, agent)
			if err != nil {
				return nil, err
			}
			others, err := d.ActorToken(ctx, other)
			if err != nil {
				return nil, err
			}
			asked := []probes.Mutation{probes.With("requested_actor", agent.ID)}
			forged := "unknown-" + probes.NewVerifier()
			if f, err := tokens.Unsigned()[0].Make(own); err == nil {
				forged = f
			}
			return []probes.Trial{
				{Name: "the token of another agent", Authorization: asked, Redemption: []probes.Mutation{probes.WithActor(others)}},
				{Name: "a forged token", Authorization: asked, Redemption: []probes.Mutation{probes.WithActor(forged)}},
				{Name: "an agent's token that the user was not asked about", Redemption: []probes.Mutation{probes.WithActor(own)}},
			}, nil
		})
		unproved := d.TryAgents(func(_ context.Context, agent, _ *probes.Client) ([]probes.Trial, error) {
			return []probes.Trial{{Name: "no token of the agent", Authorization: []probes.Mutation{probes.With("requested_actor", agent.ID)}}}, nil
		})
		unknown := d.TryAgents(func(context.Context, *probes.Client, *probes.Client) ([]probes.Trial, error) {
			return []probes.Trial{{Name: "an unknown agent", Authorization: []probes.Mutation{probes.With("requested_actor", "mcpassay-unknown-agent")}}}, nil
		})
		shown := probes.Start(d, d.AgentShown)

		It("as act says", func(ctx SpecContext) {
			a, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			chain := actors(described(ctx, d, a.Tokens))
			if len(chain) == 0 {
				suites.NotApplicable("requested_actor is ignored: no act comes of it")
			}
			Expect(chain[0]).To(Equal(d.Target.Exchange.Client.ID), "act names somebody else than the agent")
		})
		It("by its own proof", func(ctx SpecContext) {
			all, err := proofs.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, t := range all {
				if t.Issued() {
					Expect(actors(described(ctx, d, t.Tokens))).To(BeEmpty(), "an agent may act with %s", t.Name)
				}
			}
		})
		It("or nobody", func(ctx SpecContext) {
			all, err := unproved.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(succeeded(all)).To(BeEmpty(), "the user agreed to an agent, and the client got a token of its own with")
		})
		It("and is known", func(ctx SpecContext) {
			all, err := unknown.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, t := range all {
				Expect(t.Attempt.Authorization.Code).To(BeEmpty(), "a code was issued for %s", t.Name)
			}
		})
		It("by name", func(ctx SpecContext) {
			named, err := shown.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !named {
				suites.Warn("no page told the user which agent is to act")
			}
		})
	},
})

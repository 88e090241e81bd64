package fault

// Faults of token exchange (RFC 8693).
var (
	ExchangeAnyClient     = declare("exchange-any-client", "lets any registered client exchange tokens")
	ExchangePublicClient  = declare("exchange-public-client", "lets clients exchange tokens that do not prove who they are")
	ExchangeAnyAudience   = declare("exchange-any-audience", "exchanges tokens that were not meant for the client that exchanges them")
	ExchangeUnverified    = declare("exchange-unverified", "believes what a subject token says without verifying it")
	ExchangeRevoked       = declare("exchange-revoked", "exchanges tokens that were revoked", "as-exchange-lifetime")
	ExchangeAnyTarget     = declare("exchange-any-target", "exchanges tokens for whatever target is asked for")
	ExchangeAudienceBlind = declare("exchange-audience-blind", "looks at resource and issues for audience as well when tokens are exchanged")
	ExchangeScopeWidens   = declare("exchange-scope-widens", "lets an exchange ask for scopes that the token does not have")
	ExchangeScopeDefault  = declare("exchange-scope-default", "gives all scopes in exchange when none is asked for")
	ExchangeTypeUnchecked = declare("exchange-type-unchecked", "does not look at what type a subject token is said to be")
	ExchangeIDToken       = declare("exchange-id-token", "takes an ID token for an access token to exchange")
	ExchangeTypeMisnamed  = declare("exchange-type-misnamed", "names the type that was asked for, whatever it issues in exchange")
	ExchangeTypeUnnamed   = declare("exchange-type-unnamed", "does not say what type it issues in exchange")
	ExchangeErrorCode     = declare("exchange-error-code", "answers an exchange that fails with an error code of another kind")
	ExchangeRenews        = declare("exchange-renews", "gives a token a new life when it is exchanged")
	ExchangeOutlives      = declare("exchange-outlives", "lets what was exchanged live on when its source is revoked")

	ActorUnverified  = declare("actor-unverified", "believes what an actor token says without verifying it")
	ActorOfAnother   = declare("actor-of-another", "lets a client show the actor token of another")
	ActorTypeMissing = declare("actor-type-missing", "takes actor tokens of no type")
	ActorFromForm    = declare("actor-from-form", "takes the actor from a parameter of the exchange")
	ActSubject       = declare("act-subject", "makes the actor the subject of what was exchanged")
	ActForgotten     = declare("act-forgotten", "keeps only the newest actor")
	ActDropped       = declare("act-dropped", "issues tokens without act in exchange for ones that have it", "as-exchange-actors")
	ActUnbounded     = declare("act-unbounded", "lets tokens be exchanged from client to client for ever")
	MayActIgnored    = declare("may-act-ignored", "lets others act than may_act names")
)

// Faults of delegation to agents in the code flow.
var (
	AgentAnyProof     = declare("agent-any-proof", "lets another agent act than the user agreed to")
	AgentUnproved     = declare("agent-unproved", "issues a user's token without act although the user agreed to an agent")
	AgentForged       = declare("agent-forged", "does not verify the tokens of agents")
	AgentUnknown      = declare("agent-unknown", "asks users to delegate to agents that it does not know")
	AgentUnrequested  = declare("agent-unrequested", "lets an agent act that the user was not asked about")
	AgentUnnamed      = declare("agent-unnamed", "does not tell users which agent is to act for them")
	AgentNamedWrongly = declare("agent-named-wrongly", "names the client as actor instead of the agent")
)

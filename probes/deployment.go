// Package probes does things to a deployment and says what happened. A probe
// never judges: it returns what it saw, or an error when it could not look.
package probes

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// A Target is what the user says about the deployment.
type Target struct {
	URL       string         // of the MCP endpoint
	Users     []User         // the first is the one that signs in
	Clients   []StaticClient // registered by hand; the first is used where no registration is offered
	Spec      string         // MCP revision to test; empty: the newest that the server speaks
	Machines  []StaticClient // registered by hand for client credentials
	Workloads []*Workload    // the first may call the server, the second is trusted and may not
	Origins   []string       // further origins that belong to the deployment, such as a login service
	Steps     []LoginStep    // how to sign in; empty: found by what the pages look like
	Scopes    []string       // to ask for; empty: what the challenge or the metadata names
	Tool      *ToolCall      // a harmless protected call; nil: tools/list
	Effect    *Effect        // a call whose effect can be seen, if one is known

	Operations []Operation // harmless tool calls and the scopes they need, as far as that is known

	ScopeImplies map[string][]string // scopes that make others superfluous, as far as that is known

	// HostAddresses are addresses of the machine that a server on loopback runs on;
	// empty: those of this machine that others can reach.
	HostAddresses []string

	State State // what is kept between requests, as far as that is known

	OtherResource string // a second resource indicator that the authorization server serves
	Authorized    bool   // the user may test systems that are not on loopback
	Disturb       bool   // checks that can disturb other users may run

	Contract Contract // what the operator says about the deployment

	Park   bool     // what takes longer than Wait is set aside for another run
	Parked []Parked // what an earlier run has set aside, and whose time has come

	MaxRegistrations int           // default 150
	VisitTimeout     time.Duration // of one authorization request in a user agent; default 45 s
	Wait             time.Duration // how long a check may wait for something to expire; default 10 s

	Documents Documents // where the run publishes documents for the authorization server to fetch
	Ours      Ours      // the parties that are not under test, because ours stand in for them
	Issuer    string    // the authorization server's identifier, whatever the metadata says; empty: what it says

	Lab      *tokens.Issuer  // the authorization server's signing key, if we have it
	Upstream UpstreamWatcher // what reached the upstream, if we can see it

	Provider ProviderLab // the identity provider behind the authorization server, if it is ours

	Introspection IntrospectionLab // answers of the introspection endpoint, if we can choose them
	Keys          KeyLab           // what keys are published, if we can choose

	Introspector *StaticClient // the resource server's own client, which may introspect; nil: not known
	Enterprise   *Enterprise   // an identity provider of ours that is trusted; nil: none
	Chaining     *Chaining     // what identity assertions are issued for; nil: not known
	Exchange     *Exchange     // who may exchange tokens for what; nil: not known
}

// A Contract is what a deployment promises beyond the standards. What is not
// known is 0.
type Contract struct {
	CodeLifetime           time.Duration // of authorization codes
	AccessTokenLifetimeMax time.Duration
	RefreshTokenLifetime   time.Duration
	RevocationMax          time.Duration // until a revoked access token is refused
}

// Ours says which parties of a deployment are our own.
type Ours struct{ ResourceServer, AuthServer bool }

// A ToolCall names a tool and its arguments.
type ToolCall struct {
	Name      string
	Arguments map[string]any
}

// An UpstreamWatcher says which credentials reached the upstream API.
type UpstreamWatcher interface {
	// Credentials returns everything received so far, oldest first.
	Credentials(ctx context.Context) ([]UpstreamCredential, error)
	// Tool is the tool whose call makes the resource server call the upstream.
	Tool() ToolCall
	// Resource is the upstream's own resource indicator.
	Resource() string
}

// An UpstreamCredential is one credential that reached the upstream.
type UpstreamCredential struct {
	Token string
	In    string // header, path, query or body, and the name of the field
}

func (t *Target) setDefaults() {
	if t.MaxRegistrations <= 0 {
		t.MaxRegistrations = 150
	}
	if t.Wait <= 0 {
		t.Wait = 10 * time.Second
	}
	if t.Documents.Patience <= 0 {
		t.Documents.Patience = 10 * time.Second
	}
	if t.VisitTimeout <= 0 {
		t.VisitTimeout = 45 * time.Second
	}
}

// A Deployment is what is under test, as seen by one check: what is done through
// it becomes that check's evidence.
type Deployment struct {
	*bench
	ctx        context.Context
	transcript *wire.Transcript

	mu      sync.Mutex
	trouble error
	chain   time.Duration
	notes   []string
}

// bench is what all views of a deployment share.
type bench struct {
	Target   Target
	Endpoint *url.URL // the MCP endpoint

	root    context.Context
	wire    *wire.Client
	agent   UserAgent
	turns   chan struct{} // one for each visit that may be under way
	pending sync.WaitGroup
	ledger  ledger
	tally   tally
	created created

	aftermath aftermath
	edges     edges
	ahead     atomic.Int64 // how fast the deployment's clock is, in nanoseconds

	discovery  *Shared[*Discovery]
	client     *Shared[*Client]
	second     *Shared[*Client]
	disposable *Shared[*Client]
	web        *Shared[*Client]
	strange    *Shared[*Diverted]
	baseline   *Shared[*Tokens]
	era        *Shared[*Era]
	sessions   *Shared[bool]
	lab        *Shared[string]
	lax        *Shared[laxity]
	replay     *Shared[*Replay]
	firstCall  *Shared[string]
	oneGrant   *Shared[bool]
	caller     *Shared[*Client]
	flows      flows
	fresh      fresh
	controls   controls
	once       once
	hops       hops
	phases     phases
	parking    parking
	enrolling  enrolling
	scoped     scopedTokens
	scoping    *Shared[*Scoping]
	stepUps    *Shared[[]*StepUp]
	visit      *Shared[*UpstreamVisit]
}

// Open prepares to probe the target. Nothing is sent yet.
func Open(ctx context.Context, t Target, client *wire.Client, agent UserAgent) (*Deployment, error) {
	t.setDefaults()
	endpoint, err := url.Parse(t.URL)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	if (endpoint.Scheme != "http" && endpoint.Scheme != "https") || endpoint.Host == "" || endpoint.Fragment != "" {
		return nil, fmt.Errorf("target %q: want an absolute http or https URL without a fragment", t.URL)
	}
	for _, u := range t.Users {
		client.Redactor.Learn("password", u.Password)
	}
	for _, c := range t.Clients {
		client.Redactor.Learn("client_secret", c.Secret)
	}
	t.learnSecrets(client.Redactor)
	for _, c := range t.Machines {
		client.Redactor.Learn("client_secret", c.Secret)
	}
	b := &bench{Target: t, Endpoint: endpoint, root: ctx, wire: client, agent: agent}
	b.turns = make(chan struct{}, client.Concurrency())
	if limited, ok := agent.(interface{ Concurrency() int }); ok {
		b.turns = make(chan struct{}, limited.Concurrency())
	}
	d := &Deployment{bench: b, ctx: ctx, transcript: &wire.Transcript{}}
	b.discovery = Share(d, discover(b))
	b.client = Share(d, b.defaultClient)
	b.second = Share(d, b.anotherClient)
	b.disposable = Share(d, b.disposableClient)
	b.web = Share(d, b.webClient)
	b.strange = Share(d, b.divertStrangely)
	b.baseline = Share(d, b.firstGrant)
	b.oneGrant = Share(d, b.detectOneGrant)
	b.caller = Share(d, b.anotherClient)
	b.era = Share(d, b.detectEra)
	b.sessions = Share(d, b.detectSessions)
	b.lab = Share(d, b.firstLabToken)
	b.lax = Share(d, b.howLax)
	b.replay = Share(d, b.replayRefresh)
	b.firstCall = Share(d, func(ctx context.Context) (string, error) { return b.view(ctx).soundCall(ctx) })
	b.scoping = Share(d, b.exploreScopes)
	b.stepUps = Share(d, b.climb)
	b.visit = Share(d, b.visitUpstream)
	b.ledger.add("resource", "server URL", t.URL)
	return d, nil
}

// For returns the deployment as seen by one check, whose probes end with ctx.
func (d *Deployment) For(ctx context.Context) *Deployment {
	return &Deployment{bench: d.bench, ctx: ctx, transcript: &wire.Transcript{}}
}

// Note adds a remark to the check's result, such as a refusal in an unusual way.
func (d *Deployment) Note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	note := d.wire.Redactor.String(fmt.Sprintf(format, args...))
	for _, n := range d.notes {
		if n == note {
			return
		}
	}
	d.notes = append(d.notes, note)
}

// Notes returns the remarks.
func (d *Deployment) Notes() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.notes
}

// TakeTrouble returns the error of the last probe awaited that could not be
// carried out, and forgets it.
func (d *Deployment) TakeTrouble() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.trouble
	d.trouble = nil
	return err
}

// Chain is the length of the longest chain of dependent requests awaited so far.
func (d *Deployment) Chain() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.chain
}

// Evidence returns the recorded exchanges.
func (d *Deployment) Evidence() []*wire.Exchange { return d.transcript.Exchanges() }

// Redact replaces every known secret in s.
func (d *Deployment) Redact(s string) string { return d.wire.Redactor.String(s) }

func (d *Deployment) file(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trouble = err
}

func (d *Deployment) lengthen(chain time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.chain = max(d.chain, chain)
}

// Quiet waits until every probe has ended, so that nothing is created any more.
func (d *Deployment) Quiet() { d.pending.Wait() }

// Budget says what was asked of the target so far.
func (d *Deployment) Budget() reports.Budget {
	return reports.Budget{
		Spent:            d.wire.Spent(),
		Registrations:    d.tally.count("registrations"),
		MaxRegistrations: d.Target.MaxRegistrations,
		Concurrency:      d.wire.Concurrency(),
		Flows:            d.tally.count("flows"),
	}
}

// tally counts things by name.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (t *tally) count(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n[name]
}

// take counts one more, unless there are limit already. No limit is negative.
func (t *tally) take(name string, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if limit >= 0 && t.n[name] >= limit {
		return false
	}
	if t.n == nil {
		t.n = map[string]int{}
	}
	t.n[name]++
	return true
}

// File records why something could not be decided, as a probe's error is.
func (d *Deployment) File(err error) { d.file(err) }

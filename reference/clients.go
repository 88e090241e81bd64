package reference

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// How clients authenticate at the token endpoint.
const (
	authNone      = "none"
	authBasic     = "client_secret_basic"
	authPost      = "client_secret_post"
	authAssertion = "private_key_jwt"
)

// The grant types.
const (
	grantCode     = "authorization_code"
	grantRefresh  = "refresh_token"
	grantMachine  = "client_credentials"
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	grantIdentity = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// A Client is a registered client.
type Client struct {
	ID              string
	Secret          string // for client_secret_basic and client_secret_post
	AuthMethod      string
	RedirectURIs    []string
	GrantTypes      []string
	Scopes          []string // that it may ask for
	Name            string
	ApplicationType string

	// Key signs the assertions of a registered client that authenticates by
	// private_key_jwt; its private half is the client's, and known to us only
	// because we made up the client.
	Key *tokens.Issuer

	SelfRegistered bool
	boundTokens    bool // it takes no other than DPoP-bound ones

	certificateBound bool                       // its tokens are bound to its certificate
	jwks             json.RawMessage            // public keys, for private_key_jwt
	keysAt           *keySource                 // where those are published; nil: they were registered themselves
	described        map[string]json.RawMessage // other metadata, as registered
	manager          string                     // digest of the registration access token
	registered       time.Time
	host             string // of the document that describes it; empty: none does
	logo             string // that the document names

	pushes bool   // all its authorization requests
	mayAct string // who may act with the tokens of its users, as may_act says

	// What only faults look at.
	askedGrants    []string
	anyRedirect    bool
	deleted        bool
	needsNoConsent bool
}

// trusted tells whether the operator vouches for the client.
func (c *Client) trusted() bool { return !c.SelfRegistered }

// DisplayName is what users see. It is the client's own claim.
func (c *Client) DisplayName() string {
	if c.Name == "" {
		return "An application without a name"
	}
	return c.Name
}

// Ids of the clients that the operator has registered.
const (
	PublicClient    = "preregistered-public"
	BasicClient     = "preregistered-basic"
	PostClient      = "preregistered-post"
	AssertionClient = "preregistered-jwt"
	MachineClient   = "preregistered-machine"

	EnterpriseClient      = "preregistered-enterprise"
	OtherEnterpriseClient = "preregistered-enterprise-other"
	AgentClient           = "preregistered-agent"
	OtherAgentClient      = "preregistered-agent-other"
	DelegatingClient      = "preregistered-delegating"
)

// presetClients registers the operator's clients, with new credentials.
func (s *AuthServer) presetClients() error {
	s.preset = map[string]*Client{}
	add := func(id, name, method string, grants ...string) *Client {
		c := &Client{
			ID: id, Name: name, AuthMethod: method, GrantTypes: grants, Scopes: knownScopes, registered: s.now(),
		}
		if contains(grants, grantCode) {
			c.RedirectURIs = []string{"http://127.0.0.1/callback", "https://client.example/callback"}
		}
		if method == authBasic || method == authPost {
			c.Secret = secret()
		}
		s.preset[id] = c
		s.presetOrder = append(s.presetOrder, id)
		return c
	}
	add(PublicClient, "Registered native application", authNone, grantCode, grantRefresh)
	add(BasicClient, "Registered web application", authBasic, grantCode, grantRefresh)
	add(PostClient, "Registered web application (secret in body)", authPost, grantCode, grantRefresh)
	signer := add(AssertionClient, "Registered web application (key)", authAssertion, grantCode, grantRefresh)
	add(MachineClient, "Nightly job", authBasic, grantMachine).Scopes = []string{scopeRead, scopeWrite}
	add(EnterpriseClient, "Company assistant", authBasic, grantIdentity, grantExchange, grantCode)
	add(OtherEnterpriseClient, "Company calendar", authBasic, grantIdentity, grantExchange, grantCode)
	add(AgentClient, "Research agent", authBasic, grantMachine, grantExchange)
	add(OtherAgentClient, "Archive agent", authBasic, grantMachine, grantExchange)
	add(DelegatingClient, "Application that employs the research agent", authNone, grantCode).mayAct = AgentClient
	add(ResourceServerClient, "Notes server", authBasic, grantExchange, grantCode).Scopes = []string{scopeRead, scopeUpstream}

	var err error
	for _, c := range s.options.Clients {
		if c.Key != nil {
			if c.jwks, err = c.Key.JWKS(); err != nil {
				return err
			}
		}
		s.preset[c.ID] = &c
		s.presetOrder = append(s.presetOrder, c.ID)
	}
	if signer.Key, err = tokens.NewIssuer(signer.ID); err != nil {
		return err
	}
	signer.jwks, err = signer.Key.JWKS()
	return err
}

// Clients are the clients that the operator has registered, with credentials.
func (s *AuthServer) Clients() []Client {
	var list []Client
	for _, id := range s.presetOrder {
		c := *s.preset[id]
		c.RedirectURIs, c.GrantTypes, c.Scopes = slices.Clone(c.RedirectURIs), slices.Clone(c.GrantTypes), slices.Clone(c.Scopes)
		list = append(list, c)
	}
	return list
}

// resourceServerSecret is what the resource server authenticates with.
func (s *AuthServer) resourceServerSecret() string { return s.preset[ResourceServerClient].Secret }

// client finds a client, or returns nil.
func (s *AuthServer) client(id string) *Client {
	if c := s.preset[id]; c != nil {
		return c
	}
	if c, ok := s.clients.get(id, s.now()); ok {
		return c
	}
	return s.describedClient(id)
}

// unregistered makes up a client that nobody registered, as only a fault does.
func (s *AuthServer) unregistered(id, redirectURI string) *Client {
	c := &Client{
		ID: id, AuthMethod: authNone, SelfRegistered: true, RedirectURIs: []string{redirectURI},
		GrantTypes: []string{grantCode, grantRefresh}, Scopes: openScopes,
	}
	s.clients.put(id, c, s.now().Add(clientLifetime))
	return c
}

// forget removes a client and everything that was ever granted to it.
func (s *AuthServer) forget(c *Client) {
	if s.faults.Has(fault.DeleteNothing) {
		return
	}
	if s.faults.Has(fault.DeleteKeepsTokens) {
		c.deleted = true
		return
	}
	s.clients.remove(c.ID)
	for _, kept := range s.grants.values {
		if kept.value.client == c.ID {
			kept.value.revoked = true
		}
	}
}

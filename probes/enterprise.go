package probes

import (
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
)

// learnSecrets has the secrets of all configured clients kept out of reports.
func (t *Target) learnSecrets(r *wire.Redactor) {
	all := []*StaticClient{t.Introspector}
	if e := t.Enterprise; e != nil {
		all = append(all, &e.Client, e.Another)
	}
	if c := t.Chaining; c != nil {
		all = append(all, &c.Client, c.Another)
	}
	if x := t.Exchange; x != nil {
		all = append(all, &x.Client, x.Next, x.Delegating)
	}
	for _, c := range all {
		if c != nil {
			r.Learn("client_secret", c.Secret)
		}
	}
}

// referenceGrants says what a reference deployment knows of grants beyond the
// code flow.
func referenceGrants(t *Target, s *reference.Server) {
	clients := map[string]StaticClient{}
	for _, c := range s.AuthServer.Clients() {
		clients[c.ID] = StaticClient{ID: c.ID, Secret: c.Secret, Method: c.AuthMethod}
	}
	client := func(id string) *StaticClient {
		c := clients[id]
		return &c
	}
	t.Introspection, t.Keys = introspectionLab{s.AuthServer}, keyLab{s.AuthServer}
	t.Introspector = client(reference.ResourceServerClient)
	providers := s.AuthServer.IdentityProviders()
	t.Enterprise = &Enterprise{
		Provider: providers[0].Keys, Other: providers[1].Keys, Subject: "00u1", Email: s.Users()[0].Name + "@corp.example",
		Client: *client(reference.EnterpriseClient), Another: client(reference.OtherEnterpriseClient),
	}
	t.Chaining = &Chaining{
		Client: *client(reference.EnterpriseClient), Another: client(reference.OtherEnterpriseClient),
		Audience: "https://partner-as.example", Resource: "https://partner.example/mcp", OtherResource: "https://second.example/mcp",
	}
	t.Exchange = &Exchange{
		Client: *client(reference.AgentClient), Resource: s.ResourceServer.OtherEndpoint(), Scopes: []string{"notes.read", "upstream.read"},
		Next: client(reference.OtherAgentClient), NextResource: s.ResourceServer.Endpoint(),
		Delegating: client(reference.DelegatingClient), Agents: true,
	}
}

package probes

import (
	"context"
	"time"

	"github.com/mcpassay/mcpassay/reference"
)

// Reference is the target that a running reference deployment makes, with
// everything known about it that a configuration could say.
func Reference(s *reference.Server) Target {
	t := Target{
		URL:           s.ResourceServer.Endpoint(),
		OtherResource: s.ResourceServer.OtherEndpoint(),
		Lab:           s.AuthServer.Keys(),
		Upstream:      upstream{s.Upstream},
		Effect: &Effect{
			Do:     ToolCall{Name: "write_note", Arguments: map[string]any{"text": "{mark}"}},
			See:    ToolCall{Name: "read_note"},
			Scopes: []string{"notes.read", "notes.write"},
		},
		Disturb:   true,
		Contract:  Contract{CodeLifetime: s.CodeLifetime(), RevocationMax: time.Second},
		Documents: Documents{Trust: s.AuthServer.TrustDocuments, Names: true, Patience: s.FetchTimeout() * 3 / 2},
	}
	if s.SpeaksOldest() {
		t.Spec = Oldest
	}
	if idp := s.IdentityProvider(); idp != nil {
		t.Origins, t.Provider = append(t.Origins, idp.Issuer()), providerLab{idp}
	}
	t.HostAddresses = []string{reference.ElsewhereHost}
	t.ScopeImplies = map[string][]string{"notes.all": {"notes.read", "notes.write"}}
	t.State = State{
		Identity: &ToolCall{Name: "whoami"},
		Handles:  &Handles{Create: ToolCall{Name: "open_cart"}, Use: ToolCall{Name: "read_cart"}, Argument: "cart_id"},
		Rounds:   &ToolCall{Name: "share_note", Arguments: map[string]any{"with": "carol"}},
		Rounded:  s.RequestStateLifetime(),
		Task:     &ToolCall{Name: "review_notes"},
		Link:     &ToolCall{Name: "link_account"},
	}
	if users := s.Users(); len(users) > 1 {
		t.State.Mirrored = &Mirrored{Call: ToolCall{Name: "read_tenant"}, Argument: "tenant", Own: users[0].Name, Other: users[1].Name}
	}
	for _, u := range s.Users() {
		t.Users = append(t.Users, User(u))
	}
	referenceGrants(&t, s)
	for _, c := range s.AuthServer.Clients() {
		if c.ID == reference.MachineClient {
			t.Machines = append(t.Machines, StaticClient{ID: c.ID, Secret: c.Secret, Method: c.AuthMethod})
		}
	}
	for _, w := range s.AuthServer.Workloads() {
		t.Workloads = append(t.Workloads, &Workload{Issuer: w.Issuer, Subject: w.Subject, Signer: w.Key})
	}
	for _, o := range s.ResourceServer.Operations() {
		t.Operations = append(t.Operations, Operation{ToolCall{o.Tool, o.Arguments}, o.Scopes})
	}
	return t
}

// upstream watches the reference upstream.
type upstream struct{ *reference.Upstream }

func (u upstream) Credentials(context.Context) ([]UpstreamCredential, error) {
	return credentials(u.Received()), nil
}

func credentials(received []reference.Credential) []UpstreamCredential {
	var all []UpstreamCredential
	for _, c := range received {
		all = append(all, UpstreamCredential{Token: c.Token, In: c.In})
	}
	return all
}

func (u upstream) Tool() ToolCall   { return ToolCall{Name: "upstream_profile"} }
func (u upstream) Resource() string { return u.URL() }

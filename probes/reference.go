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
		Documents: Documents{Trust: s.AuthServer.TrustDocuments, Patience: s.FetchTimeout() * 3 / 2},
	}
	if idp := s.IdentityProvider(); idp != "" {
		t.Origins = append(t.Origins, idp)
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

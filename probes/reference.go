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
		Disturb:  true,
		Contract: Contract{CodeLifetime: s.CodeLifetime(), RevocationMax: time.Second},
	}
	for _, u := range s.Users() {
		t.Users = append(t.Users, User(u))
	}
	for _, o := range s.ResourceServer.Operations() {
		t.Operations = append(t.Operations, Operation{ToolCall{o.Tool, o.Arguments}, o.Scopes})
	}
	return t
}

// upstream watches the reference upstream.
type upstream struct{ *reference.Upstream }

func (u upstream) Credentials(context.Context) ([]UpstreamCredential, error) {
	var all []UpstreamCredential
	for _, c := range u.Received() {
		all = append(all, UpstreamCredential{Token: c.Token, In: c.In})
	}
	return all, nil
}

func (u upstream) Tool() ToolCall   { return ToolCall{Name: "upstream_profile"} }
func (u upstream) Resource() string { return u.URL() }

package probes

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
)

// BehindStandIn is the target where only an authorization server is under test:
// a resource server of ours trusts it.
func BehindStandIn(s *reference.StandIn, issuer string, scopes []string) Target {
	return Target{
		URL: s.URL(), Issuer: issuer, Ours: Ours{ResourceServer: true}, Scopes: scopes,
		Tool: &ToolCall{Name: reference.StandInTool},
	}
}

// WithLab is the target where only a resource server is under test: it trusts an
// authorization server of ours, whose key can sign whatever it must refuse.
func (t Target) WithLab(lab *reference.Lab) Target {
	t.Ours.AuthServer, t.Issuer, t.Lab = true, lab.Issuer(), lab.Keys()
	t.Introspection, t.Keys = introspectionLab{lab.AuthServer}, keyLab{lab.AuthServer}
	introspector := lab.ResourceServerClient()
	t.Introspector = &StaticClient{ID: introspector.ID, Secret: introspector.Secret, Method: introspector.AuthMethod}
	t.Disturb, t.Contract.CodeLifetime = true, time.Minute // nobody else is disturbed
	if t.OtherResource == "" {
		t.OtherResource = reference.LabOtherResource
	}
	t.Users, t.Clients, t.Steps = nil, nil, nil
	for _, u := range lab.Users() {
		t.Users = append(t.Users, User(u))
	}
	return t
}

// A StubbedUpstream watches a stub in the place of the upstream API.
type StubbedUpstream struct {
	Stub       *reference.Stub
	Call       ToolCall // makes the resource server call the stub
	Identifier string   // resource indicator of what the stub stands for
}

// Credentials returns what reached the stub.
func (u *StubbedUpstream) Credentials(context.Context) ([]UpstreamCredential, error) {
	return credentials(u.Stub.Received()), nil
}

// Tool is the tool that makes the resource server call it.
func (u *StubbedUpstream) Tool() ToolCall { return u.Call }

// Resource is its resource indicator.
func (u *StubbedUpstream) Resource() string { return u.Identifier }

// trustPoll is how often an MCP server is looked at until it trusts the lab.
const trustPoll = time.Second

// AwaitTrust waits until the MCP server trusts the lab's authorization server: its
// metadata names the issuer, or it has asked for the keys. A token that the lab
// has signed gives it reason to.
func AwaitTrust(ctx context.Context, client *wire.Client, endpoint string, lab *reference.Lab) error {
	poll := time.NewTicker(trustPoll)
	defer poll.Stop()
	for {
		if trusts(ctx, client, endpoint, lab) {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("%s neither names the issuer %s nor has asked for its keys: %w", endpoint, lab.Issuer(), context.Cause(ctx))
		}
	}
}

func trusts(ctx context.Context, client *wire.Client, endpoint string, lab *reference.Lab) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	b := &bench{Endpoint: u, Target: Target{URL: endpoint}, wire: client}
	x := &Discovery{}
	m := modernCall("tools/list", nil)
	token, err := lab.Keys().Mint(tokens.Claims{
		"iss": lab.Issuer(), "sub": "mcpassay", "aud": endpoint, "client_id": "mcpassay", "jti": NewVerifier(),
	}, tokens.Dated("iat", 0), tokens.Dated("exp", time.Minute))
	if err != nil {
		return false
	}
	bearer(m, token)
	_, _ = b.post(ctx, endpoint, m) // what counts is whether it asks for the keys
	if lab.Fetched() {
		return true
	}
	if x.Anonymous, err = b.post(ctx, endpoint, modernCall("tools/list", nil)); err != nil {
		return false
	}
	x.Challenges, _ = wire.Challenges(x.Anonymous.Header)
	b.findResourceMetadata(ctx, x)
	if x.PRM == nil {
		return false
	}
	servers, _ := x.PRM.Document.Strings("authorization_servers")
	return slices.ContainsFunc(servers, func(server string) bool {
		return strings.TrimSuffix(server, "/") == strings.TrimSuffix(lab.Issuer(), "/")
	})
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
)

// Credentials are those of a confidential client that has a part of its own, and
// is not to be used for anything else.
type Credentials struct {
	ID        string `yaml:"client_id" json:"client_id" jsonschema:"its identifier"`
	SecretEnv string `yaml:"client_secret_env" json:"client_secret_env,omitempty" jsonschema:"name of the environment variable that holds its secret; none: a public client"`
}

// client is the client; nil if none is named.
func (c Credentials) client() (*probes.StaticClient, error) {
	switch {
	case c.ID == "":
		return nil, nil
	case c.SecretEnv == "":
		return &probes.StaticClient{ID: c.ID}, nil
	}
	secret, err := secretFrom(c.SecretEnv, "")
	if err != nil {
		return nil, usagef("the secret of client %s: %w", c.ID, err)
	}
	return &probes.StaticClient{ID: c.ID, Secret: secret}, nil
}

// Enterprise is an identity provider that the authorization server trusts, and
// whose key you hold.
type Enterprise struct {
	Issuer       string         `yaml:"issuer" json:"issuer,omitempty" jsonschema:"its issuer identifier"`
	KeyFile      string         `yaml:"key_file" json:"key_file,omitempty" jsonschema:"file with its private key, an ES256 JWK with a kid: that of a provider made for tests"`
	Subject      string         `yaml:"subject" json:"subject,omitempty" jsonschema:"sub of a user whom the authorization server knows"`
	Email        string         `yaml:"email" json:"email,omitempty" jsonschema:"email address of that user"`
	Claims       map[string]any `yaml:"claims" json:"claims,omitempty" jsonschema:"further claims that its identity assertions need"`
	Scopes       []string       `yaml:"scopes" json:"scopes,omitempty" jsonschema:"scopes to assert; default: those that the run asks for"`
	Client       Credentials    `yaml:"client" json:"client,omitzero" jsonschema:"a client that may use identity assertions"`
	OtherClient  Credentials    `yaml:"other_client" json:"other_client,omitzero" jsonschema:"another one that may"`
	OtherIssuer  string         `yaml:"other_issuer" json:"other_issuer,omitempty" jsonschema:"issuer identifier of a second trusted provider"`
	OtherKeyFile string         `yaml:"other_key_file" json:"other_key_file,omitempty" jsonschema:"file with the second provider's private key"`
}

// Chaining is what an authorization server that is an identity provider issues
// identity assertions for.
type Chaining struct {
	Client        Credentials `yaml:"client" json:"client,omitzero" jsonschema:"a client that may get identity assertions for its users"`
	OtherClient   Credentials `yaml:"other_client" json:"other_client,omitzero" jsonschema:"another one that may"`
	Audience      string      `yaml:"audience" json:"audience,omitempty" jsonschema:"issuer identifier of an authorization server that they may be for"`
	Resource      string      `yaml:"resource" json:"resource,omitempty" jsonschema:"a resource of that server"`
	OtherResource string      `yaml:"other_resource" json:"other_resource,omitempty" jsonschema:"a resource of another authorization server"`
}

// Exchange is who may exchange tokens for what.
type Exchange struct {
	Client       Credentials `yaml:"client" json:"client,omitzero" jsonschema:"a client that may exchange the tokens that the MCP server is called with"`
	Resource     string      `yaml:"resource" json:"resource,omitempty" jsonschema:"the resource that it may exchange them for"`
	Scopes       []string    `yaml:"scopes" json:"scopes,omitempty" jsonschema:"scopes of the tokens to exchange; default: those that the run asks for"`
	Next         Credentials `yaml:"next" json:"next,omitzero" jsonschema:"a second client, which may exchange in turn what the first one got"`
	NextResource string      `yaml:"next_resource" json:"next_resource,omitempty" jsonschema:"the resource that it may exchange it for"`
	Delegating   Credentials `yaml:"delegating" json:"delegating,omitzero" jsonschema:"a client of the code flow whose tokens name the first client in may_act"`
	Agents       bool        `yaml:"agents" json:"agents,omitempty" jsonschema:"true if users can be asked, by requested_actor in the code flow, to let the first client act for them"`
	AgentName    string      `yaml:"agent_name" json:"agent_name,omitempty" jsonschema:"what users are told that the first client is called"`
}

// validateGrants finds what is missing in what is said of grants.
func (c *Config) validateGrants() error {
	e, n, x := c.Enterprise, c.Chaining, c.Exchange
	for _, m := range []struct {
		said     bool
		complete bool
		want     string
	}{
		{e.Issuer != "" || e.Client.ID != "", e.Issuer != "" && e.KeyFile != "" && e.Subject != "" && e.Client.ID != "", "enterprise: issuer, key_file, subject and client are needed"},
		{e.OtherIssuer != "" || e.OtherKeyFile != "", e.OtherIssuer != "" && e.OtherKeyFile != "", "enterprise: other_issuer and other_key_file go together"},
		{n.Audience != "" || n.Client.ID != "", n.Audience != "" && n.Client.ID != "", "chaining: audience and client are needed"},
		{x.Resource != "" || x.Client.ID != "", x.Resource != "" && x.Client.ID != "", "exchange: resource and client are needed"},
		{x.NextResource != "" || x.Next.ID != "", x.NextResource != "" && x.Next.ID != "", "exchange: next and next_resource go together"},
	} {
		if m.said && !m.complete {
			return errors.New(m.want)
		}
	}
	if _, err := json.Marshal(e.Claims); err != nil {
		return fmt.Errorf("enterprise: the claims cannot be sent as JSON: %w", err)
	}
	return nil
}

// grants says what is configured of grants beyond the code flow.
func grants(c *Config, target *probes.Target) error {
	var errs []error
	client := func(from Credentials) *probes.StaticClient {
		resolved, err := from.client()
		errs = append(errs, err)
		return resolved
	}
	key := func(issuer, file string) *tokens.Issuer {
		if file == "" {
			return nil
		}
		signer, err := providerKey(issuer, file)
		errs = append(errs, err)
		return signer
	}
	target.Introspector = client(c.Introspection)
	if e := c.Enterprise; e.Issuer != "" {
		target.Enterprise = &probes.Enterprise{
			Provider: key(e.Issuer, e.KeyFile), Other: key(e.OtherIssuer, e.OtherKeyFile), Another: client(e.OtherClient),
			Subject: e.Subject, Email: e.Email, Scopes: e.Scopes, Claims: e.Claims,
		}
		if of := client(e.Client); of != nil {
			target.Enterprise.Client = *of
		}
	}
	if n := c.Chaining; n.Audience != "" {
		target.Chaining = &probes.Chaining{Another: client(n.OtherClient), Audience: n.Audience, Resource: n.Resource, OtherResource: n.OtherResource}
		if of := client(n.Client); of != nil {
			target.Chaining.Client = *of
		}
	}
	if x := c.Exchange; x.Resource != "" {
		target.Exchange = &probes.Exchange{
			Resource: x.Resource, Scopes: x.Scopes, Next: client(x.Next), NextResource: x.NextResource,
			Delegating: client(x.Delegating), Agents: x.Agents, AgentName: x.AgentName,
		}
		if of := client(x.Client); of != nil {
			target.Exchange.Client = *of
		}
	}
	return errors.Join(errs...)
}

// maxProviderKey bounds a key file, in bytes.
const maxProviderKey = 64 << 10

// providerKey reads the private key of an identity provider from a file.
func providerKey(issuer, path string) (*tokens.Issuer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, usagef("the key of %s: %w", issuer, err)
	}
	defer file.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(file, maxProviderKey))
	if err != nil {
		return nil, usagef("the key of %s: %w", issuer, err)
	}
	signer, err := tokens.ReadIssuer(issuer, text)
	if err != nil {
		return nil, usagef("the key of %s: %w", issuer, err)
	}
	return signer, nil
}

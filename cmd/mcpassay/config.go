package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A Config is what a user says about a deployment in a file. Secrets are never
// in it: it names where they are. docs/config.schema.json is generated from it.
type Config struct {
	URL           string      `yaml:"url" json:"url,omitempty" jsonschema:"URL of the MCP endpoint; the command line may name another"`
	Authorized    bool        `yaml:"authorized" json:"authorized,omitempty" jsonschema:"true if you may test this deployment although it is not on loopback"`
	Users         []User      `yaml:"users" json:"users,omitempty" jsonschema:"test users; the first signs in, a second one makes more checks possible"`
	Clients       []Client    `yaml:"clients" json:"clients,omitempty" jsonschema:"clients registered by hand, for authorization servers without dynamic registration"`
	Workloads     []Workload  `yaml:"workloads" json:"workloads,omitempty" jsonschema:"workloads whose issuer the authorization server trusts: the first may call the server, a second one is trusted and may not"`
	Login         []Step      `yaml:"login" json:"login,omitempty" jsonschema:"how to sign in and consent, where the pages are too unusual to be understood unaided"`
	Browser       Browser     `yaml:"browser" json:"browser,omitzero" jsonschema:"the user agent"`
	Scopes        []string    `yaml:"scopes" json:"scopes,omitempty" jsonschema:"scopes to ask for; default: what the server's challenge or metadata names"`
	Resources     Resources   `yaml:"resources" json:"resources,omitzero" jsonschema:"resource indicators"`
	Tool          Tool        `yaml:"tool" json:"tool,omitzero" jsonschema:"a harmless tool whose call needs a token; default: tools/list is called instead"`
	Effect        Effect      `yaml:"effect" json:"effect,omitzero" jsonschema:"a tool whose effect another one shows, to see that refused calls have none"`
	Operations    []Operation `yaml:"operations" json:"operations,omitempty" jsonschema:"harmless tool calls that need different scopes, to see whether scopes are enforced; default: tools that say they only read"`
	Contract      Contract    `yaml:"contract" json:"contract,omitzero" jsonschema:"what the deployment promises beyond the standards"`
	CAFile        string      `yaml:"ca_file" json:"ca_file,omitempty" jsonschema:"file with the certificates, in PEM, of further authorities to trust"`
	As            AuthServer  `yaml:"as" json:"as,omitzero" jsonschema:"an authorization server to test alone, instead of url: a resource server of ours trusts it"`
	LabAS         Lab         `yaml:"lab_as" json:"lab_as,omitzero" jsonschema:"an authorization server of ours, to test the MCP server alone: the MCP server has to be told its issuer and the URL of its keys"`
	LabIDP        LabIDP      `yaml:"lab_idp" json:"lab_idp,omitzero" jsonschema:"an identity provider of ours, where the authorization server has users sign in: it has to be told its issuer and its client there"`
	Introspection Credentials `yaml:"introspection" json:"introspection,omitzero" jsonschema:"the resource server's own client, which may introspect tokens"`
	Enterprise    Enterprise  `yaml:"enterprise" json:"enterprise,omitzero" jsonschema:"an identity provider that the authorization server trusts and whose key you hold, for identity assertions (ID-JAG)"`
	Chaining      Chaining    `yaml:"chaining" json:"chaining,omitzero" jsonschema:"what the authorization server, as an identity provider, issues identity assertions for"`
	Exchange      Exchange    `yaml:"exchange" json:"exchange,omitzero" jsonschema:"who may exchange tokens for what (RFC 8693)"`
	Documents     Documents   `yaml:"documents" json:"documents,omitzero" jsonschema:"where this run publishes client ID metadata documents for the authorization server to fetch; not needed where it is on loopback and takes any certificate"`
	Implies       ScopeMap    `yaml:"scope_implies" json:"scope_implies,omitempty" jsonschema:"scopes that make others superfluous, each with those that it implies"`
	State         State       `yaml:"state" json:"state,omitzero" jsonschema:"where the server keeps something for its users between requests, to see whether it keeps it apart"`
	Upstream      Upstream    `yaml:"upstream" json:"upstream,omitzero" jsonschema:"the API behind the MCP server"`
	Limits        Limits      `yaml:"limits" json:"limits,omitzero" jsonschema:"how much to ask of the deployment"`
	Disturb       bool        `yaml:"disturb" json:"disturb,omitempty" jsonschema:"true to run checks that can disturb other users of the system"`
}

// A User can sign in at the authorization server.
type User struct {
	Name         string `yaml:"name" json:"name" jsonschema:"what the user types as name or e-mail address"`
	PasswordEnv  string `yaml:"password_env" json:"password_env,omitempty" jsonschema:"name of the environment variable that holds the password; default: MCPASSAY_PASSWORD"`
	PasswordFile string `yaml:"password_file" json:"password_file,omitempty" jsonschema:"file whose first line is the password"`
}

// A Client is registered at the authorization server.
type Client struct {
	ID          string `yaml:"client_id" json:"client_id" jsonschema:"its identifier"`
	SecretEnv   string `yaml:"client_secret_env" json:"client_secret_env,omitempty" jsonschema:"name of the environment variable that holds the secret; none: a public client"`
	SecretFile  string `yaml:"client_secret_file" json:"client_secret_file,omitempty" jsonschema:"file whose first line is the secret"`
	AuthMethod  string `yaml:"auth_method" json:"auth_method,omitempty" jsonschema:"token endpoint authentication method: none, client_secret_basic, client_secret_post or private_key_jwt"`
	KeyFile     string `yaml:"private_key_file" json:"private_key_file,omitempty" jsonschema:"file with the private key, in PEM or as a JWK, by which the client signs assertions (private_key_jwt)"`
	SigningAlg  string `yaml:"signing_alg" json:"signing_alg,omitempty" jsonschema:"algorithm of its assertions; default: the usual one for the key, such as ES256 or RS256"`
	Grant       string `yaml:"grant" json:"grant,omitempty" jsonschema:"client_credentials for a client that acts for itself and never for a user; default: authorization_code"`
	RedirectURI string `yaml:"redirect_uri" json:"redirect_uri,omitempty" jsonschema:"a redirect URI registered for it; nothing has to listen there"`
}

// A Step is one thing the user does on a page: exactly one of fill, click and
// wait_for.
type Step struct {
	Fill    string `yaml:"fill" json:"fill,omitempty" jsonschema:"CSS selector of a field to type value into"`
	Value   string `yaml:"value" json:"value,omitempty" jsonschema:"what to type: a literal, {username} or {password}"`
	Click   string `yaml:"click" json:"click,omitempty" jsonschema:"CSS selector of what to click"`
	WaitFor string `yaml:"wait_for" json:"wait_for,omitempty" jsonschema:"CSS selector of what must appear"`
}

// Browser is about the user agent.
type Browser struct {
	Path  string   `yaml:"path" json:"path,omitempty" jsonschema:"the executable; default: one is looked for"`
	Allow []string `yaml:"allow" json:"allow,omitempty" jsonschema:"further origins that belong to the deployment, such as a login service; the browser reaches no others"`
}

// Resources are resource indicators (RFC 8707).
type Resources struct {
	Other string `yaml:"other" json:"other,omitempty" jsonschema:"a second resource that the same authorization server issues tokens for"`
}

// A ScopeMap names, for a scope, others that it implies.
type ScopeMap map[string][]string

// A Tool is a tool of the MCP server and what to call it with.
type Tool struct {
	Name      string         `yaml:"name" json:"name,omitempty" jsonschema:"its name"`
	Arguments map[string]any `yaml:"arguments" json:"arguments,omitempty" jsonschema:"its arguments"`
}

// An Effect is a call that leaves something behind, and one that shows it.
type Effect struct {
	Do     Tool     `yaml:"do" json:"do,omitzero" jsonschema:"the tool that leaves something behind; {mark} in an argument becomes a text to look for"`
	See    Tool     `yaml:"see" json:"see,omitzero" jsonschema:"the tool whose result shows that text to the same user, and to no other"`
	Scopes []string `yaml:"scopes" json:"scopes,omitempty" jsonschema:"the scopes that both need"`
}

// An Operation is a call of a tool that does no harm, and the scopes it needs.
type Operation struct {
	Tool      string         `yaml:"tool" json:"tool" jsonschema:"name of the tool"`
	Arguments map[string]any `yaml:"arguments" json:"arguments,omitempty" jsonschema:"its arguments"`
	Scopes    []string       `yaml:"scopes" json:"scopes,omitempty" jsonschema:"all the scopes that the call needs; none: not known"`
}

// An AuthServer is tested alone.
type AuthServer struct {
	Issuer       string `yaml:"issuer" json:"issuer,omitempty" jsonschema:"its issuer identifier"`
	Resource     string `yaml:"resource" json:"resource,omitempty" jsonschema:"the resource indicator to ask for, where only registered ones are known; default: the URL of our resource server"`
	IntrospectAs string `yaml:"introspect_as" json:"introspect_as,omitempty" jsonschema:"client_id of the one among clients that our resource server introspects tokens as, where they are opaque"`
}

// A Lab is an authorization server of ours.
type Lab struct {
	Addr   string        `yaml:"addr" json:"addr,omitempty" jsonschema:"host and port to listen on"`
	Issuer string        `yaml:"issuer" json:"issuer,omitempty" jsonschema:"the URL that the MCP server reaches it under, if that is not its address"`
	Wait   time.Duration `yaml:"wait" json:"wait,omitempty" jsonschema:"how long to wait until the MCP server trusts it, such as 2m"`
}

// An Upstream is the API behind the MCP server.
type Upstream struct {
	Stub     string `yaml:"stub" json:"stub,omitempty" jsonschema:"host and port where a stub of ours stands in for it, to see which credentials reach it"`
	Tool     Tool   `yaml:"tool" json:"tool,omitzero" jsonschema:"the tool whose call makes the MCP server call it"`
	Resource string `yaml:"resource" json:"resource,omitempty" jsonschema:"its resource indicator, which tokens for it have as audience; default: the URL of the stub"`
}

// Documents says where the run publishes what the authorization server fetches.
type Documents struct {
	Listen      string `yaml:"listen" json:"listen,omitempty" jsonschema:"address to listen on, such as 0.0.0.0:8443; default: a free port of 127.0.0.1"`
	URL         string `yaml:"url" json:"url,omitempty" jsonschema:"https URL under which the authorization server reaches that address"`
	Certificate string `yaml:"certificate" json:"certificate,omitempty" jsonschema:"file with the certificate chain in PEM that the authorization server trusts; default: one of a throw-away authority"`
	Key         string `yaml:"key" json:"key,omitempty" jsonschema:"file with its private key in PEM"`
}

// Limits bounds what a run asks of the deployment.
type Limits struct {
	Concurrency   int           `yaml:"concurrency" json:"concurrency,omitempty" jsonschema:"requests under way at once"`
	Rate          float64       `yaml:"rate" json:"rate,omitempty" jsonschema:"requests a second"`
	Timeout       time.Duration `yaml:"timeout" json:"timeout,omitempty" jsonschema:"how long to wait for one answer, such as 20s"`
	Registrations int           `yaml:"registrations" json:"registrations,omitempty" jsonschema:"clients that a run may register"`
	Wait          time.Duration `yaml:"wait" json:"wait,omitempty" jsonschema:"how long a check may wait for something to expire, such as 10s"`
}

// A Contract is what a deployment promises beyond the standards.
type Contract struct {
	CodeLifetime           time.Duration `yaml:"code_lifetime" json:"code_lifetime,omitempty" jsonschema:"how long authorization codes can be redeemed, such as 60s"`
	AccessTokenLifetimeMax time.Duration `yaml:"access_token_lifetime_max" json:"access_token_lifetime_max,omitempty" jsonschema:"the longest that an access token may live, such as 1h"`
	RefreshTokenLifetime   time.Duration `yaml:"refresh_token_lifetime" json:"refresh_token_lifetime,omitempty" jsonschema:"how long refresh tokens live that are not used, such as 720h"`
	RevocationMax          time.Duration `yaml:"revocation_max" json:"revocation_max,omitempty" jsonschema:"how soon a revoked access token is refused, such as 60s"`
}

// maxConfig bounds the file, in bytes.
const maxConfig = 1 << 20

// loadConfig reads a configuration. Every mistake in it is an error that names
// the file and, where YAML tells, the line.
func loadConfig(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, usagef("read the configuration: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return nil, usagef("read the configuration: %w", err)
	}
	if len(text) > maxConfig {
		return nil, usagef("%s: longer than %d bytes", path, maxConfig)
	}
	c, err := parseConfig(text)
	if err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	return c, nil
}

func parseConfig(text []byte) (*Config, error) {
	c := &Config{}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, explain(err)
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("one document is expected, and another follows")
	}
	return c, c.validate()
}

func (c *Config) validate() error {
	for _, part := range []func() error{
		c.validateUsers, c.validateClients, c.validateWorkloads, c.validateLogin, c.validateNumbers, c.validateTools,
		c.State.validate, c.validateVantage, c.validateGrants, c.validateDocuments, c.validateOperations,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) validateUsers() error {
	for i, u := range c.Users {
		if u.Name == "" {
			return fmt.Errorf("users[%d]: name is missing", i)
		}
		if u.PasswordEnv != "" && u.PasswordFile != "" {
			return fmt.Errorf("users[%d]: password_env and password_file exclude each other", i)
		}
	}
	return nil
}

func (c *Config) validateClients() error {
	for i := range c.Clients {
		if err := c.Clients[i].validate(); err != nil {
			return fmt.Errorf("clients[%d]: %w", i, err)
		}
	}
	return nil
}

func (c *Client) validate() error {
	secret := c.SecretEnv != "" || c.SecretFile != ""
	switch {
	case c.ID == "":
		return errors.New("client_id is missing")
	case c.SecretEnv != "" && c.SecretFile != "":
		return errors.New("client_secret_env and client_secret_file exclude each other")
	case c.SigningAlg != "" && c.KeyFile == "":
		return errors.New("signing_alg goes with private_key_file")
	case c.Grant != "" && c.Grant != "authorization_code" && c.Grant != "client_credentials":
		return fmt.Errorf("grant %q is not one of authorization_code, client_credentials", c.Grant)
	}
	switch c.AuthMethod {
	case "private_key_jwt":
		if c.KeyFile == "" || secret {
			return errors.New("auth_method private_key_jwt needs private_key_file, and no secret")
		}
		return nil
	case "", "none", "client_secret_basic", "client_secret_post":
	default:
		return fmt.Errorf("auth_method %q is not one of none, client_secret_basic, client_secret_post, private_key_jwt", c.AuthMethod)
	}
	switch {
	case c.KeyFile != "" && (c.AuthMethod != "" || secret):
		return errors.New("private_key_file goes with auth_method private_key_jwt, and with no secret")
	case c.AuthMethod == "none" && secret:
		return errors.New("a client with auth_method none has no secret")
	case strings.HasPrefix(c.AuthMethod, "client_secret_") && !secret:
		return fmt.Errorf("auth_method %s needs client_secret_env or client_secret_file", c.AuthMethod)
	}
	return nil
}

func (c *Config) validateLogin() error {
	for i, s := range c.Login {
		n := 0
		for _, selector := range []string{s.Fill, s.Click, s.WaitFor} {
			if selector != "" {
				n++
			}
		}
		if n != 1 {
			return fmt.Errorf("login[%d]: exactly one of fill, click and wait_for is needed", i)
		}
		if s.Value != "" && s.Fill == "" {
			return fmt.Errorf("login[%d]: value goes with fill", i)
		}
	}
	return nil
}

func (c *Config) validateNumbers() error {
	if c.Limits.Concurrency < 0 || c.Limits.Rate < 0 || c.Limits.Timeout < 0 || c.Limits.Registrations < 0 || c.Limits.Wait < 0 {
		return errors.New("limits: none can be negative")
	}
	if c.Contract.CodeLifetime < 0 || c.Contract.AccessTokenLifetimeMax < 0 || c.Contract.RefreshTokenLifetime < 0 || c.Contract.RevocationMax < 0 {
		return errors.New("contract: no time can be negative")
	}
	return nil
}

func (c *Config) validateTools() error {
	if (c.Effect.Do.Name == "") != (c.Effect.See.Name == "") {
		return errors.New("effect: do and see go together")
	}
	for name, tool := range map[string]Tool{"tool": c.Tool, "effect.do": c.Effect.Do, "effect.see": c.Effect.See, "upstream.tool": c.Upstream.Tool} {
		if tool.Name == "" && tool.Arguments != nil {
			return fmt.Errorf("%s: arguments are given but no name", name)
		}
		if _, err := json.Marshal(tool.Arguments); err != nil {
			return fmt.Errorf("%s: the arguments cannot be sent as JSON: %w", name, err)
		}
	}
	return nil
}

func (c *Config) validateDocuments() error {
	if (c.Documents.Certificate == "") != (c.Documents.Key == "") {
		return errors.New("documents: certificate and key go together")
	}
	return nil
}

func (c *Config) validateVantage() error {
	asker := c.As.IntrospectAs
	switch {
	case c.As.Issuer == "" && c.As != AuthServer{}:
		return errors.New("as: issuer is missing")
	case asker != "" && !slices.ContainsFunc(c.Clients, func(client Client) bool {
		return client.ID == asker && (client.SecretEnv != "" || client.SecretFile != "")
	}):
		return fmt.Errorf("as.introspect_as: no client with a secret among clients is called %q", asker)
	case c.LabAS.Addr == "" && c.LabAS != Lab{}:
		return errors.New("lab_as: addr is missing")
	case c.LabAS.Wait < 0:
		return errors.New("lab_as: wait cannot be negative")
	}
	return c.LabIDP.validate()
}

func (c *Config) validateOperations() error {
	for i, o := range c.Operations {
		if o.Tool == "" {
			return fmt.Errorf("operations[%d]: tool is missing", i)
		}
		if _, err := json.Marshal(o.Arguments); err != nil {
			return fmt.Errorf("operations[%d]: the arguments cannot be sent as JSON: %w", i, err)
		}
	}
	return nil
}

var (
	unknownField = regexp.MustCompile(`^(line \d+): field (.+) not found in type (\S+)$`)
	yamlPrefix   = regexp.MustCompile(`^yaml: `)
)

// explain puts a YAML error into words that do not need Go to be understood, with
// a suggestion for each unknown key.
func explain(err error) error {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return errors.New(yamlPrefix.ReplaceAllString(err.Error(), ""))
	}
	keys := map[string][]string{}
	keysOf(reflect.TypeFor[Config](), keys)
	said := make([]string, len(types.Errors))
	for i, message := range types.Errors {
		said[i] = message
		if parts := unknownField.FindStringSubmatch(message); parts != nil {
			said[i] = fmt.Sprintf("%s: unknown key %q%s", parts[1], parts[2], didYouMean(parts[2], keys[parts[3]]))
		}
	}
	return errors.New(strings.Join(said, ", and "))
}

// keysOf collects the keys of a struct type and of those within, by the name of
// the type.
func keysOf(t reflect.Type, into map[string][]string) {
	switch t.Kind() {
	case reflect.Slice:
		keysOf(t.Elem(), into)
	case reflect.Struct:
		for i := range t.NumField() {
			key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			into[t.String()] = append(into[t.String()], key)
			keysOf(t.Field(i).Type, into)
		}
	}
}

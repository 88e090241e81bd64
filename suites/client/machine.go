package client

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/suites"
)

// The situations of client credentials: an operator has told the client of its
// registration. The code flow and registration are there as well, for clients that
// do not know this grant, and as a temptation for those that do.
var (
	machineBasic = machineSituation("client-credentials-basic", "gives clients tokens of their own for a secret", Works, byMachineSecret, nil)
	machineOdd   = machineSituation("client-credentials-odd", "gives clients tokens of their own, and says so in unusual ways", Works, byMachineSecret, func(l *Lab) {
		shaped(variant.ExtraClaims)(l)
		l.stand(rewriteAnswers(reference.PartyAuthServer, http.MethodPost, "/token", terse))
	})
	machineSigned = machineSituation("client-credentials-jwt", "gives clients tokens of their own for a signature", Works, byMachineKey, nil)
	machinePath   = machineSituation("client-credentials-jwt-path", "gives clients tokens of their own for a signature, and has an issuer identifier with a path",
		Works, byMachineKey, shaped(variant.PathIssuer))
	machineIssuer = machineSituation("client-credentials-issuer-foreign", "would have a client's secret by metadata that names another issuer",
		Refuses, byMachineSecret, with(fault.DiscoveryIssuerForeign))
	machineResource = machineSituation("client-credentials-prm-other-resource", "would have a client's secret by metadata of another resource",
		Refuses, byMachineSecret, with(fault.MetadataWrongResource))
)

// How a client proves who it is.
const (
	byMachineSecret = "client_secret_basic"
	byMachineKey    = "private_key_jwt"
)

const (
	machineID     = "conformance-test-client"
	machineSecret = "conformance-test-secret"
)

func machineSituation(id, doc string, ends Ending, method string, shape func(*Lab)) *Situation {
	s := Situation{
		ID: id, Doc: doc, Ends: ends, Contract: "auth/client-credentials-basic", Extension: machine,
		Reached: usesExtension, Context: machineContext, Since: suites.V20251125,
		Shape: func(l *Lab) {
			c := reference.Client{
				ID: machineID, AuthMethod: method, GrantTypes: []string{grantMachine}, Scopes: []string{"notes.read", "notes.write"},
			}
			if method == byMachineSecret {
				c.Secret, l.ForClients.AuthMethods = machineSecret, []string{method}
			} else {
				c.Key = newKey(machineID)
			}
			l.Clients = append(l.Clients, c)
			if shape != nil {
				shape(l)
			}
		},
	}
	if method == byMachineKey {
		s.Contract = "auth/client-credentials-jwt"
	}
	if ends == Refuses {
		s.Reached = func(t *Trace) bool { return len(t.resourceMetadata()) > 0 && !usedOtherwise(t) }
		s.Proceeded = usesExtension
	}
	return Declare(s)
}

// usedOtherwise tells whether the client asked for authorization in another way.
func usedOtherwise(t *Trace) bool { return !usesExtension(t) && usedEndpoints(t) }

// newKey makes a key that signs for somebody.
func newKey(name string) *tokens.Issuer {
	key, err := tokens.NewIssuer(name)
	if err != nil {
		panic(err) // there is no randomness
	}
	return key
}

// machineContext tells a client of its registration, as the contract does.
func machineContext(s *Stage) ContextOf {
	for _, c := range s.Lab.Clients {
		if c.ID != machineID || c.Key == nil {
			continue
		}
		key, err := c.Key.PrivatePEM()
		if err != nil {
			panic(err) // it is ours
		}
		return ContextOf{"client_id": machineID, "private_key_pem": key, "signing_algorithm": "ES256"}
	}
	return ContextOf{"client_id": machineID, "client_secret": machineSecret}
}

// terse leaves out of a token response what it need not hold, and adds what nobody
// knows (RFC 6749, section 5.1).
func terse(_ *Stage, d map[string]any) {
	for _, member := range []string{"expires_in", "scope"} {
		delete(d, member)
	}
	if kind, ok := d["token_type"].(string); ok {
		d["token_type"] = strings.ToLower(kind)
	}
	d["x_example"] = map[string]any{"nested": []any{1, nil}}
}

var _ = Register(Check{
	ID: "client-cc-auth-method", Title: "For a token of its own the client authenticates as it was told, and registers nowhere", Area: suites.ClientCredentials,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125,
	Cites: []suites.Cite{
		{Doc: "MCP Extensions", Section: "OAuth Client Credentials, Client Authentication Methods"}, {Doc: "RFC 7523", Section: "3"},
	},
	Covers: []string{"client-cc-auth-method"},
	Remedy: "Use the configured credentials: the secret by HTTP Basic, or an assertion with iss and sub the client id, aud the issuer, and an end.",
	In:     []*Situation{machineBasic, machineSigned, machineOdd, machinePath},
	Defects: []testclient.Defect{
		testclient.ConfigurationIgnored, testclient.AuthMethodIgnored, testclient.SecretInURI, testclient.AssertionMistyped,
		testclient.AssertionForResource, testclient.AssertionNameless, testclient.AssertionEternal, testclient.AssertionExpired, testclient.AssertionForeignKey,
	},
	Judge: judged(func(t *Trace) Verdict {
		if len(t.Registrations()) > 0 {
			return fails("the client registered, although it was told of its registration")
		}
		return every(t.grants(grantMachine), "", func(r *Request) string {
			if t.Context["private_key_pem"] == "" {
				return misauthenticated(r, machineID, machineSecret, byMachineSecret)
			}
			return t.misasserted(r)
		})
	}),
})

// misasserted says what is wrong with a client assertion (RFC 7523, section 3).
func (t *Trace) misasserted(r *Request) string {
	const kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	assertion := r.Params.Get("client_assertion")
	parsed, err := tokens.Parse(assertion)
	switch {
	case r.Params.Get("client_assertion_type") != kind:
		return "client_assertion_type is " + quoted(r.Params.Get("client_assertion_type"))
	case err != nil:
		return "the client assertion is no JWT"
	}
	signer, err := tokens.ParseSigner([]byte(t.Context["private_key_pem"]), t.Context["signing_algorithm"])
	if err != nil {
		panic(err) // it is ours
	}
	jwks, err := signer.JWKS()
	if err != nil {
		panic(err) // it is ours
	}
	issuer, _ := parsed.String("iss")
	subject, _ := parsed.String("sub")
	audience, _ := parsed.Audience()
	expires, err := parsed.Time("exp")
	switch {
	case tokens.SignedBy(assertion, jwks) != nil:
		return "the client assertion is not signed with the client's key"
	case issuer != machineID || subject != machineID:
		return "iss and sub of the client assertion are not both the client's id"
	case !slices.ContainsFunc(audience, t.isServer):
		return "aud of the client assertion does not name the authorization server"
	case err != nil || expires.IsZero():
		return "the client assertion never expires"
	case expires.Before(r.At.Add(-time.Minute)):
		return "the client assertion had expired"
	}
	return ""
}

// isServer tells whether a name stands for the authorization server: its issuer
// identifier, or, as RFC 7523 had it at first, its token endpoint.
func (t *Trace) isServer(name string) bool {
	name = strings.TrimSuffix(name, "/")
	return name == strings.TrimSuffix(t.Issuer, "/") || name == t.Issuer+"/token"
}

var _ = Register(Check{
	ID: "client-cc-resource-and-discovery", Title: "Tokens of the client's own are asked for after discovery, and for the resource", Area: suites.ClientCredentials,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125,
	Cites: []suites.Cite{
		{Doc: "MCP Extensions", Section: "OAuth Client Credentials, Extension Requirements"}, {Doc: "RFC 8707", Section: "2.2"}, {Doc: "RFC 9728", Section: "3.3"},
	},
	Covers: []string{"client-cc-resource-and-discovery"},
	Remedy: "Find the authorization server in the resource's metadata, check what that metadata describes, and name the resource in the token request.",
	In:     []*Situation{machineBasic, machineSigned, machineOdd, machinePath, machineIssuer, machineResource},
	Defects: []testclient.Defect{
		testclient.NoResource, testclient.NoResourceAtToken, testclient.ResourceIsOrigin, testclient.ServerAssumed,
		testclient.IssuerUnchecked, testclient.ResourceUnchecked,
	},
	Judge: func(t *Trace) Verdict {
		if t.Situation.Ends == Refuses {
			return t.keepsCredentials()
		}
		if !usesExtension(t) {
			return t.unused(machine.Name)
		}
		v := every(t.grants(grantMachine), "", t.misnamed)
		if first := t.grants(grantMachine)[0]; v == passes() && !fetchedBefore(t.resourceMetadata(), first) {
			return warns("the client asked for a token without having read which authorization server is the resource's")
		}
		return v
	},
})

// keepsCredentials judges a client before metadata that is not to be used.
func (t *Trace) keepsCredentials() Verdict {
	switch {
	case usesExtension(t) && t.Situation == machineIssuer:
		return fails("the client proved who it is to a server whose metadata names another issuer")
	case usesExtension(t):
		return fails("the client proved who it is to a server that metadata of another resource names")
	case usedEndpoints(t):
		return t.unused(machine.Name)
	case t.Situation == machineIssuer && !sawMetadata(t), len(t.resourceMetadata()) == 0:
		return notReached("the client never fetched the metadata")
	}
	return passes()
}

// misnamed says how a token request fails to name the resource.
func (t *Trace) misnamed(r *Request) string {
	switch got := r.Params["resource"]; {
	case len(got) == 0:
		return "the token request named no resource"
	case !slices.Equal(got, []string{t.Resource}):
		return "the token request named the resource " + quoted(strings.Join(got, " ")) + ", which is not the server's"
	}
	return ""
}

// fetchedBefore tells whether one of the documents was there when a request was made.
func fetchedBefore(documents []*Request, r *Request) bool {
	return slices.ContainsFunc(documents, func(d *Request) bool { return d.Status == http.StatusOK && d.At.Before(r.At) })
}

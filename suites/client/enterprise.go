package client

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/suites"
)

// PartyIdentityProvider is the company's server that signs users in, as it appears
// in a trace.
const PartyIdentityProvider reference.Party = "identity provider"

// A ProviderLab is the identity provider of a situation while it is being made.
type ProviderLab struct {
	Faults []fault.Fault
	Front  front

	redirects []string // of the client under test
}

// How the client is known, at the authorization server and at the identity provider.
const (
	enterpriseID     = "conformance-test-xaa-client"
	enterpriseSecret = "conformance-test-xaa-secret"
	providerID       = "conformance-test-idp-client"
)

// provide starts the identity provider, and makes the authorization server believe it.
func (s *Stage) provide() (err error) {
	lab := s.Lab.Provider
	o := reference.Options{
		Host: s.Lab.Host, Faults: lab.Faults, ForClients: &reference.ClientLab{Unattended: s.Lab.ForClients.Unattended},
		Clients: []reference.Client{{
			ID: providerID, AuthMethod: "none", Name: "Client under test", Scopes: []string{"openid", "notes.read", "notes.write"},
			GrantTypes:   []string{grantExchange, "authorization_code"},
			RedirectURIs: slices.Concat([]string{"http://localhost:3000/callback"}, lab.redirects),
		}},
		Observe: func(x *reference.Observation) {
			x.Party = PartyIdentityProvider
			s.observe(x)
		},
	}
	if lab.Front != nil {
		o.Around = func(party reference.Party, next http.Handler) http.Handler { return lab.Front(s, party, next) }
	}
	if s.Provider, err = reference.Start(o); err != nil {
		return err
	}
	s.Server.AuthServer.TrustProvider(s.Provider.AuthServer)
	s.Provider.AuthServer.IssueFor(reference.Partner{
		Issuer: s.Server.AuthServer.Issuer(), Resource: s.Server.ResourceServer.Endpoint(),
		Clients: map[string]string{providerID: enterpriseID},
	})
	return nil
}

// provider are the client's requests to the identity provider.
func (t *Trace) provider(method, suffix string) []*Request {
	return t.theirs(PartyIdentityProvider, method, suffix)
}

// exchanges are those for an identity assertion.
func (t *Trace) exchanges() []*Request {
	return slices.DeleteFunc(t.provider(http.MethodPost, "/token"), func(r *Request) bool {
		return r.Params.Get("grant_type") != grantExchange
	})
}

// The situations of identity assertions: the company's identity provider says which
// of its users may use which server by which client.
var (
	enterprisePlain = enterpriseSituation(Situation{ID: "enterprise", Doc: "takes identity assertions of a company's identity provider", Ends: Works}, nil)
	enterpriseOdd   = enterpriseSituation(Situation{
		ID: "enterprise-odd", Doc: "has an issuer identifier with a path, and a company's identity provider that answers in unusual ways", Ends: Works,
	}, func(l *Lab) {
		shaped(variant.PathIssuer, variant.ExtraClaims)(l)
		l.Provider.Front = rewriteAnswers(reference.PartyAuthServer, http.MethodPost, "/token", terse)
		l.Front = rewriteAnswers(reference.PartyAuthServer, http.MethodPost, "/token", terse)
	})
	enterpriseUnoffered = enterpriseSituation(Situation{
		ID: "enterprise-not-offered", Doc: "does not say that it takes identity assertions", Ends: Refuses,
		Reached: sawMetadata, Proceeded: func(t *Trace) bool { return len(t.grants(grantAssertion)) > 0 },
	}, with(fault.IDJAGUnadvertised))
	enterpriseOther = enterpriseSituation(Situation{
		ID: "enterprise-other-token", Doc: "goes with an identity provider that answers with an access token of its own", Ends: Refuses,
		Reached:   func(t *Trace) bool { return len(t.exchanges()) > 0 },
		Proceeded: func(t *Trace) bool { return len(t.grants(grantAssertion)) > 0 },
	}, func(l *Lab) { l.Provider.Faults = []fault.Fault{fault.IDPBearer} })
)

// The situations of single sign-on: the client has to sign the user in first.
var (
	signOn      = signOnSituation(Situation{ID: "single-sign-on", Doc: "takes identity assertions for users who sign in first", Ends: Works}, nil)
	signOnState = signOnSituation(Situation{
		ID: "single-sign-on-state-wrong", Doc: "has a user sign in first, whose answer comes with another state", Ends: Refuses,
	}, func(q url.Values) { q.Set("state", "of-another-request-altogether") })
	signOnStateless = signOnSituation(Situation{
		ID: "single-sign-on-state-missing", Doc: "has a user sign in first, whose answer comes without the state", Ends: Refuses,
	}, func(q url.Values) { q.Del("state") })
	signOnNonce = signOnSituation(Situation{
		ID: "single-sign-on-nonce-wrong", Doc: "has a user sign in first, whose ID token has another nonce", Ends: Refuses,
		Proceeded: func(t *Trace) bool { return len(t.exchanges())+len(t.grants(grantAssertion)) > 0 },
	}, func(q url.Values) { q.Set("nonce", "of-another-request-altogether") })
)

func enterpriseSituation(s Situation, shape func(*Lab)) *Situation {
	s.Contract, s.Extension, s.Since, s.Context = "auth/enterprise-managed-authorization", enterprise, suites.V20251125, enterpriseContext
	if s.Reached == nil {
		s.Reached = usesExtension
	}
	s.Shape = func(l *Lab) {
		l.Provider, l.ForClients.AuthMethods = &ProviderLab{}, []string{"client_secret_basic"}
		l.Clients = append(l.Clients, reference.Client{
			ID: enterpriseID, Secret: enterpriseSecret, AuthMethod: "client_secret_basic",
			GrantTypes: []string{grantAssertion}, Scopes: []string{"notes.read", "notes.write"},
		})
		if shape != nil {
			shape(l)
		}
	}
	return Declare(s)
}

// signOnSituation tampers with authorization requests to the identity provider, and
// so with its answers.
func signOnSituation(s Situation, tamper func(url.Values)) *Situation {
	s.Reached = func(t *Trace) bool { return len(t.provider(http.MethodGet, "/authorize")) > 0 }
	if s.Ends == Refuses && s.Proceeded == nil {
		s.Proceeded = func(t *Trace) bool { return len(t.provider(http.MethodPost, "/token")) > 0 }
	}
	declared := enterpriseSituation(s, func(l *Lab) {
		if tamper != nil {
			l.Provider.Front = tampered(tamper)
		}
	})
	declared.Context = func(s *Stage) ContextOf {
		all := enterpriseContext(s)
		delete(all, "idp_id_token")
		return all
	}
	return declared
}

// tampered changes the parameters of authorization requests.
func tampered(change func(url.Values)) front {
	return func(_ *Stage, party reference.Party, next http.Handler) http.Handler {
		if party != reference.PartyAuthServer {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && r.URL.Path == "/authorize" {
				q, u := r.URL.Query(), *r.URL
				change(q)
				u.RawQuery = q.Encode()
				r = r.Clone(r.Context())
				r.URL = &u
			}
			next.ServeHTTP(w, r)
		})
	}
}

// enterpriseContext tells the client of its registrations and of its user, as the
// contract does.
func enterpriseContext(s *Stage) ContextOf {
	token, err := s.Provider.AuthServer.IDTokenFor(providerID)
	if err != nil {
		panic(err) // it is ours
	}
	issuer := s.Provider.AuthServer.Issuer()
	return ContextOf{
		"client_id": enterpriseID, "client_secret": enterpriseSecret,
		"idp_client_id": providerID, "idp_issuer": issuer, "idp_token_endpoint": issuer + "/token", "idp_id_token": token,
	}
}

// idTokens are those that the client has: it was told of one, or signed the user in.
func (t *Trace) idTokens() []string {
	all := []string{t.Context["idp_id_token"]}
	for _, r := range t.provider(http.MethodPost, "/token") {
		all = append(all, r.text("id_token"))
	}
	return slices.DeleteFunc(all, func(token string) bool { return token == "" })
}

var enterpriseCites = []suites.Cite{
	{Doc: "MCP Extensions", Section: "Enterprise-Managed Authorization"}, {Doc: "Identity Assertion JWT Authorization Grant", Section: "4"},
}

var _ = Register(Check{
	ID: "client-ema-token-exchange", Title: "The identity provider is asked for an assertion for this very server and resource", Area: suites.EnterpriseManaged,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125, Cites: enterpriseCites,
	Covers: []string{"client-ema-token-exchange"},
	Remedy: "Exchange the ID token for an id-jag, with the issuer identifier as audience, the resource of the metadata, and the client's id at the identity provider.",
	In:     []*Situation{enterprisePlain, enterpriseOdd, signOn},
	Defects: []testclient.Defect{
		testclient.ExchangeTypeMissing, testclient.ExchangeForEndpoint, testclient.ResourceIsOrigin, testclient.ExchangeMistyped,
		testclient.ExchangeAsOther, testclient.ExchangeTokenOther,
	},
	Judge: judged(func(t *Trace) Verdict {
		return every(t.exchanges(), "the client never asked the identity provider for an assertion", t.misexchanged)
	}),
})

// misexchanged says what is wrong with a token exchange (ID-JAG, section 4.3).
func (t *Trace) misexchanged(r *Request) string {
	id, _, basic := r.basic()
	if !basic {
		id = r.Params.Get("client_id")
	}
	switch p := r.Params; {
	case p.Get("requested_token_type") != "urn:ietf:params:oauth:token-type:id-jag":
		return "requested_token_type is " + quoted(p.Get("requested_token_type"))
	case !slices.Equal(p["audience"], []string{t.Issuer}):
		return "audience is " + quoted(p.Get("audience")) + ", not the issuer identifier of the MCP server's authorization server"
	case p.Has("resource") && !slices.Equal(p["resource"], []string{t.Resource}):
		return "resource is " + quoted(p.Get("resource")) + ", which is not the server's"
	case p.Get("subject_token_type") != "urn:ietf:params:oauth:token-type:id_token":
		return "subject_token_type is " + quoted(p.Get("subject_token_type"))
	case !slices.Contains(t.idTokens(), p.Get("subject_token")):
		return "the subject token is no ID token that the client was given"
	case id != providerID:
		return "the client is " + quoted(id) + " to the identity provider, which is not what it is called there"
	}
	return ""
}

var _ = Register(Check{
	ID: "client-ema-jwt-bearer", Title: "The identity assertion is redeemed with the client's own credentials, and without the user", Area: suites.EnterpriseManaged,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125, Cites: enterpriseCites,
	Covers: []string{"client-ema-jwt-bearer"},
	Remedy: "Send the identity provider's assertion to the token endpoint of the resource's authorization server, by the jwt-bearer grant.",
	In:     []*Situation{enterprisePlain, enterpriseOdd, signOn},
	Defects: []testclient.Defect{
		testclient.ExchangeSkipped, testclient.EnterpriseAsksUser, testclient.EnterpriseUnproved, testclient.AuthMethodIgnored, testclient.SecretInURI,
	},
	Judge: judged(func(t *Trace) Verdict {
		if answered(t) {
			return fails("the client sent the user to the authorization server")
		}
		var given []string
		for _, r := range t.exchanges() {
			given = append(given, r.text("access_token"))
		}
		return every(t.grants(grantAssertion), "the client never redeemed an identity assertion", func(r *Request) string {
			if assertion := r.Params.Get("assertion"); assertion == "" || !slices.Contains(given, assertion) {
				return "the assertion is not what the identity provider answered"
			}
			return misauthenticated(r, enterpriseID, enterpriseSecret, "client_secret_basic")
		})
	}),
})

var _ = Register(Check{
	ID: "client-ema-profile-needed", Title: "Identity assertions are used only where the server says that it takes them", Area: suites.EnterpriseManaged,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20251125, Cites: enterpriseCites,
	Covers: []string{"client-ema-jwt-bearer"},
	Remedy: "Look for the id-jag profile in authorization_grant_profiles_supported first.",
	In:     []*Situation{enterprisePlain, enterpriseUnoffered}, Defects: []testclient.Defect{testclient.EnterpriseAssumed},
	Judge: func(t *Trace) Verdict {
		switch redeemed := len(t.grants(grantAssertion)) > 0; {
		case t.Situation == enterprisePlain && !usesExtension(t):
			return t.unused(enterprise.Name)
		case t.Situation == enterprisePlain:
			return notApplicable("the server says that it takes identity assertions")
		case redeemed:
			return fails("the server does not say that it takes identity assertions, and the client sent one")
		case usedEndpoints(t):
			return t.unused(enterprise.Name)
		case !sawMetadata(t):
			return notReached("the client never fetched the metadata")
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-ema-assertion-hygiene", Title: "Assertions, ID tokens and access tokens reach only those they are for, and never in a URI", Area: suites.EnterpriseManaged,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125,
	Cites:  []suites.Cite{{Doc: "MCP Extensions", Section: "Enterprise-Managed Authorization, Security Considerations"}},
	Covers: []string{"client-ema-assertion-hygiene"},
	Remedy: "Send each in the body of the one token request that it is for, and access tokens in the Authorization header to the resource alone.",
	In:     []*Situation{enterprisePlain, enterpriseOdd, enterpriseOther, signOn},
	Defects: []testclient.Defect{
		testclient.ExchangeSkipped, testclient.AssertionInURI, testclient.AssertionPresented, testclient.ExchangeUnchecked, testclient.TokenInQuery,
	},
	Judge: judged(func(t *Trace) Verdict {
		if t.Situation == enterpriseOther && len(t.exchanges()) == 0 {
			return notReached("the client never asked the identity provider for an assertion")
		}
		if where := t.shown(t.enterpriseSecrets()); where != "" {
			return fails("%s", where)
		}
		return passes()
	}),
})

// enterpriseSecrets are what passes between the parties, and who may see it.
func (t *Trace) enterpriseSecrets() []guarded {
	var all []guarded
	for _, token := range t.idTokens() {
		all = append(all, guarded{"an ID token", token, inBodyAt(PartyIdentityProvider)})
	}
	for _, r := range t.exchanges() {
		one := guarded{"the identity assertion", r.text("access_token"), inBodyAt(reference.PartyAuthServer)}
		if t.Situation == enterpriseOther {
			one.name, one.may = "an access token of the identity provider", inBodyAt(PartyIdentityProvider)
		}
		all = append(all, one)
	}
	for _, token := range t.given("access_token") {
		all = append(all, guarded{"an access token", token, func(x *reference.Observation, inHeader bool) bool {
			return inHeader && x.Party == reference.PartyResourceServer || inBodyAt(reference.PartyAuthServer)(x, inHeader)
		}})
	}
	return all
}

var _ = Register(Check{
	ID: "client-ema-sso-state", Title: "The answer of the identity provider is used only if it belongs to the request", Area: suites.EnterpriseManaged,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125,
	Cites: []suites.Cite{
		{Doc: "MCP Extensions", Section: "Enterprise-Managed Authorization, Security Considerations"}, {Doc: "OpenID Connect Core", Section: "3.1.3.7"},
	},
	Covers:  []string{"client-ema-sso-state"},
	Remedy:  "Send a fresh state and nonce, and compare state before the code is redeemed and nonce before the ID token is used.",
	In:      []*Situation{signOn, signOnState, signOnStateless, signOnNonce},
	Defects: []testclient.Defect{testclient.NoState, testclient.StateUnchecked, testclient.NonceUnchecked},
	Judge: func(t *Trace) Verdict {
		asked := t.provider(http.MethodGet, "/authorize")
		lacks := func(name string) bool {
			return slices.ContainsFunc(asked, func(r *Request) bool { return r.Params.Get(name) == "" })
		}
		redeemed := len(t.provider(http.MethodPost, "/token")) > 0
		switch {
		case len(asked) == 0 && usedEndpoints(t):
			return t.unused("single sign-on")
		case len(asked) == 0:
			return notReached("the client never sent the user to the identity provider")
		case t.Situation == signOn && lacks("state"):
			return warns("the client sent no state to the identity provider")
		case t.Situation == signOn:
		case t.Situation == signOnNonce && lacks("nonce"):
			return notApplicable("the client sends no nonce, so that none can be compared")
		case t.Situation == signOnNonce && !redeemed:
			return notReached("the client never redeemed the code")
		case t.Situation == signOnNonce && len(t.exchanges())+len(t.grants(grantAssertion)) > 0:
			return fails("the ID token had another nonce, and the client used it")
		case t.Situation == signOnNonce:
		case lacks("state"):
			return notApplicable("the client sends no state, which is judged elsewhere")
		case redeemed:
			return fails("the answer did not have the state of the request, and the client redeemed its code")
		}
		return passes()
	},
})

package client

import (
	"net/http"
	"slices"
	"time"

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

// idTokenLifetime is long enough for somebody who takes a client there by hand.
const idTokenLifetime = 30 * time.Minute

// provide starts the identity provider, and makes the authorization server believe it.
func (s *Stage) provide() (err error) {
	lab := s.Lab.Provider
	site, err := s.site()
	if err != nil {
		return err
	}
	o := reference.Options{
		Host: s.Lab.Host, Site: site, Users: s.Lab.Users, Faults: lab.Faults, ForClients: &reference.ClientLab{Unattended: s.Lab.ForClients.Unattended},
		Clients: []reference.Client{{
			ID: providerID, AuthMethod: "none", Name: "Client under test", Scopes: []string{"openid", "notes.read", "notes.write"},
			GrantTypes:   []string{grantExchange, "authorization_code"},
			RedirectURIs: slices.Concat([]string{"http://localhost:3000/callback"}, lab.redirects),
		}},
		Observe: func(x *reference.Observation) {
			x.Party = PartyIdentityProvider
			s.observe(x)
		},
		AccessTokenLifetime: idTokenLifetime,
		Around:              s.around(lab.Front),
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
		l.stand(rewriteAnswers(reference.PartyAuthServer, http.MethodPost, "/token", terse))
	})
	enterpriseUnoffered = enterpriseSituation(Situation{
		ID: "enterprise-not-offered", Doc: "does not say that it takes identity assertions", Ends: Refuses,
		Reached: func(t *Trace) bool { return sawMetadata(t) && !usedOtherwise(t) }, Proceeded: func(t *Trace) bool { return len(t.grants(grantAssertion)) > 0 },
	}, with(fault.IDJAGUnadvertised))
	enterpriseOther = enterpriseSituation(Situation{
		ID: "enterprise-other-token", Doc: "goes with an identity provider that answers with an access token of its own", Ends: Refuses,
		Reached:   func(t *Trace) bool { return len(t.exchanges()) > 0 },
		Proceeded: func(t *Trace) bool { return len(t.grants(grantAssertion)) > 0 },
	}, func(l *Lab) { l.Provider.Faults = []fault.Fault{fault.IDPBearer} })
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

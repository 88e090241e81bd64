package client

import (
	"slices"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

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
		all = append(all, guarded{"an access token", token, func(x *reference.Observation, header string) bool {
			return header == auth && x.Party == reference.PartyResourceServer || inBodyAt(reference.PartyAuthServer)(x, header)
		}})
	}
	return all
}

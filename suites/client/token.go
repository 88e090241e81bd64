package client

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/suites"
)

func resourceCheck(id, title, row, nothing string, requests func(*Trace) []*Request, defects ...testclient.Defect) *Check { //nolint:unparam // a declaration
	return Register(Check{
		ID: id, Title: title, Area: suites.Resource, Level: suites.Must, Severity: suites.High,
		Cites: []suites.Cite{{Doc: "RFC 8707", Section: "2"}, {Doc: spec, Section: "Authorization, Resource Parameter Implementation"}},
		Since: suites.V20250618, Covers: []string{row}, Defects: defects,
		Remedy: "Send the resource of the metadata, byte for byte, in authorization and token requests.",
		Judge: func(t *Trace) Verdict {
			return every(requests(t), nothing, func(r *Request) string {
				switch got := r.Params["resource"]; {
				case len(got) == 0:
					return "a request to " + r.URL.Path + " named no resource"
				case len(got) != 1 || !t.isResource(got[0]):
					return "a request to " + r.URL.Path + " named the resource " + quoted(strings.Join(got, " ")) + ", which is not the server's"
				}
				return ""
			})
		},
	})
}

var (
	_ = resourceCheck("client-resource-in-authorization", "Authorization requests name the resource", "client-resource-in-authorization",
		noAuthorization, (*Trace).Authorizations, testclient.NoResource, testclient.ResourceIsOrigin)
	_ = resourceCheck("client-resource-in-token-request", "Token requests name the resource", "client-resource-in-token-request",
		noRedemption, (*Trace).Redemptions, testclient.NoResourceAtToken)
)

var _ = Register(Check{
	ID: "client-token-every-request", Title: "Every request to the MCP server carries the token once there is one", Area: suites.TokenUse,
	Level: suites.Must, Severity: suites.Medium, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Token Requirements"}},
	Covers:  []string{"client-token-every-request", "client-bearer-header", "client-session-not-credential"},
	Remedy:  "Put the Authorization header on every request, whatever session it belongs to.",
	Defects: []testclient.Defect{testclient.TokenOnce, testclient.EraForgetsToken},
	Judge: func(t *Trace) Verdict {
		authorized := false
		for _, r := range t.Calls() {
			if r.bearer() != "" {
				authorized = true
			} else if authorized {
				return fails("a %s request came without the access token that an earlier one had", r.Method)
			}
		}
		if !authorized {
			return notReached(noCall)
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-token-not-in-query", Title: "Access tokens never stand in a URI", Area: suites.TokenUse,
	Level: suites.Must, Severity: suites.High, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "5.1"}, {Doc: spec, Section: "Authorization, Token Requirements"}},
	Covers: []string{"client-token-not-in-query"}, Remedy: "Send the token in the Authorization header only.",
	Defects: []testclient.Defect{testclient.TokenInQuery},
	Judge: func(t *Trace) Verdict {
		given := t.given("access_token")
		if len(given) == 0 {
			return notReached("the client was given no access token")
		}
		for _, x := range t.Seen {
			for _, token := range given {
				if strings.Contains(x.URL.RawQuery, token) {
					return fails("a request to %s had the access token in its query", x.URL.Path)
				}
			}
		}
		return passes()
	},
})

// given are the values of a member in the answers to token requests.
func (t *Trace) given(member string) []string {
	var all []string
	for _, r := range t.TokenRequests() {
		if value := r.text(member); value != "" {
			all = append(all, value)
		}
	}
	return all
}

var _ = Register(Check{
	ID: "client-only-tokens-given", Title: "The server is sent only tokens that its authorization server issued", Area: suites.TokenUse,
	Level: suites.Must, Severity: suites.Medium, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Token Handling"}},
	Covers: []string{"client-only-tokens-from-listed-as"}, Remedy: "Send the access token of the token response, unchanged.",
	Defects: []testclient.Defect{testclient.TokenInvented},
	Judge: func(t *Trace) Verdict {
		given, sent := t.given("access_token"), false
		for _, r := range t.other(http.MethodPost, "/token") {
			given = append(given, r.text("access_token"))
		}
		for _, r := range t.Calls() {
			token := r.bearer()
			if token != "" && !slices.Contains(given, token) {
				return fails("the server was sent a token that its authorization server did not issue")
			}
			sent = sent || token != ""
		}
		if !sent {
			return notReached(noCall)
		}
		return passes()
	},
})

// The situations of scopes.
var (
	unchallenged = Declare(Situation{
		ID: "scope-not-challenged", Doc: "names no scope in its challenge", Ends: Works,
		Contract: "auth/scope-from-scopes-supported", Shape: with(fault.ChallengeNoScope),
	})
	stepUp = Declare(Situation{
		ID: "step-up", Doc: "asks for a further scope when a tool is called", Ends: Works, Contract: "auth/scope-step-up",
		Shape:   func(l *Lab) { l.ForClients.TestToolScopes = []string{"notes.write"} },
		Reached: func(t *Trace) bool { return t.forbidden() > 0 },
	})
)

var neverEnough = Declare(Situation{
	ID: "step-up-in-vain", Doc: "asks for a further scope however often it was granted", Ends: Refuses, Contract: "auth/scope-retry-limit",
	Since:     suites.V20251125,
	Shape:     func(l *Lab) { l.ForClients.TestToolScopes, l.ForClients.NeverEnough = []string{"notes.write"}, true },
	Reached:   func(t *Trace) bool { return t.forbidden() > 0 },
	Proceeded: func(t *Trace) bool { return len(t.Authorizations()) > maxStepUps },
})

var _ = Register(Check{
	ID: "client-step-up-retry-limit", Title: "A client that is asked for more scope again and again gives up", Area: suites.Scope,
	Level: suites.Should, Severity: suites.Low, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Step-Up Authorization Flow"}},
	Covers: []string{"client-step-up-retry-limit"}, Since: suites.V20251125,
	Remedy: "Limit how often one operation may lead to a new authorization.",
	In:     []*Situation{neverEnough}, Defects: []testclient.Defect{testclient.StepUpForEver},
	Judge: func(t *Trace) Verdict {
		switch n := len(t.Authorizations()); {
		case t.forbidden() == 0:
			return notReached("the client never called a tool for which it lacked a scope")
		case n > maxStepUps:
			return fails("the client made %d authorization requests for one call", n)
		}
		return passes()
	},
})

// maxStepUps is how many authorization requests are few: the first, and two more.
const maxStepUps = 4

// forbidden counts the answers that ask for more scope.
func (t *Trace) forbidden() int {
	n := 0
	for _, r := range t.Calls() {
		if r.Status == http.StatusForbidden {
			n++
		}
	}
	return n
}

var _ = Register(Check{
	ID: "client-scope-from-challenge", Title: "The first authorization asks for the scopes of the challenge and for no others", Area: suites.Scope,
	Level: suites.Should, Severity: suites.Low, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Scope Selection Strategy"}},
	Covers: []string{"client-scope-from-challenge", "client-least-privilege-scope"}, Since: suites.V20251125,
	Remedy: "Take the scope parameter of the 401 challenge as it is.",
	In:     []*Situation{Sound}, Defects: []testclient.Defect{testclient.ScopeAll, testclient.ScopeChallengeLost},
	Judge: func(t *Trace) Verdict {
		asked := t.Authorizations()
		if len(asked) == 0 {
			return notReached(noAuthorization)
		}
		// offline_access may be asked for where the authorization server lists it.
		scopes := slices.DeleteFunc(strings.Fields(asked[0].Params.Get("scope")), func(s string) bool { return s == "offline_access" })
		if got := strings.Join(scopes, " "); got != "notes.read" {
			return fails("the challenge names notes.read, and the client asked for %s", quoted(got))
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-step-up-attempted", Title: "A scope that turns out to be missing is asked for, beside those asked for before", Area: suites.Scope,
	Level: suites.Should, Severity: suites.Low, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Step-Up Authorization Flow"}},
	Covers: []string{"client-step-up-attempted", "client-step-up-scope-union"}, Since: suites.V20251125,
	Remedy: "On 403 with insufficient_scope start a new authorization for the scopes so far and those challenged, and repeat the request.",
	In:     []*Situation{stepUp}, Defects: []testclient.Defect{testclient.StepUpIgnored, testclient.StepUpForgets},
	Judge: func(t *Trace) Verdict {
		asked := t.Authorizations()
		switch {
		case t.forbidden() == 0:
			return notReached("the client never called a tool for which it lacked a scope")
		case len(asked) < 2:
			return fails("the client did not ask for the missing scope")
		}
		scopes := strings.Fields(asked[len(asked)-1].Params.Get("scope"))
		for _, scope := range []string{"notes.read", "notes.write"} {
			if !slices.Contains(scopes, scope) {
				return fails("the client asked for %s, without %s", quoted(strings.Join(scopes, " ")), scope)
			}
		}
		return passes()
	},
})

// confidential are clients that were told a secret.
var confidential = Declare(Situation{
	ID: "configured-client", Doc: "registers nobody and was told of the client by hand", Ends: Works, Contract: "auth/pre-registration",
	Shape: func(l *Lab) {
		shaped(variant.NoRegistration)(l)
		configure(l)
	},
	Context: configured,
})

// configure makes the operator know the client, and allow it every scope: clients
// differ in what they ask for beyond what is needed, and other checks judge that.
func configure(l *Lab) {
	const method = "client_secret_basic"
	l.ForClients.AuthMethods = []string{method}
	l.Clients = append(l.Clients, reference.Client{
		ID: "pre-registered-client", Secret: "pre-registered-secret", AuthMethod: method, Name: "Client under test",
		RedirectURIs: []string{"http://localhost:3000/callback"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		Scopes: reference.KnownScopes(),
	})
}

// configured is what the client is told then.
func configured(s *Stage) ContextOf {
	return ContextOf{
		"client_id": "pre-registered-client", "client_secret": "pre-registered-secret", "issuer": s.Server.AuthServer.Issuer(),
	}
}

var _ = Register(Check{
	ID: "client-dcr-application-type", Title: "Registration requests state the application type", Area: suites.Registration,
	Level: suites.Must, Severity: suites.Low, Since: suites.V20260728, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Dynamic Client Registration"}},
	Covers: []string{"client-dcr-application-type"}, Remedy: "Register with application_type native or web.",
	Defects: []testclient.Defect{testclient.NoApplicationType},
	Judge: func(t *Trace) Verdict {
		sent := t.Registrations()
		if len(sent) == 0 {
			if !answered(t) {
				return notReached(noAuthorization)
			}
			return notApplicable("the client did not register dynamically")
		}
		return every(sent, "", func(r *Request) string {
			if !strings.Contains(string(r.Body), `"application_type"`) {
				return "a registration request had no application_type"
			}
			return ""
		})
	},
})

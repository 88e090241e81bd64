package client

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
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

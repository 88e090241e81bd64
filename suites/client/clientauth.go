package client

import (
	"net/http"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

// The situations of authentication at the token endpoint: the metadata names one
// method, and whoever registers is registered for that.
var (
	byBasic = authenticated("client_secret_basic", "auth-method-basic", "auth/token-endpoint-auth-basic")
	byPost  = authenticated("client_secret_post", "auth-method-post", "auth/token-endpoint-auth-post")
	byNone  = authenticated("none", "auth-method-none", "auth/token-endpoint-auth-none")
)

func authenticated(method, id, contract string) *Situation {
	return Declare(Situation{
		ID: id, Doc: "takes clients with the authentication method " + method + " only", Ends: Works,
		Contract: contract, Since: suites.V20250618,
		Shape: func(l *Lab) { l.ForClients.AuthMethods = []string{method} },
	})
}

// credentials are those that the client has in its situation.
func (t *Trace) credentials() (id, secret, method string) {
	if t.Context["client_id"] != "" {
		return t.Context["client_id"], t.Context["client_secret"], "client_secret_basic"
	}
	for _, r := range t.Registrations() {
		if r.text("client_id") != "" {
			id, secret, method = r.text("client_id"), r.text("client_secret"), r.text("token_endpoint_auth_method")
		}
	}
	return id, secret, method
}

var _ = Register(Check{
	ID: "client-token-endpoint-auth", Title: "The client authenticates by the one method it was registered for, and with what it was given", Area: suites.TokenRequest,
	Level: suites.Must, Severity: suites.Medium, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "2.5"}, {Doc: "RFC 6749", Section: "2.3"}},
	Covers: []string{"client-token-endpoint-auth", "client-prereg-supported"},
	Remedy: "Use the method of the registration; never put a secret into a URI.",
	In:     []*Situation{confidential, byBasic, byPost, byNone}, Defects: []testclient.Defect{testclient.AuthMethodIgnored, testclient.AuthMethodAssumed, testclient.SecretInURI},
	Judge: func(t *Trace) Verdict {
		id, secret, method := t.credentials()
		return every(t.TokenRequests(), "the client made no token request", func(r *Request) string {
			return misauthenticated(r, id, secret, method)
		})
	},
})

// misauthenticated says what is wrong with how a token request is authenticated.
func misauthenticated(r *Request, id, secret, method string) string {
	user, password, basic := r.basic()
	inBody := r.Params.Has("client_secret")
	if !basic {
		user = r.Params.Get("client_id")
	}
	if inBody {
		password = r.Params.Get("client_secret")
	}
	switch {
	case r.URL.Query().Has("client_secret"):
		return "the client secret stands in the URI"
	case basic && inBody:
		return "the client authenticated by two methods at once"
	case method != "client_secret_post" && inBody && password != "":
		return "a client secret was sent in the body; the client is registered for " + method
	case method != "client_secret_basic" && basic:
		return "the client authenticated by HTTP Basic; it is registered for " + method
	case method != "none" && password == "":
		return "the client did not authenticate"
	case user != id || method != "none" && password != secret:
		return "the credentials are not those that the client was given"
	}
	return ""
}

// This one spells the token type as many servers do: it is compared without
// regard to case (RFC 6749, section 5.1).
var _ = Declare(Situation{
	ID: "token-type-lower", Doc: "writes bearer in lower case, beside members that nobody knows", Ends: Works,
	Shape: func(l *Lab) {
		l.Front = rewriteAnswers(reference.PartyAuthServer, http.MethodPost, "/token", func(_ *Stage, d map[string]any) {
			d["token_type"], d["x_example"] = "bearer", map[string]any{"nested": []any{1, nil}}
		})
	},
})

package client

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/suites"
)

// disguised gives clients other access tokens than the true ones, and has the
// resource server take them for those.
func disguised(disguise func() string) func(*Lab) {
	return func(l *Lab) {
		var known sync.Map // the true tokens, by what clients have
		given := rewriteAnswers(reference.PartyAuthServer, http.MethodPost, "/token", func(_ *Stage, d map[string]any) {
			shown := disguise()
			known.Store(shown, d["access_token"])
			d["access_token"] = shown
		})
		l.Front = func(s *Stage, party reference.Party, next http.Handler) http.Handler {
			if party != reference.PartyResourceServer {
				return given(s, party, next)
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
				if token, ok := known.Load(shown); ok {
					token, _ := token.(string)
					r.Header.Set("Authorization", scheme+" "+token)
				}
				next.ServeHTTP(w, r)
			})
		}
	}
}

// part is one of those that a compact serialization consists of.
func part(content string) string { return base64.RawURLEncoding.EncodeToString([]byte(content)) }

// The situations of access tokens that only the resource server can read.
var (
	encryptedTokens = Declare(Situation{
		ID: "encrypted-tokens", Doc: "issues encrypted access tokens", Ends: Works,
		Shape: disguised(func() string {
			return strings.Join([]string{
				part(`{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}`), part(rand.Text()), part("initial-iv12"), part(rand.Text()), part("authentication-t"),
			}, ".")
		}),
	})
	strangeTokens = Declare(Situation{
		ID: "strange-tokens", Doc: "issues access tokens with claims that make sense to nobody else", Ends: Works,
		Shape: disguised(func() string {
			return strings.Join([]string{
				part(`{"typ":"x-token","alg":"X1"}`),
				part(`{"iss":"https://elsewhere.example","aud":["urn:example:archive"],"exp":1,"iat":4102444800,"scope":["a",null],"jti":"` + rand.Text() + `"}`),
				part(rand.Text()),
			}, ".")
		}),
	})
)

const noneUsed = "the client does not use the access token of a sound deployment either"

// usesNone tells whether the same client does not use the access token of a sound
// deployment: whatever is special about others is not why.
func (t *Trace) usesNone() bool {
	sound := t.in(Sound)
	return sound != nil && !sound.usesToken()
}

var _ = Register(Check{
	ID: "client-token-opaque", Title: "Access tokens are used as they come, whatever they look like", Area: suites.TokenUse,
	Level: suites.Must, Severity: suites.Medium, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "1.4"}, {Doc: spec, Section: auth}},
	Covers: []string{"client-token-opaque"},
	Remedy: "Do not parse access tokens; go by expires_in and by the answers of the server.",
	In:     []*Situation{opaque, encryptedTokens, strangeTokens}, Beside: []*Situation{Sound}, Defects: []testclient.Defect{testclient.TokenDecoded, testclient.TokenClaimsRead},
	Judge: func(t *Trace) Verdict {
		given := t.given("access_token")
		if len(given) == 0 {
			return notReached("the client was given no access token")
		}
		for _, r := range t.Calls() {
			if r.bearer() == given[0] {
				return passes()
			}
		}
		switch {
		case t.usesToken():
			return notReached("the client did not send its access token in the header")
		case t.Exit.TimedOut:
			return notReached("the client was ended before it used its access token")
		case t.usesNone():
			return notReached(noneUsed)
		}
		return fails("the client was given an access token and did not use it")
	},
})

// noSecondToken issues no refresh token, and refuses the access token when the tool
// is called.
var noSecondToken = Declare(Situation{
	ID: "token-dies-without-refresh", Doc: "issues no refresh tokens and refuses an access token that it took before", Ends: Works,
	Shape: func(l *Lab) {
		shaped(variant.NoRefreshTokens)(l)
		l.Front = firstTokenDies()
	},
	Reached: func(t *Trace) bool { return len(t.given("access_token")) > 0 },
})

var _ = Register(Check{
	ID: "client-refresh-not-assumed", Title: "Without a refresh token the client starts a new authorization when its access token dies", Area: suites.Refresh,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20260728, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Refresh Tokens"}},
	Covers: []string{"client-refresh-not-assumed"},
	Remedy: "Take the absence of refresh_token for what it is: ask the user again when the access token is refused.",
	In:     []*Situation{noSecondToken}, Beside: []*Situation{Sound},
	Defects: []testclient.Defect{
		testclient.RefreshAssumed, testclient.RefreshWithoutToken, testclient.TokenNeverReplaced, testclient.RefusalFinal,
	},
	Judge: func(t *Trace) Verdict {
		switch n := t.refusedTokens(); {
		case len(t.given("access_token")) == 0:
			return notReached("the client was given no access token")
		case len(t.grants("refresh_token")) > 0:
			return fails("the client sent a refresh request although it had been given no refresh token")
		case !t.usesToken() && t.Exit.TimedOut:
			return notReached("the client was ended before it used its access token")
		case !t.usesToken() && t.usesNone():
			return notReached(noneUsed)
		case !t.usesToken():
			return fails("the client ended when it got no refresh token%s", t.ended())
		case n == 0:
			return notReached("the client never called a tool with a token")
		case n > 3:
			return fails("the client sent a refused token %d times", n)
		case len(t.Authorizations()) < 2:
			return fails("the access token was refused, and the client started no new authorization")
		}
		return passes()
	},
})

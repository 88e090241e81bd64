package client

import (
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

// migration moves to another authorization server as soon as the client was served
// once.
var migration = Declare(Situation{
	ID: "authorization-server-moves", Doc: "names another authorization server once the client has been served", Ends: Works,
	Contract: "auth/authorization-server-migration", Since: suites.V20260728,
	Shape: func(l *Lab) {
		var moved atomic.Bool
		l.Moves = true
		l.Front = func(s *Stage, party reference.Party, next http.Handler) http.Handler {
			if party != reference.PartyResourceServer {
				return next
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, ok := isCall(r)
				if ok && r.Header.Get("Authorization") != "" && methodOf(body) == "tools/call" {
					moved.Store(true)
				}
				if moved.Load() {
					s.Other.ResourceServer.ServeHTTP(w, r)
					return
				}
				next.ServeHTTP(w, r)
			})
		}
	},
	Reached: func(t *Trace) bool { return len(t.other(http.MethodGet, "")) > 0 },
})

// other are the client's requests to the second authorization server.
func (t *Trace) other(method, suffix string) []*Request {
	return slices.DeleteFunc(t.requests(PartyOtherAuthServer, method, suffix), func(r *Request) bool {
		id, _, ok := r.basic()
		return r.Header.Get("User-Agent") == reference.UserAgent || ok && id == reference.ResourceServerClient
	})
}

// otherRegistrations are the registration requests there.
func (t *Trace) otherRegistrations() []*Request { return t.other(http.MethodPost, "/register") }

var _ = Register(Check{
	ID: "client-reregisters-on-as-change", Title: "A client that is sent to another authorization server registers anew there", Area: suites.Registration,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20260728,
	Cites:  []suites.Cite{{Doc: spec, Section: "Authorization, Authorization Server Binding"}},
	Covers: []string{"client-reregisters-on-as-change", "client-follows-changed-prm", "prm-client-rechallenge-new-as"},
	Remedy: "Read the metadata again after each challenge, and start over where it names another authorization server.",
	In:     []*Situation{migration}, Defects: []testclient.Defect{testclient.MetadataCached},
	Judge: func(t *Trace) Verdict {
		switch {
		case !t.Served():
			return notReached("the client was not served before the move")
		case len(t.other(http.MethodPost, "/register")) == 0:
			return fails("the client did not register at the new authorization server")
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-no-cross-as-credentials", Title: "Credentials and tokens of one authorization server are never offered to another", Area: suites.Registration,
	Level: suites.Must, Severity: suites.High, Since: suites.V20260728,
	Cites:  []suites.Cite{{Doc: spec, Section: "Authorization, Authorization Server Binding"}},
	Covers: []string{"client-no-cross-as-credentials", "client-separate-state-per-as", "client-two-rounds"},
	Remedy: "Keep credentials and tokens under the issuer that gave them.",
	In:     []*Situation{migration}, Defects: []testclient.Defect{testclient.CredentialsShared},
	Judge: func(t *Trace) Verdict {
		requests := slices.Concat(t.other(http.MethodGet, "/authorize"), t.other(http.MethodPost, "/token"), t.other(http.MethodPost, "/register"))
		if len(requests) == 0 {
			return notReached("the client never came to the new authorization server")
		}
		var first []string
		for _, r := range t.Registrations() {
			for _, member := range []string{"client_id", "client_secret"} {
				if value := r.text(member); value != "" {
					first = append(first, value)
				}
			}
		}
		first = append(first, t.given("access_token")...)
		first = append(first, t.given("refresh_token")...)
		for _, r := range requests {
			id, secret, _ := r.basic()
			for _, name := range []string{"client_id", "client_secret", "refresh_token"} {
				if slices.Contains(first, r.Params.Get(name)) {
					return fails("%s of the first authorization server was sent to the second", name)
				}
			}
			if slices.Contains(first, id) || slices.Contains(first, secret) || slices.Contains(first, r.bearer()) {
				return fails("credentials of the first authorization server were sent to the second")
			}
		}
		return passes()
	},
})

// mixUp is the attack that iss is there for: metadata of the attacker's names the
// honest server's authorization endpoint and its own token endpoint.
var mixUp = Declare(Situation{
	ID: "mix-up", Doc: "belongs to an attacker who wants the codes of another authorization server", Ends: Refuses,
	Since: suites.V20260728, Reached: answered,
	Shape: func(l *Lab) {
		l.Moves = true
		l.Front = rewrite(reference.PartyResourceServer, "/.well-known/oauth-protected-resource", func(s *Stage, d map[string]any) {
			d["authorization_servers"] = []string{s.Other.AuthServer.Issuer()}
		})
		l.OtherFront = rewrite(reference.PartyAuthServer, "/.well-known/", func(s *Stage, d map[string]any) {
			honest := s.Server.AuthServer.Issuer()
			d["authorization_endpoint"], d["registration_endpoint"] = honest+"/authorize", honest+"/register"
		})
	},
	Proceeded: func(t *Trace) bool { return len(t.other(http.MethodPost, "/token")) > 0 },
})

var _ = Register(Check{
	ID: "client-mix-up-fails", Title: "An honest server's code never reaches an attacker's token endpoint", Area: suites.IssuerCheck,
	Level: suites.Must, Severity: suites.Critical, Since: suites.V20260728, Cites: []suites.Cite{{Doc: "RFC 9207", Section: "1"}, {Doc: "RFC 9700", Section: "4.4"}},
	Covers: []string{"iss-client-mixup-run", "client-code-sent-to-issuing-as", "client-records-issuer"},
	Remedy: "Record the issuer with each request, compare iss with it, and use that issuer's token endpoint only.",
	In:     []*Situation{mixUp}, Defects: []testclient.Defect{testclient.IssUnchecked},
	Judge: func(t *Trace) Verdict {
		switch {
		case !answered(t):
			return notReached(noAuthorization)
		case len(t.other(http.MethodPost, "/token")) > 0:
			return fails("the code of the honest authorization server was sent to the attacker's token endpoint")
		}
		return passes()
	},
})

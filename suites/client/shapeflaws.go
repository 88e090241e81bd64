package client

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// What deployments of these shapes did wrong, at one time or another.
var (
	issuerElsewhere = phantomTokens.declare(Situation{
		ID: "phantom-token-issuer-differs", Doc: "names its authorization server by the origin, where metadata of an issuer with a path is", Ends: Refuses,
		Contract: "auth/metadata-issuer-mismatch", Reached: sawMetadata, Proceeded: usedEndpoints,
		Shape: func(l *Lab) {
			l.stand(rewrite(reference.PartyResourceServer, "/.well-known/oauth-protected-resource", func(s *Stage, d map[string]any) {
				d["authorization_servers"] = []string{originOf(s.Server.AuthServer.Issuer())}
			}))
			l.stand(reroute("/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/oauth/v2/oauth-anonymous"))
		},
	})
	_ = phantomTokens.declare(Situation{
		ID: "phantom-token-pointer-in-description", Doc: "has the URL of its metadata within the description of the error, where it is only text", Ends: Works,
		Shape: func(l *Lab) {
			l.stand(reword(func(_ *http.Request, x *refusal) {
				if pointer := x.pointer(); pointer != "" {
					x.Challenges = []string{`Bearer error="invalid_token", error_description="Missing or invalid access token, resource_metadata=` + pointer + `"`}
				}
			}))
		},
	})
	unbalancedQuote = phantomTokens.declare(Situation{
		ID: "phantom-token-unbalanced-quote", Doc: "ends its challenges with a quotation mark too many", Ends: Works, Apart: true, Base: phantomTokens.plain,
		Shape: func(l *Lab) {
			l.stand(reword(func(_ *http.Request, x *refusal) {
				for i := range x.Challenges {
					x.Challenges[i] += `"`
				}
			}))
		},
	})
	issScheme = phantomTokens.declare(Situation{
		ID: "phantom-token-iss-scheme", Doc: "answers under another scheme than that of its issuer, as behind a proxy that ends TLS", Ends: Refuses,
		Contract: "auth/iss-wrong-issuer", Since: suites.V20260728, Reached: answered,
		Shape: func(l *Lab) { l.stand(otherScheme) },
	})

	republished = openRegistration.declare(Situation{
		ID: "open-dcr-metadata-republished", Doc: "names a document of its own as its authorization server, and republishes metadata of the real one", Ends: Refuses,
		Reached: readResourceMetadata, Proceeded: usedEndpoints,
		Shape: func(l *Lab) {
			l.stand(rewrite(reference.PartyResourceServer, "/.well-known/oauth-protected-resource", func(s *Stage, d map[string]any) {
				d["authorization_servers"] = []string{originOf(s.Server.ResourceServer.Endpoint()) + "/.well-known/openid-configuration"}
			}))
			l.stand(at(reference.PartyResourceServer, "/.well-known/oauth-authorization-server", func(s *Stage, w http.ResponseWriter, r *http.Request, _ http.Handler) {
				real := httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", http.NoBody)
				s.Server.AuthServer.ServeHTTP(w, real.WithContext(r.Context()))
			}))
		},
	})
	resourceIsName = openRegistration.declare(Situation{
		ID: "open-dcr-resource-is-name", Doc: "calls its resource by the name that an API has in a dashboard", Ends: Refuses,
		Contract: "auth/resource-mismatch", Reached: readResourceMetadata,
		Proceeded: func(t *Trace) bool { return len(t.Authorizations())+len(t.Registrations()) > 0 },
		Shape: func(l *Lab) {
			l.stand(rewrite(reference.PartyResourceServer, "/.well-known/oauth-protected-resource", func(_ *Stage, d map[string]any) {
				d["resource"] = "notes-api"
			}))
		},
	})

	republishedWithoutPKCE = agentIdentities.declare(Situation{
		ID: "agent-identity-no-pkce", Doc: "copies metadata of its authorization server, and leaves out what that says of PKCE", Ends: Refuses,
		Shape: with(fault.DiscoveryNoPKCE), Reached: sawMetadata,
	})
	bareRefusal = agentIdentities.declare(Situation{
		ID: "agent-identity-bare-refusal", Doc: "challenges clients without a token only: a token that it no longer takes is answered 401 and nothing else", Ends: Works, Apart: true, Base: tokenDies,
		Reached: func(t *Trace) bool { return t.refusedTokens() > 0 },
		Shape: func(l *Lab) {
			l.stand(firstTokenDies())
			l.stand(reword(func(r *http.Request, x *refusal) {
				if r.Header.Get("Authorization") != "" && x.Status == http.StatusUnauthorized {
					x.Challenges = nil
				}
			}))
		},
	})

	scopeUnauthorized = resourceServers.declare(Situation{
		ID: "resource-as-scope-401", Doc: "answers 401 without an error to tokens that lack a scope", Ends: Refuses,
		Contract: "auth/scope-retry-limit", Reached: func(t *Trace) bool { return t.refusedTokens() > 0 },
		Proceeded: func(t *Trace) bool { return t.refusedTokens() > maxRefusals },
		Shape: func(l *Lab) {
			l.ForClients.TestToolScopes, l.ForClients.NeverEnough = []string{"notes.write"}, true
			l.stand(reword(func(_ *http.Request, x *refusal) {
				if pointer := x.pointer(); x.Status == http.StatusForbidden {
					x.Status, x.Challenges = http.StatusUnauthorized, []string{`Bearer realm="OAuth", resource_metadata="` + pointer + `"`}
				}
			}))
		},
	})

	issuerIsName = staticClients.declare(Situation{
		ID: "static-cimd-issuer-is-name", Doc: "calls itself by the name of its tenant instead of its URL", Ends: Refuses,
		Contract: "auth/metadata-issuer-mismatch", Reached: sawMetadata, Proceeded: usedEndpoints,
		Shape: func(l *Lab) {
			l.stand(rewrite(reference.PartyAuthServer, "/.well-known/", func(_ *Stage, d map[string]any) { d["issuer"] = "acme.com" }))
		},
	})
)

func readResourceMetadata(t *Trace) bool { return len(t.resourceMetadata()) > 0 }

// maxRefusals is how often a client may send tokens that are refused: the first,
// a refreshed one, one of a new authorization, and as many for the next message.
const maxRefusals = 6

// reroute has the authorization server answer at one path what is at another.
func reroute(from, to string) front {
	return at(reference.PartyAuthServer, from, func(_ *Stage, w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.URL.Path = to
		next.ServeHTTP(w, r)
	})
}

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + u.Host
}

// otherScheme names the issuer in responses under https.
var otherScheme = at(reference.PartyAuthServer, "/authorize", func(_ *Stage, w http.ResponseWriter, r *http.Request, next http.Handler) {
	recorded(next, w, r, func(answer *httptest.ResponseRecorder) {
		to := answer.Header().Get("Location")
		if other := strings.Replace(to, "iss=https%3A", "iss=http%3A", 1); other != to {
			to = other
		} else {
			to = strings.Replace(to, "iss=http%3A", "iss=https%3A", 1)
		}
		answer.Header().Set("Location", to)
	})
})

var _ = issCheck("client-iss-scheme-compared", "iss is compared with its scheme", "client-iss-no-normalisation",
	issScheme, "iss differed in its scheme", testclient.IssSchemeIgnored, testclient.IssUnchecked)

var _ = Register(Check{
	ID: "client-republished-metadata-refused", Title: "Metadata is taken from the authorization server, not from whoever republishes it", Area: suites.IssuerCheck,
	Level: suites.Must, Severity: suites.High, Cites: []suites.Cite{{Doc: "RFC 8414", Section: "3.3"}},
	Covers: []string{"client-asm-issuer-validated"},
	Remedy: "Look for metadata at the URLs that the issuer identifier leads to, and compare issuer with the identifier.",
	In:     []*Situation{republished}, Defects: []testclient.Defect{testclient.MetadataFromServer},
	Judge: func(t *Trace) Verdict {
		switch {
		case !readResourceMetadata(t):
			return notReached("the client fetched no resource metadata")
		case usedEndpoints(t):
			return fails("the client used endpoints that the MCP server said were those of another issuer")
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-refused-tokens-end", Title: "A client whose tokens are refused again and again gives up", Area: suites.TokenUse,
	Level: suites.Should, Severity: suites.Low, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Step-Up Authorization Flow"}},
	Covers: []string{"client-step-up-retry-limit"},
	Remedy: "Limit how often one operation may lead to a new token.",
	In:     []*Situation{scopeUnauthorized}, Defects: []testclient.Defect{testclient.TokenNeverReplaced},
	Judge: func(t *Trace) Verdict {
		switch n := t.refusedTokens(); {
		case n == 0:
			return notReached("the client never called a tool with a token")
		case n > maxRefusals:
			return fails("the client sent tokens that were refused %d times", n)
		}
		return passes()
	},
})

// intolerant are defects of clients that expect more than deployments have to give.
var intolerant = []testclient.Defect{
	testclient.IssuerPathIgnored, testclient.IssuerSlashDropped, testclient.EndpointsAssumed, testclient.ChallengeByText,
	testclient.ChallengesSeveral, testclient.MembersFlat, testclient.TokenInspected, testclient.ScopeInvented,
}

var _ = Register(Check{
	ID: "client-copes-with-irregularities", Title: "What is not quite in order for a moment, or without consequence, does not stop the client", Area: suites.Transport,
	Level: suites.May, Severity: suites.Low, Cites: []suites.Cite{{Doc: "RFC 9110", Section: "15.6.4"}, {Doc: "RFC 9110", Section: "11.6.1"}},
	Remedy: "Repeat a request once that was answered 500 or 503; where a challenge says nothing of use, look at the well-known URIs.",
	In: []*Situation{
		phantomTokens.badDay, openRegistration.badDay, agentIdentities.badDay, resourceServers.badDay, staticClients.badDay,
		unbalancedQuote, bareRefusal,
	},
	Defects: []testclient.Defect{
		testclient.NoSecondTry, testclient.ChallengeStrict, testclient.ChallengeNeeded, testclient.ChallengesSeveral, testclient.JSONAsText, testclient.Impatient,
	},
	Judge: func(t *Trace) Verdict {
		switch {
		case len(t.Calls()) == 0:
			return notReached("the client never came to the MCP server")
		case t.Situation.Reached != nil && !t.Situation.Reached(t):
			return notReached("the client did not come to what is irregular")
		case !t.servedAtLast():
			return fails("the client gave up%s", t.ended())
		}
		return passes()
	},
})

// servedAtLast tells whether the client was served after the last of its tokens
// was refused.
func (t *Trace) servedAtLast() bool {
	served := false
	for _, r := range t.messages() {
		switch {
		case r.bearer() == "":
		case r.Status == http.StatusUnauthorized:
			served = false
		case r.Status == http.StatusOK && strings.HasPrefix(r.message().Method, "tools/"):
			served = true
		}
	}
	return served
}

package client

import (
	"io"
	"net/http"
	"net/url"
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

// workloadID is by what the client may name itself.
const workloadID = "conformance-wif-workload"

// The situations of workloads: the client has an assertion of the platform that it
// runs on.
var (
	workloadPlain = workloadSituation("workload", "takes the assertions of workloads", Works, nil)
	workloadOdd   = workloadSituation("workload-odd", "takes the assertions of workloads, has an issuer identifier with a path, and answers in unusual ways",
		Works, func(l *Lab) {
			shaped(variant.PathIssuer, variant.ExtraClaims)(l)
			l.stand(rewriteAnswers(reference.PartyAuthServer, http.MethodPost, "/token", terse))
		})
	workloadIssuer = workloadSituation("workload-issuer-foreign", "would have a workload's assertion by metadata that names another issuer",
		Refuses, with(fault.DiscoveryIssuerForeign))
	workloadRefused      = refusedWorkload("workload-refused", "invalid_grant")
	workloadScopeRefused = refusedWorkload("workload-scope-refused", "invalid_scope")
	workloadUnauthorized = refusedWorkload("workload-unauthorized", "unauthorized_client")
)

func workloadSituation(id, doc string, ends Ending, shape func(*Lab)) *Situation {
	s := Situation{
		ID: id, Doc: doc, Ends: ends, Contract: "auth/wif-jwt-bearer", Extension: workload, Since: suites.V20251125,
		Reached: usesExtension, Context: workloadContext,
		Shape: func(l *Lab) {
			l.ForClients.WorkloadClient = workloadID
			if shape != nil {
				shape(l)
			}
		},
	}
	if ends == Refuses {
		s.Reached = func(t *Trace) bool { return sawMetadata(t) && !usedOtherwise(t) }
		s.Proceeded = usesExtension
	}
	return Declare(s)
}

// refusedWorkload answers each assertion with an error.
func refusedWorkload(id, code string) *Situation {
	s := workloadSituation(id, "answers the assertions of workloads with "+code, Refuses, func(l *Lab) {
		l.stand(refusesAssertions(code))
	})
	s.Reached = usesExtension
	s.Proceeded = func(t *Trace) bool { return t.insists() != "" }
	return s
}

// refusesAssertions answers token requests with an assertion.
func refusesAssertions(code string) front {
	return func(_ *Stage, party reference.Party, next http.Handler) http.Handler {
		if party != reference.PartyAuthServer {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/token") || r.Header.Get("User-Agent") == reference.UserAgent {
				next.ServeHTTP(w, r)
				return
			}
			body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
			form, _ := url.ParseQuery(string(body)) // what can be read of it
			if err != nil || form.Get("grant_type") != grantAssertion {
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error": "`+code+`"}`) // the client has gone: nobody to tell
		})
	}
}

// workloadContext gives the client the assertions that the contract has: one that
// is right, and two that no client is to use.
func workloadContext(s *Stage) ContextOf {
	w, issuer := s.Server.AuthServer.Workloads()[0], s.Server.AuthServer.Issuer()
	sign := func(id, audience string, lifetime time.Duration) string {
		token, err := w.Key.Mint(tokens.Claims{"iss": w.Issuer, "sub": w.Subject, "aud": audience, "jti": id},
			tokens.Header("typ", "JWT"), tokens.Dated("iat", min(0, lifetime-time.Minute)), tokens.Dated("exp", lifetime))
		if err != nil {
			panic(err) // it is ours
		}
		return token
	}
	return ContextOf{
		"client_id": workloadID,
		"valid_jwt": sign("valid", issuer+"/token", 30*time.Minute), "wrong_audience_jwt": sign("elsewhere", "https://other-as.example", 30*time.Minute),
		"expired_jwt": sign("expired", issuer+"/token", -time.Hour),
	}
}

// workloadSecrets are the workload's assertions, which only the authorization server
// may see.
func (t *Trace) workloadSecrets() []guarded {
	var all []guarded
	for _, name := range []string{"valid_jwt", "wrong_audience_jwt", "expired_jwt"} {
		all = append(all, guarded{"the workload's assertion", t.Context[name], inBodyAt(reference.PartyAuthServer)})
	}
	return all
}

var workloadCites = []suites.Cite{{Doc: "MCP Extensions", Section: "Workload Identity Federation"}, {Doc: "RFC 7523", Section: "2.1"}}

var _ = Register(Check{
	ID: "client-wif-request", Title: "A workload's assertion goes to the token endpoint alone, for the resource", Area: suites.WorkloadIdentity,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125, Cites: workloadCites,
	Covers: []string{"client-wif-request"},
	Remedy: "Send grant_type jwt-bearer, an assertion that is valid and meant for the server, and the resource of the metadata; keep the assertion from everybody else.",
	In:     []*Situation{workloadPlain, workloadOdd, workloadIssuer},
	Defects: []testclient.Defect{
		testclient.WorkloadOtherAudience, testclient.WorkloadExpired, testclient.WorkloadInvented, testclient.WorkloadUnproved, testclient.WorkloadPresented,
		testclient.NoResource, testclient.NoResourceAtToken, testclient.ResourceIsOrigin, testclient.AssertionInURI, testclient.IssuerUnchecked,
	},
	Judge: func(t *Trace) Verdict {
		where := t.shown(t.workloadSecrets())
		switch {
		case where != "":
			return fails("%s", where)
		case t.Situation == workloadIssuer && usesExtension(t):
			return fails("the client sent its assertion to a server whose metadata names another issuer")
		case t.Situation == workloadIssuer && usedEndpoints(t), t.Situation != workloadIssuer && !usesExtension(t):
			return t.unused(workload.Name)
		case t.Situation == workloadIssuer && !sawMetadata(t):
			return notReached("the client never fetched the metadata")
		case t.Situation == workloadIssuer:
			return passes()
		}
		return every(t.grants(grantAssertion), "", func(r *Request) string {
			switch r.Params.Get("assertion") {
			case t.Context["valid_jwt"]:
				return t.misnamed(r)
			case "":
				return "the token request had no assertion"
			case t.Context["wrong_audience_jwt"]:
				return "the assertion is meant for another server"
			case t.Context["expired_jwt"]:
				return "the assertion has expired"
			}
			return "the assertion is none that the client was given"
		})
	},
})

var _ = Register(Check{
	ID: "client-wif-failure-handling", Title: "A refused assertion ends the attempt, and the client says so", Area: suites.WorkloadIdentity,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20251125, Cites: workloadCites,
	Covers: []string{"client-wif-failure-handling"},
	Remedy: "Report the error; send another assertion, or none.",
	In:     []*Situation{workloadPlain, workloadRefused, workloadScopeRefused, workloadUnauthorized},
	Defects: []testclient.Defect{
		testclient.WorkloadRetries, testclient.WorkloadFallsBack, testclient.WorkloadSilent,
	},
	Judge: judged(func(t *Trace) Verdict {
		found := t.insists()
		switch {
		case t.Situation == workloadPlain:
			return notApplicable("the assertion is taken here")
		case found != "":
			return fails("%s", found)
		case t.Exit.OK() && !t.Exit.Stopped && strings.TrimSpace(t.Exit.Output) == "":
			return fails("the assertion was refused, and the client ended as if all was well")
		}
		return passes()
	}),
})

// insists says how a client goes on after its assertion was refused; "" if it does not.
func (t *Trace) insists() string {
	refused := t.grants(grantAssertion)
	for i, r := range refused {
		again := slices.ContainsFunc(refused[:i], func(before *Request) bool {
			return sameParameters(before.Params, r.Params, "assertion", "scope", "resource")
		})
		if again {
			return "the client sent a refused assertion again"
		}
	}
	if len(refused) == 0 {
		return ""
	}
	later := slices.ContainsFunc(slices.Concat(t.TokenRequests(), t.Authorizations(), t.Registrations()), func(r *Request) bool {
		return r.At.After(refused[0].At) && r.Params.Get("grant_type") != grantAssertion
	})
	if later {
		return "the assertion was refused, and the client asked for authorization otherwise"
	}
	return ""
}

func sameParameters(a, b url.Values, names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !slices.Equal(a[name], b[name]) })
}

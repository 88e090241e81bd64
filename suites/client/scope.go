package client

import (
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

const (
	scopeSelection = "Authorization, Scope Selection Strategy"
	offlineAccess  = "offline_access"
)

// listing has the resource metadata list other scopes; none at all if there are none.
func listing(scopes ...string) front {
	return rewrite(reference.PartyResourceServer, "/.well-known/oauth-protected-resource", func(_ *Stage, d map[string]any) {
		delete(d, "scopes_supported")
		if len(scopes) > 0 {
			d["scopes_supported"] = scopes
		}
	})
}

// The situations in which challenge, resource and authorization server do not name
// the same scopes.
var (
	undefined = Declare(Situation{
		ID: "scope-undefined", Doc: "names no scope in its challenge and lists none for the resource", Ends: Works, Since: suites.V20251125,
		Contract: "auth/scope-omitted-when-undefined",
		Shape: func(l *Lab) {
			with(fault.ChallengeNoScope)(l)
			l.Front = listing()
		},
	})
	unlisted = Declare(Situation{
		ID: "scope-unlisted", Doc: "asks for a scope in its challenge that it does not list", Ends: Works, Since: suites.V20251125,
		Contract: "auth/scope-from-www-authenticate",
		Shape:    func(l *Lab) { l.Front = listing("upstream.read") },
	})
	stepUpUnlisted = Declare(Situation{
		ID: "step-up-unlisted", Doc: "asks for a further scope that it does not list when a tool is called", Ends: Works,
		Since: suites.V20251125, Contract: "auth/scope-step-up",
		MayRefuse: func(t *Trace) bool { return t.forbidden() > 0 && len(t.Authorizations()) == 1 },
		Shape: func(l *Lab) {
			l.ForClients.TestToolScopes = []string{"notes.write"}
			l.Front = listing("upstream.read")
		},
		Reached: func(t *Trace) bool { return t.forbidden() > 0 },
	})
	offlineUnlisted = Declare(Situation{
		ID: "offline-access-unlisted", Doc: "does not list offline_access among the scopes of its authorization server", Ends: Works,
		Since: suites.V20251125, Contract: "auth/offline-access-not-supported",
		Shape: func(l *Lab) {
			l.Front = rewrite(reference.PartyAuthServer, "/.well-known/", func(_ *Stage, d map[string]any) {
				scopes, _ := d["scopes_supported"].([]any)
				d["scopes_supported"] = slices.DeleteFunc(scopes, func(s any) bool { return s == offlineAccess })
			})
		},
	})
)

// askedFor are the scopes of an authorization request, without offline_access,
// which has a check of its own.
func askedFor(r *Request) []string {
	scopes := slices.DeleteFunc(strings.Fields(r.Params.Get("scope")), func(s string) bool { return s == offlineAccess })
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// listed are the scopes that the resource metadata listed when the client read it.
func (t *Trace) listed() []string {
	for _, r := range t.resourceMetadata() {
		listed, _ := r.Answer["scopes_supported"].([]any)
		var scopes []string
		for _, one := range listed {
			if scope, ok := one.(string); ok {
				scopes = append(scopes, scope)
			}
		}
		if len(scopes) > 0 {
			slices.Sort(scopes)
			return scopes
		}
	}
	return nil
}

var _ = Register(Check{
	ID: "client-scope-from-prm", Title: "Without a scope in the challenge the client asks for those that the resource lists, and for none if it lists none", Area: suites.Scope,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20251125, Cites: []suites.Cite{{Doc: spec, Section: scopeSelection}},
	Covers: []string{"client-scope-from-prm"},
	Remedy: "Take scopes_supported of the resource metadata; never that of the authorization server.",
	In:     []*Situation{unchallenged, undefined},
	Defects: []testclient.Defect{
		testclient.ScopeChallengeLost, testclient.ScopeFromServer,
	},
	Judge: func(t *Trace) Verdict {
		asked := t.Authorizations()
		if len(asked) == 0 {
			return notReached(noAuthorization)
		}
		listed, scopes := t.listed(), askedFor(asked[0])
		switch {
		case len(listed) == 0 && len(scopes) > 0:
			return fails("nobody names a scope, and the client asked for %s", quoted(strings.Join(scopes, " ")))
		case !slices.Equal(scopes, listed):
			return fails("the resource lists %s, and the client asked for %s", strings.Join(listed, " "), quoted(strings.Join(scopes, " ")))
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-challenge-authoritative", Title: "Scopes of a challenge are asked for, whether the resource lists them or not", Area: suites.Scope,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20251125, Cites: []suites.Cite{{Doc: spec, Section: scopeSelection}},
	Covers: []string{"client-challenge-authoritative"},
	Remedy: "Ask for every scope of the challenge; do not compare them with scopes_supported.",
	In:     []*Situation{unlisted, stepUpUnlisted}, Defects: []testclient.Defect{testclient.ScopesIntersected, testclient.ScopeAll, testclient.ScopeChallengeLost},
	Judge: func(t *Trace) Verdict {
		asked := t.Authorizations()
		needed, request := "notes.read", 0
		if t.Situation == stepUpUnlisted {
			needed, request = "notes.write", len(asked)-1
		}
		switch {
		case len(asked) == 0:
			return notReached(noAuthorization)
		case t.Situation == stepUpUnlisted && slices.Contains(askedFor(asked[0]), needed):
			return notApplicable("the client had asked for the scope before it was challenged for it")
		case t.Situation == stepUpUnlisted && t.forbidden() == 0:
			return notReached("the client never called a tool for which it lacked a scope")
		case t.Situation == stepUpUnlisted && len(asked) == 1:
			return notApplicable("the client asks for no further scopes, which another check judges")
		case !slices.Contains(askedFor(asked[request]), needed):
			return fails("the challenge named %s, and the client asked for %s", needed, quoted(asked[request].Params.Get("scope")))
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-offline-access-conditional", Title: "offline_access is asked for only where the authorization server lists it", Area: suites.Refresh,
	Level: suites.May, Severity: suites.Low, Since: suites.V20260728, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Refresh Tokens"}},
	Covers: []string{"client-offline-access-conditional"},
	Remedy: "Add offline_access to the scope if scopes_supported of the authorization server contains it.",
	In:     []*Situation{Sound, offlineUnlisted}, Defects: []testclient.Defect{testclient.OfflineAssumed},
	Judge: func(t *Trace) Verdict {
		asked := t.Authorizations()
		if len(asked) == 0 {
			return notReached(noAuthorization)
		}
		wants := slices.ContainsFunc(asked, func(r *Request) bool {
			return slices.Contains(strings.Fields(r.Params.Get("scope")), offlineAccess)
		})
		switch {
		case t.Situation == offlineUnlisted && wants:
			return fails("the authorization server does not list offline_access, and the client asked for it")
		case wants:
			return Verdict{Outcome: reports.Pass, Message: "the client asks for offline_access where it is listed"}
		}
		return passes()
	},
})

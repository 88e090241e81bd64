package client

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/suites"
)

const (
	asLocation = "Authorization Server Discovery, Authorization Server Location"
	asMetadata = "Authorization Server Discovery, Authorization Server Metadata Discovery"
)

// lastPlace has the metadata of an issuer with a path only at the last place where
// clients look.
var lastPlace = Declare(Situation{
	ID: "metadata-last-place", Doc: "has an issuer identifier with a path, and metadata only where OpenID Connect appends it", Ends: Works,
	Since: suites.V20251125, Contract: "auth/metadata-var3",
	Shape: func(l *Lab) {
		shaped(variant.PathIssuer)(l)
		l.Front = silentAt("/.well-known/")
	},
	Reached: soughtMetadata,
})

// places are where the metadata of an issuer may be, in the order in which clients
// look (RFC 8414, sections 3.1 and 5; OpenID Connect Discovery, section 4).
func places(issuer string) []string {
	path := strings.TrimPrefix(issuer, origin(issuer))
	all := []string{"/.well-known/oauth-authorization-server" + path, "/.well-known/openid-configuration" + path}
	if path != "" {
		all = append(all, path+"/.well-known/openid-configuration")
	}
	return all
}

var _ = Register(Check{
	ID: "client-asm-discovery-order", Title: "Authorization server metadata is looked for in each place, in the order that the specification gives", Area: suites.Discovery,
	Level: suites.Must, Severity: suites.Low, Since: suites.V20251125,
	Cites:  []suites.Cite{{Doc: spec, Section: asMetadata}, {Doc: "RFC 8414", Section: "3.1"}, {Doc: "RFC 8414", Section: "5"}},
	Covers: []string{"client-asm-discovery-order"},
	Remedy: "Look for RFC 8414 metadata, then for OpenID Connect discovery, each inserted before the path, then for OpenID Connect discovery appended to it.",
	In:     []*Situation{lastPlace, openIDOnly},
	Defects: []testclient.Defect{
		testclient.OpenIDIgnored, testclient.OrderReversed, testclient.MetadataAtRoot,
	},
	Judge: func(t *Trace) Verdict {
		var looked []string // each place once: a client may start over
		for _, r := range t.sought() {
			if !slices.Contains(looked, r.URL.Path) {
				looked = append(looked, r.URL.Path)
			}
		}
		known := places(t.Issuer)
		for i, place := range looked {
			switch {
			case !slices.Contains(known, place):
				return fails("the client looked at %s, where no metadata of this issuer can be", quoted(place))
			case place != known[i]:
				return fails("the client looked at %s before %s", quoted(place), known[i])
			}
		}
		switch {
		case len(looked) == 0:
			return notReached("the client never looked for the metadata of the authorization server")
		case len(looked) < len(known):
			return fails("the client did not look at %s", known[len(looked)])
		}
		return passes()
	},
})

// ledger remembers which tokens the second deployment has issued, so that calls
// with them go to its resource server.
type ledger struct {
	mu     sync.Mutex
	issued map[string]bool
}

// record is the front of the second deployment.
func (l *ledger) record() front {
	return rewriteAnswers(reference.PartyAuthServer, http.MethodPost, "/token", func(_ *Stage, d map[string]any) {
		token, _ := d["access_token"].(string)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.issued == nil {
			l.issued = map[string]bool{}
		}
		l.issued[token] = true
	})
}

// route is a front of the first.
func (l *ledger) route(s *Stage, party reference.Party, next http.Handler) http.Handler {
	if party != reference.PartyResourceServer {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		l.mu.Lock()
		theirs := l.issued[token]
		l.mu.Unlock()
		if theirs {
			s.Other.ResourceServer.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// lists has the resource metadata name other authorization servers.
func lists(issuers func(s *Stage) []string) front {
	return rewrite(reference.PartyResourceServer, "/.well-known/oauth-protected-resource", func(s *Stage, d map[string]any) {
		d["authorization_servers"] = issuers(s)
	})
}

// The situations in which there is a choice.
var (
	twoServers = Declare(Situation{
		ID: "two-authorization-servers", Doc: "lists two authorization servers, both of which will do", Ends: Works, Since: suites.V20250618,
		Shape: func(l *Lab) {
			var tokens ledger
			l.Moves = true
			l.stand(lists(func(s *Stage) []string {
				return []string{s.Server.AuthServer.Issuer(), s.Other.AuthServer.Issuer()}
			}))
			l.stand(tokens.route)
			l.OtherFront = tokens.record()
		},
	})
	deadFirst = Declare(Situation{
		ID: "first-server-dead", Doc: "lists two authorization servers, the first of which cannot be found", Ends: Works, Since: suites.V20250618,
		Shape: func(l *Lab) {
			l.Front = lists(func(s *Stage) []string {
				return []string{origin(s.Server.Upstream.URL()), s.Server.AuthServer.Issuer()}
			})
		},
		Reached: soughtAnywhere,
	})
)

// soughtAnywhere tells whether the client looked for metadata at the authorization
// server or at what was said to be one.
func soughtAnywhere(t *Trace) bool {
	return soughtMetadata(t) || slices.ContainsFunc(t.requests(reference.PartyUpstream, http.MethodGet, ""), func(r *Request) bool {
		return slices.Contains(places(origin(r.URL.String())), r.URL.Path)
	})
}

var _ = Register(Check{
	ID: "client-multiple-as-choice", Title: "Of several authorization servers the client chooses one and keeps to it", Area: suites.Discovery,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20250618,
	Cites:  []suites.Cite{{Doc: spec, Section: asLocation}, {Doc: "RFC 9728", Section: "7.6"}, {Doc: "OAuth 2.1", Section: "7.14"}},
	Covers: []string{"client-multiple-as-choice"},
	Remedy: "Take all endpoints of one flow from the metadata of one issuer.",
	In:     []*Situation{twoServers}, Defects: []testclient.Defect{testclient.ServersMixed, testclient.ServersSplit},
	Judge: func(t *Trace) Verdict {
		first := append(t.Authorizations(), t.TokenRequests()...)
		second := append(t.other(http.MethodGet, "/authorize"), t.other(http.MethodPost, "/token")...)
		switch {
		case len(first)+len(second) == 0:
			return notReached("the client never sent the user to either of them")
		case len(first) > 0 && len(second) > 0:
			return fails("one flow went to both authorization servers")
		case len(first) == 0 && len(t.Registrations()) > 0 && len(t.otherRegistrations()) == 0,
			len(second) == 0 && len(t.otherRegistrations()) > 0 && len(t.Registrations()) == 0:
			return fails("the client registered at one authorization server and sent the user to another")
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-multiple-as-dead-first", Title: "An authorization server that cannot be found is passed over for the next on the list", Area: suites.Discovery,
	Level: suites.May, Severity: suites.Low, Since: suites.V20250618,
	Cites:  []suites.Cite{{Doc: spec, Section: asLocation}, {Doc: "RFC 9728", Section: "2"}},
	Covers: []string{"client-multiple-as-choice"},
	Remedy: "Go through authorization_servers until one has metadata.",
	In:     []*Situation{deadFirst}, Defects: []testclient.Defect{testclient.FirstServerOnly},
	Judge: func(t *Trace) Verdict {
		switch {
		case !soughtAnywhere(t):
			return notReached("the client never looked for the metadata of the authorization servers")
		case !sawMetadata(t):
			return fails("the client ended at the first authorization server, although the second would do")
		}
		return passes()
	},
})

package client

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

const (
	forgery = "Server-Side Request Forgery"
	onlyOne = "the client is not said to run on a server, and may reach addresses of its user's machine"
)

// The situations in which metadata leads to other addresses of this machine, in
// spellings that filters overlook.
var internal = []*Situation{
	leading("internal-pointer", "points at resource metadata on another loopback address", "127.0.0.2", func(l *Lab, origin func(*Stage) string) {
		l.Front = func(s *Stage, party reference.Party, next http.Handler) http.Handler {
			if party != reference.PartyResourceServer {
				return next
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(&pointing{ResponseWriter: w, pointer: origin(s) + rsMD}, r)
			})
		}
	}),
	leading("internal-issuer", "names an authorization server on the IPv6 loopback address", "[::1]", func(l *Lab, origin func(*Stage) string) {
		l.Front = rewrite(reference.PartyResourceServer, rsMD, func(s *Stage, d map[string]any) {
			d["authorization_servers"] = []string{origin(s)}
		})
	}),
	leading("internal-registration", "names a registration endpoint on a loopback address written as one number", "2130706433", func(l *Lab, origin func(*Stage) string) {
		l.Front = rewrite(reference.PartyAuthServer, serverMD, func(s *Stage, d map[string]any) {
			d["registration_endpoint"] = origin(s) + "/register"
		})
	}),
	leading("internal-token-endpoint", "names a token endpoint on an IPv4 loopback address written as IPv6", "[::ffff:127.0.0.1]", func(l *Lab, origin func(*Stage) string) {
		l.Front = rewrite(reference.PartyAuthServer, serverMD, func(s *Stage, d map[string]any) {
			d["token_endpoint"] = origin(s) + "/token"
		})
	}),
}

func leading(id, doc, host string, shape func(l *Lab, origin func(*Stage) string)) *Situation {
	return Declare(Situation{
		ID: id, Doc: doc, Ends: Refuses, Nearby: true, Proceeded: func(t *Trace) bool { return t.hosted && t.canaryHit() },
		Reached: func(t *Trace) bool { return len(t.Calls()) > 0 },
		Shape: func(l *Lab) {
			l.Canary = http.NotFoundHandler()
			shape(l, func(s *Stage) string { return s.at(host) })
		},
	})
}

// pointing points at other metadata.
type pointing struct {
	http.ResponseWriter
	pointer string
}

func (w *pointing) WriteHeader(status int) {
	if status == http.StatusUnauthorized {
		w.Header()["Www-Authenticate"] = []string{`Bearer resource_metadata="` + w.pointer + `"`}
	}
	w.ResponseWriter.WriteHeader(status)
}

// The situations in which documents redirect to other addresses of this machine.
var internalRedirects = []*Situation{
	redirecting("internal-redirect-resource", "redirects resource metadata to another loopback address", reference.PartyResourceServer, rsMD, false),
	redirecting("internal-redirect-server", "redirects authorization server metadata to another loopback address", reference.PartyAuthServer, serverMD, false),
	redirecting("internal-redirect-chain", "redirects resource metadata to another loopback address in two steps", reference.PartyResourceServer, rsMD, true),
}

func redirecting(id, doc string, party reference.Party, path string, twice bool) *Situation {
	return leading(id, doc, "127.0.0.2", func(l *Lab, origin func(*Stage) string) {
		l.Front = func(s *Stage, p reference.Party, next http.Handler) http.Handler {
			if p != party {
				return next
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Header.Get("User-Agent") == reference.UserAgent || !strings.Contains(r.URL.Path, path):
					next.ServeHTTP(w, r)
				case twice && !r.URL.Query().Has("step"):
					http.Redirect(w, r, r.URL.Path+"?step=2", http.StatusFound)
				default:
					http.Redirect(w, r, origin(s)+r.URL.Path, http.StatusFound)
				}
			})
		}
	})
}

// canaryHit tells whether the client came to where it has no business.
func (t *Trace) canaryHit() bool {
	return slices.ContainsFunc(t.Seen, func(x *reference.Observation) bool { return x.Party == PartyCanary })
}

// leftAlone judges whether the client came to another address of its machine. Only
// a client on a server is to be blamed: nobody else gains by a user's machine what
// its user cannot have (MCP Security Best Practices, Server-Side Request Forgery).
func leftAlone(how string, met func(*Trace) bool) func(*Trace) Verdict {
	return func(t *Trace) Verdict {
		switch {
		case len(t.Calls()) == 0:
			return notReached("the client never came to the MCP server")
		case !t.hosted:
			return notApplicable(onlyOne)
		case t.canaryHit():
			return fails("the client, which runs on a server, %s", how)
		case !t.Exit.Here:
			return notReached("the client does not run on this machine: the addresses that it was led to are not ours there")
		case !met(t):
			return notReached("the client never met the URL that leads there")
		}
		return passes()
	}
}

// metInternal tells whether the client was given the URL.
func metInternal(t *Trace) bool {
	switch t.Situation.ID {
	case "internal-pointer":
		return slices.ContainsFunc(t.Calls(), func(r *Request) bool { return r.Status == http.StatusUnauthorized })
	case "internal-issuer":
		return len(t.resourceMetadata()) > 0
	}
	return sawMetadata(t)
}

var _ = Register(Check{
	ID: "client-ssrf-private-addresses", Title: "A client on a server fetches nothing from internal addresses", Area: suites.SSRF,
	Level: suites.Should, Severity: suites.Medium,
	Cites:  []suites.Cite{{Doc: practices, Section: forgery}, {Doc: "RFC 9728", Section: "7.7"}, {Doc: "RFC 8414", Section: "6.2"}},
	Covers: []string{"client-ssrf-private-addresses", "client-ssrf-considered", "ssrf-client-discovery"},
	Remedy: "Check the address that is about to be connected to, after names and spellings have been resolved.",
	In:     internal, Defects: []testclient.Defect{testclient.FetchesAnything},
	Judge: leftAlone("sent a request to an internal address that a server had named", metInternal),
})

var _ = Register(Check{
	ID: "client-ssrf-redirects", Title: "A client on a server follows no redirect to internal addresses", Area: suites.SSRF,
	Level: suites.Should, Severity: suites.Medium,
	Cites:  []suites.Cite{{Doc: practices, Section: forgery}, {Doc: "RFC 9728", Section: "7.7"}},
	Covers: []string{"client-ssrf-redirects", "client-ssrf-considered", "ssrf-client-discovery"},
	Remedy: "Follow no redirect of metadata, or check each target as the first URL.",
	In:     internalRedirects, Defects: []testclient.Defect{testclient.RedirectsFollowed},
	Judge: leftAlone("followed a redirect to an internal address", func(t *Trace) bool {
		return slices.ContainsFunc(t.Seen, func(x *reference.Observation) bool {
			return x.Status == http.StatusFound && strings.Contains(x.URL.Path, serverMD)
		})
	}),
})

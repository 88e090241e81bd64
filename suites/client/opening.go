package client

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

const (
	practices = "MCP Security Best Practices"
	urlRules  = "OAuth Authorization URL Validation"
	serverMD  = "/.well-known/"
	rsMD      = "/.well-known/oauth-protected-resource"
)

// The situations in which the metadata names an authorization endpoint that is no
// place to send a user to.
var (
	misopened = []*Situation{
		badEndpoint("endpoint-javascript", "names a javascript: URL as its authorization endpoint", "javascript:alert(document.domain)//"),
		badEndpoint("endpoint-data", "names a data: URL as its authorization endpoint", "data:text/html,%3Ctitle%3Esign%20in%3C/title%3E"),
		badEndpoint("endpoint-file", "names a file: URL as its authorization endpoint", "file:///etc/hostname"),
		badEndpoint("endpoint-vbscript", "names a vbscript: URL as its authorization endpoint", "vbscript:MsgBox"),
		badEndpoint("endpoint-private-scheme", "names a URL of another application as its authorization endpoint", "mcpassay-other-app://authorize"),
	}
	cleartextElsewhere = newer(badEndpoint("endpoint-cleartext", "names an http URL of another machine as its authorization endpoint", "http://as.mcpassay.invalid/authorize"))
)

// newer makes a situation one of the newest revision only, where its check is.
func newer(s *Situation) *Situation {
	s.Since = suites.V20260728
	return s
}

func badEndpoint(id, doc, endpoint string) *Situation {
	return Declare(Situation{
		ID: id, Doc: doc, Ends: Refuses, Reached: sawMetadata, Proceeded: func(t *Trace) bool { return t.handed(endpoint) },
		Shape: func(l *Lab) {
			l.Front = rewrite(reference.PartyAuthServer, serverMD, func(_ *Stage, d map[string]any) { d["authorization_endpoint"] = endpoint })
		},
	})
}

// handed tells whether the client handed a URL to the opener that begins so.
func (t *Trace) handed(beginning string) bool {
	return slices.ContainsFunc(t.Exit.Opened, func(u string) bool {
		return len(u) >= len(beginning) && strings.EqualFold(u[:len(beginning)], beginning)
	})
}

// strangeLinks has sound endpoints, and links to documentation that nobody may
// open without looking. A client may refuse such metadata altogether.
var strangeLinks = Declare(Situation{
	ID: "documentation-schemes", Doc: "links its documentation by URLs that are none of the web", Ends: Refuses, Reached: sawMetadata,
	Proceeded: func(t *Trace) bool {
		return slices.ContainsFunc(t.Exit.Opened, func(u string) bool { return !ofTheWeb(u) })
	},
	Shape: func(l *Lab) {
		server := rewrite(reference.PartyAuthServer, serverMD, func(_ *Stage, d map[string]any) {
			d["service_documentation"], d["op_policy_uri"], d["op_tos_uri"] = "file:///etc/hostname", "javascript:alert(1)", "mcpassay-other-app://terms"
		})
		resource := rewrite(reference.PartyResourceServer, rsMD, func(_ *Stage, d map[string]any) {
			d["resource_documentation"], d["resource_policy_uri"], d["resource_tos_uri"] = "data:text/html,x", "vbscript:MsgBox", "file:///etc/hostname"
		})
		l.Front = func(s *Stage, party reference.Party, next http.Handler) http.Handler {
			return server(s, party, resource(s, party, next))
		}
	},
})

// opens says what stands in the way of judging by what the client hands to the
// opener of its system: that nothing catches it, or that it hands it nothing.
func (t *Trace) opens() (obstacle *Verdict) {
	sound := t.in(Sound)
	var v Verdict
	switch {
	case !t.Exit.Intercepted:
		v = notReached("what the client hands to the opener of its system was not caught: it was started without one of ours")
	case sound == nil || !answered(sound):
		v = notReached("even a sound deployment got no authorization request from the client")
	case len(sound.Exit.Opened) == 0:
		v = notApplicable("the client hands nothing to the opener of its system: it makes authorization requests itself, or shows them")
	default:
		return nil
	}
	return &v
}

// openedBadly judges each URL that was handed to the opener.
func openedBadly(bad func(string) bool) func(*Trace) Verdict {
	return func(t *Trace) Verdict {
		for _, opened := range t.Exit.Opened {
			if bad(opened) {
				scheme, rest, _ := strings.Cut(opened, ":")
				rest, _, _ = strings.Cut(rest, "?") // what follows is the client's own, and secret
				return fails("the client handed %s to the opener of its system", quoted(scheme+":"+rest))
			}
		}
		if obstacle := t.opens(); obstacle != nil {
			return *obstacle
		}
		if !sawMetadata(t) {
			return notReached("the client never fetched the metadata")
		}
		return passes()
	}
}

// ofTheWeb tells whether a URL is one of http or https.
func ofTheWeb(address string) bool {
	scheme, _, _ := strings.Cut(address, ":")
	return strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
}

var _ = Register(Check{
	ID: "client-opener-schemes", Title: "Only http and https URLs reach the opener of the user's system", Area: suites.SSRF,
	Level: suites.Must, Severity: suites.Critical, Cites: []suites.Cite{{Doc: practices, Section: urlRules}, {Doc: "RFC 8414", Section: "2"}},
	Covers: []string{"client-opener-schemes", "discovery-client-dangerous-endpoints"},
	Remedy: "Parse URLs of metadata and go on with https, or http on loopback, only.",
	In:     append(slices.Clone(misopened), strangeLinks), Beside: []*Situation{Sound},
	Defects: []testclient.Defect{testclient.OpensAnyScheme, testclient.OpensDocumentation},
	Judge:   openedBadly(func(u string) bool { return !ofTheWeb(u) }),
})

var _ = Register(Check{
	ID: "client-authz-url-scheme-allowlist", Title: "The user is sent to https URLs, or to http on this machine", Area: suites.SSRF,
	Level: suites.Must, Severity: suites.High, Since: suites.V20260728, Cites: []suites.Cite{{Doc: practices, Section: urlRules}},
	Covers: []string{"client-authz-url-scheme-allowlist"},
	Remedy: "Allow https, and http for loopback addresses; refuse whatever else the metadata names as the authorization endpoint.",
	In:     append(slices.Clone(misopened), cleartextElsewhere), Beside: []*Situation{Sound},
	Defects: []testclient.Defect{testclient.OpensAnyScheme, testclient.OpensCleartext},
	Judge: openedBadly(func(address string) bool {
		u, err := url.Parse(address)
		return err != nil || u.Scheme != "https" && (u.Scheme != "http" || !onLoopback(u.Hostname()))
	}),
})

// onLoopback tells whether a host is this machine.
func onLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.Unmap().IsLoopback()
}

// shellWords has an authorization endpoint that works, in whose query every way
// of making a POSIX shell run something is written.
var shellWords = Declare(Situation{
	ID: "endpoint-shell-words", Doc: "has shell commands in the query of its authorization endpoint", Ends: Refuses, Nearby: true,
	Reached: sawMetadata, Proceeded: func(t *Trace) bool { return t.Marked },
	Shape: func(l *Lab) {
		l.Marked = true
		l.Front = rewrite(reference.PartyAuthServer, serverMD, func(s *Stage, d map[string]any) {
			endpoint, _ := d["authorization_endpoint"].(string)
			run := "touch${IFS}" + s.mark()
			d["authorization_endpoint"] = endpoint + "?x=$(" + run + ")&y=`" + run + "`&" + run + "&z=|" + run
		})
	},
})

var _ = Register(Check{
	ID: "client-authz-url-no-shell", Title: "No shell evaluates a URL", Area: suites.SSRF,
	Level: suites.Must, Severity: suites.Critical, Cites: []suites.Cite{{Doc: practices, Section: urlRules}, {Doc: "RFC 8414", Section: "2"}},
	Covers: []string{"client-authz-url-no-shell", "discovery-client-dangerous-endpoints"},
	Remedy: "Start the opener with the URL as an argument of its own, without a shell.",
	In:     []*Situation{shellWords}, Defects: []testclient.Defect{testclient.OpensThroughShell},
	Judge: func(t *Trace) Verdict {
		switch {
		case t.Marked:
			return fails("a command in the authorization endpoint was run")
		case !t.Exit.Here:
			return notReached("the client does not run on this machine: what its shell does cannot be seen")
		case !sawMetadata(t):
			return notReached("the client never fetched the metadata")
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-external-user-agent", Title: "The user signs in in a browser, not in a view of the client's", Area: suites.AuthorizationRequest,
	Level: suites.Must, Severity: suites.Medium, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "8.5.1"}, {Doc: "RFC 8252", Section: "8.12"}},
	Covers: []string{"client-external-user-agent"},
	Remedy: "Hand the authorization request to the browser of the user's system.",
	In:     []*Situation{Sound}, Defects: []testclient.Defect{testclient.EmbeddedView},
	Judge: func(t *Trace) Verdict {
		asked := t.Authorizations()
		if len(asked) == 0 {
			return notReached(noAuthorization)
		}
		for _, r := range asked {
			agent := r.Header.Get("User-Agent")
			switch {
			case t.handed("http") && slices.ContainsFunc(t.Exit.Opened, func(u string) bool { return sameRequest(u, r) }):
			case embedded(agent):
				return Verdict{Outcome: reports.Warn, Message: "the authorization request came from what calls itself " + quoted(agent) + ", which is a view within an application"}
			case !strings.HasPrefix(agent, "Mozilla/") || r.Header.Get("Sec-Fetch-Mode") != "navigate":
				return notReached("the authorization request did not come from anything that says it is a browser: who made it cannot be told")
			}
		}
		return passes()
	},
})

// sameRequest tells whether a URL that was handed to the opener is an authorization
// request.
func sameRequest(opened string, r *Request) bool {
	u, err := url.Parse(opened)
	return err == nil && u.Query().Get("code_challenge") == r.Params.Get("code_challenge") && u.Query().Get("state") == r.Params.Get("state")
}

// embedded tells whether a user agent says that it is a view within an application.
func embedded(agent string) bool {
	for _, sign := range []string{"; wv)", "WebView", "Electron/", "QtWebEngine/", "CEF/", "JavaFX/"} {
		if strings.Contains(agent, sign) {
			return true
		}
	}
	return strings.Contains(agent, "iPhone") && strings.Contains(agent, "AppleWebKit") && !strings.Contains(agent, "Safari/")
}

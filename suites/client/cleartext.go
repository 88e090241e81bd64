package client

import (
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

// elsewhereName is an authorization server that is nowhere: nobody can have the name
// (RFC 6761, section 6.4).
const elsewhereName = "as.mcpassay.invalid"

const noProxy = "the client asks no proxy of its environment: what it sends to other machines cannot be seen"

// The situations of servers on the public network, which a proxy stands in for.
var (
	elsewhereSecure = named("issuer-elsewhere", "names an authorization server that a proxy has to be asked for", "https://"+elsewhereName)
	elsewhereClear  = named("issuer-elsewhere-cleartext", "names an authorization server on another machine that is reached by http", "http://"+elsewhereName)
)

func named(id, doc, issuer string) *Situation {
	return Declare(Situation{
		ID: id, Doc: doc, Ends: Refuses, Nearby: true, Reached: func(t *Trace) bool { return len(t.resourceMetadata()) > 0 },
		Proceeded: func(t *Trace) bool { return t.askedProxy("http://" + elsewhereName) },
		Shape: func(l *Lab) {
			l.Proxied = true
			l.Front = rewrite(reference.PartyResourceServer, rsMD, func(_ *Stage, d map[string]any) { d["authorization_servers"] = []string{issuer} })
		},
	})
}

// clearTokens has a token endpoint that codes and credentials would reach in the
// clear.
var clearTokens = Declare(Situation{
	ID: "token-endpoint-cleartext", Doc: "names an http URL of another machine as its token endpoint", Ends: Refuses, Nearby: true,
	Reached: sawMetadata, Proceeded: func(t *Trace) bool { return t.askedProxy("http://" + elsewhereName) },
	Shape: func(l *Lab) {
		l.Proxied = true
		l.Front = rewrite(reference.PartyAuthServer, serverMD, func(_ *Stage, d map[string]any) { d["token_endpoint"] = "http://" + elsewhereName + "/token" })
	},
})

// askedProxy tells whether a proxy was asked for what begins so.
func (t *Trace) askedProxy(beginning string) bool {
	return slices.ContainsFunc(t.Proxied, func(u string) bool { return strings.HasPrefix(u, beginning) })
}

var _ = Register(Check{
	ID: "client-ssrf-https-only", Title: "Documents of other machines are fetched by https only", Area: suites.SSRF,
	Level: suites.Should, Severity: suites.Medium,
	Cites:  []suites.Cite{{Doc: practices, Section: forgery}, {Doc: "OAuth 2.1", Section: "1.5"}},
	Covers: []string{"client-ssrf-https-only"},
	Remedy: "Refuse http URLs in metadata, but for loopback addresses.",
	In:     []*Situation{elsewhereClear, elsewhereSecure}, Defects: []testclient.Defect{testclient.FetchesAnything, testclient.FallsBackToHTTP, testclient.SchemeAssumed},
	Judge: func(t *Trace) Verdict {
		secure := t.in(elsewhereSecure)
		switch {
		case t.askedProxy("http://" + elsewhereName):
			return fails("the client asked for the metadata of an authorization server on another machine by http")
		case len(t.resourceMetadata()) == 0:
			return notReached("the client fetched no resource metadata")
		case secure == nil || !secure.askedProxy("https://"+elsewhereName):
			return notReached(noProxy)
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-token-request-https", Title: "No code and no credential is sent to another machine in the clear", Area: suites.Communication,
	Level: suites.Must, Severity: suites.Critical, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "1.5"}, {Doc: "RFC 8414", Section: "2"}},
	Covers: []string{"discovery-client-dangerous-endpoints", "client-ssrf-https-only"},
	Remedy: "Refuse metadata whose token endpoint is neither https nor on loopback.",
	In:     []*Situation{clearTokens}, Beside: []*Situation{elsewhereSecure}, Defects: []testclient.Defect{testclient.FetchesAnything},
	Judge: func(t *Trace) Verdict {
		secure := t.in(elsewhereSecure)
		switch {
		case t.askedProxy("http://" + elsewhereName):
			return fails("the client sent a token request to another machine by http")
		case !sawMetadata(t):
			return notReached("the client never fetched the metadata")
		case secure == nil || !secure.askedProxy("https://"+elsewhereName):
			return notReached(noProxy)
		}
		return passes()
	},
})

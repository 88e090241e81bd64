package client

import (
	"slices"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/suites"
)

// The situations of certificates. The client is told to trust the authority of the
// deployment, so that what it refuses it refuses for the flaw.
var (
	overTLS = Declare(Situation{
		ID: "https", Doc: "is reached by https, with certificates of an authority that the client is told to trust", Ends: Works, Nearby: true,
		Shape: shaped(variant.TLS),
	})
	misCertified = []*Situation{
		flawed("https-mcp-unknown-authority", "has a certificate of an unknown authority at the MCP server", reference.PartyResourceServer, reference.CertificateUnknown),
		flawed("https-mcp-expired", "has an expired certificate at the MCP server", reference.PartyResourceServer, reference.CertificateExpired),
		flawed("https-mcp-other-name", "has a certificate for another name at the MCP server", reference.PartyResourceServer, reference.CertificateOtherName),
		flawed("https-as-unknown-authority", "has a certificate of an unknown authority at the authorization server", reference.PartyAuthServer, reference.CertificateUnknown),
		flawed("https-as-expired", "has an expired certificate at the authorization server", reference.PartyAuthServer, reference.CertificateExpired),
		flawed("https-as-other-name", "has a certificate for another name at the authorization server", reference.PartyAuthServer, reference.CertificateOtherName),
	}
)

// flaws are what is wrong in a situation, by its id.
var flaws = map[string]reference.Party{}

func flawed(id, doc string, party reference.Party, flaw reference.CertificateFlaw) *Situation {
	flaws[id] = party
	return Declare(Situation{
		ID: id, Doc: doc, Ends: Refuses, Nearby: true,
		Reached:   func(t *Trace) bool { return t.Handshakes[party] > 0 },
		Proceeded: func(t *Trace) bool { return len(t.sentTo(party)) > 0 },
		Shape: func(l *Lab) {
			shaped(variant.TLS)(l)
			l.ForClients.Certificates = map[reference.Party]reference.CertificateFlaw{party: flaw}
		},
	})
}

// sentTo are the requests of the client to a party: the deployment's own among
// each other are not among them.
func (t *Trace) sentTo(party reference.Party) []*reference.Observation {
	return slices.DeleteFunc(slices.Clone(t.Seen), func(x *reference.Observation) bool {
		return x.Party != party || x.Header.Get("User-Agent") == reference.UserAgent
	})
}

var _ = Register(Check{
	ID: "client-https-and-certificates", Title: "Nothing is sent to a server whose certificate does not hold", Area: suites.Communication,
	Level: suites.Must, Severity: suites.Critical,
	Cites:  []suites.Cite{{Doc: "OAuth 2.1", Section: "1.5"}, {Doc: "RFC 9728", Section: "7.1"}, {Doc: "RFC 8414", Section: "6.1"}},
	Covers: []string{"client-https-and-certificates", "tls-client-verifies"},
	Remedy: "Leave certificate verification on, for every connection.",
	In:     misCertified, Beside: []*Situation{overTLS}, Defects: []testclient.Defect{testclient.CertificatesUnchecked},
	Judge: func(t *Trace) Verdict {
		party := flaws[t.Situation.ID]
		sound := t.in(overTLS)
		switch {
		case len(t.sentTo(party)) > 0:
			return fails("the client sent %s a request although its certificate does not hold", "the "+string(party))
		case t.Handshakes[party] == 0 && len(t.Handshakes) == 0:
			return notReached("the client never connected to the deployment")
		case sound == nil || !sound.Served():
			return notReached("the client does not get through to a deployment whose certificates hold: it may not trust the authority that it is told to trust")
		case t.Handshakes[party] == 0:
			return notReached("the client never connected to the " + string(party))
		}
		return passes()
	},
})

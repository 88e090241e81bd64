package client

import (
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

// wantsAssertions belongs to an attacker whose authorization server the client was
// told of, and whose metadata names an honest server's token endpoint: an assertion
// that is made out to it would be good there.
var wantsAssertions = Declare(Situation{
	ID: "assertion-audience", Doc: "belongs to an attacker who wants assertions that are good at another authorization server", Ends: Refuses,
	Contract: "auth/client-credentials-jwt", Extension: machine, Since: suites.V20251125,
	Reached: (*Trace).asserted, Proceeded: (*Trace).assertedToHonest,
	Shape: func(l *Lab) {
		l.Moves = true
		l.Clients = append(l.Clients, reference.Client{
			ID: machineID, AuthMethod: byMachineKey, GrantTypes: []string{grantMachine}, Scopes: []string{"notes.read", "notes.write"}, Key: newKey(machineID),
		})
		l.Front = rewrite(reference.PartyResourceServer, rsMD, func(s *Stage, d map[string]any) {
			d["authorization_servers"] = []string{s.Other.AuthServer.Issuer()}
		})
		l.OtherFront = rewrite(reference.PartyAuthServer, serverMD, func(s *Stage, d map[string]any) {
			d["token_endpoint"] = s.Server.AuthServer.Issuer() + "/token"
		})
	},
	Context: func(s *Stage) ContextOf {
		told := machineContext(s)
		told["issuer"] = s.Other.AuthServer.Issuer()
		return told
	},
})

// assertions are the audiences of the assertions that the client authenticated by.
func (t *Trace) assertions() (audiences [][]string) {
	for _, r := range slices.Concat(t.TokenRequests(), t.other("POST", "")) {
		parsed, err := tokens.Parse(r.Params.Get("client_assertion"))
		if err != nil {
			continue
		}
		audience, _ := parsed.Audience() // none is nobody's
		audiences = append(audiences, audience)
	}
	return audiences
}

func (t *Trace) asserted() bool { return len(t.assertions()) > 0 }

// assertedToHonest tells whether the honest server would take such an assertion.
func (t *Trace) assertedToHonest() bool {
	return slices.ContainsFunc(t.assertions(), func(audience []string) bool {
		return slices.ContainsFunc(audience, func(name string) bool {
			return strings.TrimSuffix(name, "/") == t.Issuer || name == t.Issuer+"/token"
		})
	})
}

var _ = Register(Check{
	ID: "client-assertion-audience", Title: "An assertion is made out to the server whose metadata it is, not to whom that metadata names", Area: suites.ClientAuth,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125,
	Cites:  []suites.Cite{{Doc: "draft-ietf-oauth-rfc7523bis", Section: "4"}, {Doc: "draft-ietf-oauth-security-topics-update", Section: "2.1.2"}},
	Covers: []string{"ca-client-audience-injection"},
	Remedy: "Put the validated issuer identifier into aud, as the only value.",
	In:     []*Situation{wantsAssertions, machineSigned}, Defects: []testclient.Defect{testclient.AudienceFromMetadata},
	Judge: func(t *Trace) Verdict {
		switch {
		case t.Situation == wantsAssertions && t.assertedToHonest():
			return fails("the client signed an assertion for another authorization server than the one whose metadata it went by")
		case t.asserted():
			return passes()
		case t.Situation == machineSigned:
			return t.unused("assertions of its own")
		case len(t.resourceMetadata()) == 0:
			return notReached("the client fetched no resource metadata")
		}
		return passes() // it signed nothing here: whether it does elsewhere is looked at besides
	},
})

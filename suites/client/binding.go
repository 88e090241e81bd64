package client

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// misbound was told of the client by hand at one authorization server, and names
// another.
var misbound = Declare(Situation{
	ID: "configured-elsewhere", Doc: "names another authorization server than the one that knows the client by hand", Ends: Refuses,
	Contract: "auth/pre-registration", Since: suites.V20260728,
	Shape: func(l *Lab) {
		var tokens ledger
		configure(l)
		l.Moves = true
		l.stand(lists(func(s *Stage) []string { return []string{s.Other.AuthServer.Issuer()} }))
		l.stand(tokens.route)
		l.OtherFront = tokens.record()
	},
	Context:   configured,
	Reached:   (*Trace).readResourceMetadata,
	Proceeded: (*Trace).offeredElsewhere,
})

// readResourceMetadata tells whether the client was given resource metadata.
func (t *Trace) readResourceMetadata() bool {
	return slices.ContainsFunc(t.resourceMetadata(), func(r *Request) bool { return r.Status == http.StatusOK })
}

// offeredElsewhere tells whether the client sent what it was told of to the other
// authorization server.
func (t *Trace) offeredElsewhere() bool {
	return slices.ContainsFunc(append(t.other(http.MethodGet, ""), t.other(http.MethodPost, "")...), func(r *Request) bool {
		id, secret, _ := r.basic()
		return slices.Contains([]string{id, r.Params.Get("client_id")}, t.Context["client_id"]) ||
			slices.Contains([]string{secret, r.Params.Get("client_secret")}, t.Context["client_secret"])
	})
}

var _ = Register(Check{
	ID: "client-prereg-mismatch-error", Title: "A registration that belongs to another authorization server is not tried, but reported", Area: suites.Preregistration,
	Level: suites.Should, Severity: suites.High, Since: suites.V20260728,
	Cites:  []suites.Cite{{Doc: spec, Section: "Client Registration, Authorization Server Binding"}},
	Covers: []string{"client-prereg-mismatch-error"},
	Remedy: "Keep the issuer beside configured credentials, compare it with that of the metadata, and end with an error that says so.",
	In:     []*Situation{misbound}, Defects: []testclient.Defect{testclient.ConfigurationMisplaced, testclient.MismatchSilent, testclient.CredentialsShared},
	Judge: func(t *Trace) Verdict {
		if !t.readResourceMetadata() {
			return notReached("the client fetched no resource metadata")
		}
		switch {
		case t.offeredElsewhere():
			return fails("the registration that the client was told of was offered to another authorization server")
		case len(t.other(http.MethodGet, "/authorize")) > 0:
			return passes() // with a registration of its own
		case t.Exit.Unheard:
			return Verdict{Outcome: reports.Review, Message: "look whether the client says that its registration belongs to another authorization server"}
		case t.Exit.OK() && strings.TrimSpace(t.Exit.Output) == "":
			return fails("the client ended without a word")
		}
		return passes()
	},
})

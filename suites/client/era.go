package client

import (
	"encoding/json"
	"net/http"
	"sync/atomic"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

// codeUnsupportedVersion is what a server of the newer era refuses a revision with
// (MCP 2026-07-28, Versioning).
const codeUnsupportedVersion = -32022

// isModern tells whether a message with a token is of the era without sessions.
func isModern(r *http.Request) (body []byte, ok bool) {
	body, ok = isCall(r)
	return body, ok && r.Header.Get("Authorization") != "" && r.Header.Get("MCP-Protocol-Version") >= string(suites.V20260728)
}

// The situations in which it takes a 400 to find out the server's era. Whoever
// speaks one revision only may stop.
var (
	versionRefused = Declare(Situation{
		ID: "version-refused-once", Doc: "refuses the revision of the first message with a token, and names it among those that it speaks", Ends: Works,
		MayRefuse: (*Trace).endsAtRevision, Since: suites.V20260728,
		Shape: func(l *Lab) {
			var refused atomic.Bool
			l.Front = atMessages(func(w http.ResponseWriter, body []byte) bool {
				if refused.Swap(true) {
					return false
				}
				refuseRevision(w, body)
				return true
			})
		},
		Reached: func(t *Trace) bool { return t.badRequests() > 0 },
	})
	olderEra = Declare(Situation{
		ID: "older-era", Doc: "speaks no revision newer than 2025-11-25, and does not say so where it refuses one", Ends: Works,
		MayRefuse: (*Trace).endsAtRevision, Since: suites.V20260728,
		Shape: func(l *Lab) {
			l.ForClients.Revision = string(suites.V20251125)
			l.Front = atMessages(func(w http.ResponseWriter, _ []byte) bool {
				http.Error(w, "Bad Request: Unsupported protocol version", http.StatusBadRequest)
				return true
			})
		},
		Reached: func(t *Trace) bool { return t.badRequests() > 0 },
	})
)

// endsAtRevision tells whether the last thing that the client was told is that its
// revision is not spoken.
func (t *Trace) endsAtRevision() bool {
	sent, given := t.messages(), t.given("access_token")
	if len(sent) == 0 || len(given) == 0 {
		return false
	}
	last := sent[len(sent)-1]
	return last.Status == http.StatusBadRequest && last.bearer() == given[0] && last.Header.Get("MCP-Protocol-Version") != ""
}

// atMessages lets answer deal with messages of the newer era that have a token.
func atMessages(answer func(w http.ResponseWriter, body []byte) bool) front {
	return func(_ *Stage, party reference.Party, next http.Handler) http.Handler {
		if party != reference.PartyResourceServer {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if body, ok := isModern(r); ok && answer(w, body) {
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// refuseRevision answers a message as a server does that does not speak its
// revision.
func refuseRevision(w http.ResponseWriter, body []byte) {
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	_ = json.Unmarshal(body, &m) // no id if it is no message
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client has gone: nobody to tell
		"jsonrpc": "2.0", "id": m.ID,
		"error": map[string]any{
			"code": codeUnsupportedVersion, "message": "unsupported protocol version",
			"data": map[string]any{"supported": []suites.Revision{suites.V20260728}, "requested": suites.V20260728},
		},
	})
}

// badRequests counts the messages with a token that were answered 400.
func (t *Trace) badRequests() int {
	n := 0
	for _, r := range t.messages() {
		if r.Status == http.StatusBadRequest && r.bearer() != "" {
			n++
		}
	}
	return n
}

var _ = Register(Check{
	ID: "client-era-detection-with-auth", Title: "The era of a server is told from the body of a 400, never from a 401", Area: suites.Transport,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20260728,
	Cites:  []suites.Cite{{Doc: spec, Section: "Streamable HTTP, Backward Compatibility"}, {Doc: spec, Section: "Versioning"}},
	Covers: []string{"client-era-detection-with-auth"},
	Remedy: "Obtain a token first; send initialize only after a 400 whose body no server of the newer era would send.",
	In:     []*Situation{Sound, versionRefused, olderEra},
	Defects: []testclient.Defect{
		testclient.EraFromUnauthorized, testclient.EraFromStatus,
	},
	Judge: func(t *Trace) Verdict {
		sent := t.messages()
		if len(sent) == 0 {
			return notReached(noMessage)
		}
		if sent[0].message().Method == "initialize" {
			return notApplicable("the client begins with the older era")
		}
		unauthorized, unexplained := 0, false
		for i, r := range sent {
			switch {
			case r.message().Method == "initialize" && !unexplained:
				return fails("the client took a %d for a sign of an older server, and sent initialize", sent[i-1].Status)
			case r.message().Method == "initialize":
				return passes()
			case r.Status == http.StatusUnauthorized:
				unauthorized++
			case r.Status == http.StatusBadRequest && r.bearer() != "" && t.Situation == olderEra:
				unexplained = true
			}
		}
		switch {
		case unauthorized == 0:
			return notReached("the client was never refused for want of a token")
		case t.Situation != Sound && t.badRequests() == 0:
			return notReached("the client sent no message with a token")
		case t.stopped():
			return notApplicable("the client speaks one era only, and stops")
		}
		return passes()
	},
})

package client

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// What an attacker would have the user read, and where he would have him go.
const (
	deniedWord = "mcpassay-word-of-somebody-else"
	deniedPath = "/denied/why"
)

// deniedElsewhere makes the authorization response an error that another server
// seems to have sent.
func deniedElsewhere(s *Stage, party reference.Party, next http.Handler) http.Handler {
	if party != reference.PartyAuthServer {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		if to, err := url.Parse(w.Header().Get("Location")); err == nil && to.Query().Has("code") {
			to.RawQuery = url.Values{
				"error": {"access_denied"}, "error_description": {deniedWord}, "error_uri": {origin(s.Server.Upstream.URL()) + deniedPath},
				"state": to.Query()["state"], "iss": {"https://elsewhere.example"},
			}.Encode()
			w.Header().Set("Location", to.String())
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the client has gone: nobody to tell
	})
}

var issOnError = Declare(Situation{
	ID: "iss-foreign-on-error", Doc: "answers the authorization request with an error and another issuer's iss", Ends: Refuses,
	Contract: "auth/iss-wrong-issuer", Since: suites.V20260728,
	Shape: func(l *Lab) { l.Front = deniedElsewhere }, Reached: answered,
	Proceeded: func(t *Trace) bool { return t.heeded() != "" },
})

// heeded is what the client made of the error.
func (t *Trace) heeded() string {
	visited := slices.ContainsFunc(t.Seen, func(x *reference.Observation) bool {
		return x.Party == reference.PartyUpstream && x.URL.Path == deniedPath
	})
	opened := slices.ContainsFunc(t.Exit.Opened, func(address string) bool { return strings.HasSuffix(address, deniedPath) })
	switch {
	case visited, opened:
		return "went to its error_uri"
	}
	for _, word := range []string{"access_denied", deniedWord, deniedPath} {
		if strings.Contains(t.Exit.Output, word) {
			return "showed what it says: " + word
		}
	}
	return ""
}

var _ = Register(Check{
	ID: "client-iss-on-error-responses", Title: "An error response with another issuer's iss is neither shown nor acted on", Area: suites.IssuerCheck,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20260728,
	Cites:  []suites.Cite{{Doc: spec, Section: "Authorization, Authorization Response Validation"}, {Doc: "RFC 9207", Section: "2.4"}},
	Covers: []string{"client-iss-on-error-responses"},
	Remedy: "Compare iss before anything else of a response is looked at, errors included.",
	In:     []*Situation{issOnError},
	Defects: []testclient.Defect{
		testclient.ErrorShown, testclient.ErrorFollowed, testclient.IssUnchecked,
	},
	Judge: func(t *Trace) Verdict {
		switch heeded := t.heeded(); {
		case !answered(t):
			return notReached(noAuthorization)
		case heeded != "":
			return fails("the response named another issuer, and the client %s", heeded)
		case t.Exit.Unheard:
			return Verdict{Outcome: reports.Review, Message: "look whether the client shows the words " + quoted(deniedWord)}
		}
		return passes()
	},
})

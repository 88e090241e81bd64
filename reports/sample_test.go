package reports

import (
	"net/http"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// sample is a report with one result of each kind.
func sample() *Report {
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	control := &wire.Exchange{At: start, Took: 3 * time.Millisecond, Actor: "client", Purpose: "control", Method: "POST", URL: "http://127.0.0.1:7001/mcp",
		Request: wire.Message{Header: http.Header{"Authorization": {"Bearer ‹access_token 700 bytes #00aa11bb›"}}, Body: `{"method":"tools/list"}`}, Status: 200}
	attack := &wire.Exchange{At: start.Add(time.Second), Took: 2 * time.Millisecond, Actor: "client", Purpose: "attack", Method: "POST", URL: "http://127.0.0.1:7001/mcp",
		Request: wire.Message{Header: http.Header{"Authorization": {"Bearer ‹jwt 512 bytes #deadbeef›"}, "Content-Length": {"22"}}, Body: `it's {"method":"x"}`},
		Status:  200, Answer: wire.Message{Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"result":{}}`}}
	typed := &wire.Exchange{At: start.Add(2 * time.Second), Actor: "browser", Step: "typed the user name"}
	cites := []Cite{{"RFC 9068", "4"}, {"MCP 2026-07-28", "Token Handling"}}
	return &Report{
		Tool: "mcpassay test", Target: "http://127.0.0.1:7001/mcp", Issuer: "http://127.0.0.1:7000", Revision: "2026-07-28", UserAgent: "browser",
		Start: start, Took: 3 * time.Second, Chain: 2500 * time.Millisecond,
		Results: []Result{
			{ID: "rs-audience-validated", Title: "A token issued for another resource is refused", Area: "token-use", Role: "rs", Level: "MUST", Severity: "critical",
				Since: "2025-06-18", Cites: cites, Remedy: "Compare aud with the URL of this server.", Outcome: Fail, Owner: ResourceServer,
				Message: "a token for https://elsewhere.example was accepted",
				Facets: []Facet{{Title: "whatever host it was issued for", Outcome: Fail, Message: "a token for https://elsewhere.example was accepted"},
					{Title: "even if its audience begins with ours", Outcome: Pass}},
				Notes: []string{"the answer had no Cache-Control"}, Took: 5 * time.Millisecond, Evidence: []*wire.Exchange{control, attack, typed}},
			{ID: "rs-challenge-scope", Title: "The challenge names the scopes", Area: "challenge", Role: "rs", Level: "SHOULD", Severity: "low", Cites: cites[:1],
				Outcome: Warn, Owner: ResourceServer, Message: "the challenge has no scope", Took: time.Millisecond},
			{ID: "rs-challenge-present", Title: "A call without a token is challenged", Area: "challenge", Role: "rs", Level: "MUST", Outcome: Pass, Owner: ResourceServer, Took: 4 * time.Millisecond, Evidence: []*wire.Exchange{control}},
			{ID: "as-consent-look", Title: "The consent page names the client", Area: "consent", Role: "as", Level: "SHOULD", Outcome: Review, Owner: AuthServer, Message: "look at the consent page"},
			{ID: "as-refresh-rotated", Title: "Refresh tokens rotate", Area: "refresh", Role: "as", Level: "MUST", Outcome: Inconclusive, Owner: AuthServer, BlockedBy: "as-refresh-issued", Message: "blocked by as-refresh-issued: the token answer has no refresh_token"},
			{ID: "as-refresh-reuse", Title: "Reuse revokes the family", Area: "refresh", Role: "as", Level: "MUST", Outcome: Inconclusive, Owner: AuthServer, BlockedBy: "as-refresh-issued"},
			{ID: "as-code-expires", Title: "A code expires", Area: "code", Role: "as", Level: "MUST", Outcome: Inconclusive, Owner: Edge, Message: "the server limits the rate of requests (429)"},
			{ID: "as-dcr-policy", Title: "Registration refuses odd schemes", Area: "registration", Role: "as", Level: "MUST", Outcome: NotApplicable, Message: "needs a registration endpoint"},
		},
		Budget:  Budget{Spent: wire.Spent{Requests: 214, Peak: 16}, Registrations: 3, MaxRegistrations: 20, Concurrency: 16, Flows: 9},
		Residue: []Residue{{"client", "mcpassay-1a2b", "the server offers no deletion"}},
	}
}

// hostileText does everything to a reader that text can do.
var hostileText = "a\x00b\x1b[31mred\x1b]0;title\x07 ]]> <script>alert(1)</script> & \"quote' \u202eevil\u202c \u200b\u2028\u009b31m \xff\xfe \ufffe \r\n::error::x " +
	strings.Repeat("long", 1<<12)

// hostile is a report whose every text came from an enemy.
func hostile() *Report {
	x := &wire.Exchange{Actor: hostileText, Purpose: hostileText, Method: "GET", URL: "http://127.0.0.1/" + hostileText,
		Request: wire.Message{Header: http.Header{hostileText: {hostileText, ""}}, Body: hostileText, Truncated: true},
		Status:  200, Answer: wire.Message{Header: http.Header{"Location": {hostileText}}, Body: hostileText, Truncated: true}, Step: hostileText}
	dead := &wire.Exchange{Method: hostileText, URL: hostileText, Error: hostileText}
	r := &Report{Tool: hostileText, Target: hostileText, Issuer: hostileText, Revision: hostileText, UserAgent: hostileText,
		Residue: []Residue{{hostileText, hostileText, hostileText}}, Ledger: []Entry{{Of: hostileText, Where: hostileText, Value: hostileText, ComparedBy: hostileText, Differs: hostileText}}}
	for i, o := range Outcomes {
		r.Results = append(r.Results, Result{
			ID: "rs-hostile-" + string(rune('a'+i)), Title: hostileText, Area: "a", Role: "rs", Level: "MUST", Severity: hostileText, Cites: []Cite{{hostileText, hostileText}},
			Remedy: hostileText, Outcome: o, Owner: Owner(hostileText), Message: strings.Repeat("x", 1<<20) + hostileText, Facets: []Facet{{Title: hostileText, Outcome: o, Message: hostileText}},
			Notes: []string{hostileText}, Evidence: []*wire.Exchange{nil, x, dead},
		})
	}
	r.Results = append(r.Results, Result{ID: "../../escape", Area: hostileText, Role: hostileText, Outcome: Inconclusive, BlockedBy: hostileText, Evidence: []*wire.Exchange{x}})
	return r
}

// unsafe returns the first rune of s that does more than show itself, or 0.
func unsafe(s string) rune {
	for _, r := range s {
		if r != '\n' && r != '\t' && !readable(r) {
			return r
		}
	}
	return 0
}

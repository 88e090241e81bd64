package client

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

// A message is what the body of a call says.
type message struct {
	Method string `json:"method"`
	Params struct {
		Name string                     `json:"name"`
		URI  string                     `json:"uri"`
		Meta map[string]json.RawMessage `json:"_meta"`
	} `json:"params"`
}

func (r *Request) message() (m message) {
	_ = json.Unmarshal(r.Body, &m) // empty if it is none
	return m
}

// messages are the calls that carry a message.
func (t *Trace) messages() []*Request {
	return slices.DeleteFunc(t.Calls(), func(r *Request) bool { return r.Method != http.MethodPost || r.message().Method == "" })
}

const noMessage = "the client never sent the MCP server a message"

var _ = Register(Check{
	ID: "client-protocol-version-header", Title: "Messages say which revision of MCP they are in", Area: suites.Transport,
	Level: suites.Must, Severity: suites.Low, Since: suites.V20250618, Cites: []suites.Cite{{Doc: spec, Section: "Transports, Protocol Version Header"}},
	Covers:  []string{"client-protocol-version-header"},
	Remedy:  "Send MCP-Protocol-Version on every message but initialize, equal to the version in _meta where there is one.",
	Defects: []testclient.Defect{testclient.NoVersionHeader},
	Judge: func(t *Trace) Verdict {
		return every(t.messages(), noMessage, func(r *Request) string {
			m, header := r.message(), r.Header.Get("MCP-Protocol-Version")
			var within string
			_ = json.Unmarshal(m.Params.Meta["io.modelcontextprotocol/protocolVersion"], &within) // "" if there is none
			switch {
			case m.Method == "initialize":
				return ""
			case header == "" && (t.Revision >= suites.V20260728 || r.Header.Get("Mcp-Session-Id") != ""):
				return m.Method + " was sent without MCP-Protocol-Version"
			case within != "" && header != within:
				return m.Method + " was sent with MCP-Protocol-Version " + quoted(header) + " and " + quoted(within) + " in its metadata"
			}
			return ""
		})
	},
})

var _ = Register(Check{
	ID: "client-standard-headers", Title: "Mcp-Method and Mcp-Name say what the message says", Area: suites.Transport,
	Level: suites.Must, Severity: suites.Low, Since: suites.V20260728, Cites: []suites.Cite{{Doc: spec, Section: "Transports, Standard Request Headers"}},
	Covers:  []string{"client-standard-headers"},
	Remedy:  "Copy method and name of each message into its headers, and accept both media types.",
	Defects: []testclient.Defect{testclient.NameHeaderWrong},
	Judge: func(t *Trace) Verdict {
		return every(t.messages(), noMessage, func(r *Request) string {
			m := r.message()
			if version := r.Header.Get("MCP-Protocol-Version"); version != "" && version < string(suites.V20260728) {
				return "" // of an older wire
			}
			name := ""
			switch m.Method {
			case "tools/call", "prompts/get":
				name = m.Params.Name
			case "resources/read":
				name = m.Params.URI
			case "initialize":
				return "" // of an older wire
			}
			accept := strings.Join(r.Header.Values("Accept"), ",")
			switch {
			case r.Header.Get("Mcp-Method") != m.Method:
				return m.Method + " was sent with Mcp-Method " + quoted(r.Header.Get("Mcp-Method"))
			case r.Header.Get("Mcp-Name") != name:
				return m.Method + " of " + quoted(name) + " was sent with Mcp-Name " + quoted(r.Header.Get("Mcp-Name"))
			case !strings.Contains(accept, "application/json") || !strings.Contains(accept, "text/event-stream"):
				return m.Method + " was sent with Accept " + quoted(accept)
			}
			return ""
		})
	},
})

var _ = Register(Check{
	ID: "client-session-id-echoed", Title: "The session id comes back with every message", Area: suites.Session,
	Level: suites.Must, Severity: suites.Low, Until: suites.V20251125, Cites: []suites.Cite{{Doc: "MCP 2025-11-25", Section: "Transports, Session Management"}},
	Covers:  []string{"client-session-id-echoed"},
	Remedy:  "Send the Mcp-Session-Id of the answer to initialize with all that follows.",
	Defects: []testclient.Defect{testclient.SessionForgotten},
	Judge: func(t *Trace) Verdict {
		session := ""
		for _, r := range t.messages() {
			if session != "" && r.message().Method != "initialize" && r.Header.Get("Mcp-Session-Id") != session {
				return fails("%s was sent without the session id", r.message().Method)
			}
			if id := r.Observation.Answer.Get("Mcp-Session-Id"); id != "" {
				session = id
			}
		}
		if session == "" {
			return notReached("the client never got a session")
		}
		return passes()
	},
})

// tokenDies refuses the access token when the tool is called.
var tokenDies = Declare(Situation{
	ID: "token-dies", Doc: "refuses an access token that it took before", Ends: Works,
	Shape:   func(l *Lab) { l.Front = firstTokenDies() },
	Reached: func(t *Trace) bool { return t.refusedTokens() > 0 },
})

// refusedTokens counts the calls that were refused although they had a token.
func (t *Trace) refusedTokens() int {
	n := 0
	for _, r := range t.Calls() {
		if r.Status == http.StatusUnauthorized && r.Header.Get("Authorization") != "" {
			n++
		}
	}
	return n
}

var _ = Register(Check{
	ID: "client-401-invalid-token-reauth", Title: "A token that is refused is replaced, and not sent again and again", Area: suites.TokenUse,
	Level: suites.Must, Severity: suites.Medium, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Token Handling"}, {Doc: "RFC 6750", Section: "3.1"}},
	Covers: []string{"client-401-invalid-token-reauth"},
	Remedy: "On 401 with invalid_token use the refresh token or start a new flow, and repeat the request once.",
	In:     []*Situation{tokenDies}, Defects: []testclient.Defect{testclient.TokenNeverReplaced},
	Judge: func(t *Trace) Verdict {
		switch n := t.refusedTokens(); {
		case n == 0:
			return notReached("the client never called a tool with a token")
		case n > 3:
			return fails("the client sent a refused token %d times", n)
		case len(t.TokenRequests()) < 2:
			return fails("the client asked for no other token")
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-refresh-keeps-resource", Title: "Refresh requests name the resource and use the newest refresh token", Area: suites.Refresh,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20250618, Cites: []suites.Cite{{Doc: "RFC 8707", Section: "2.2"}, {Doc: "OAuth 2.1", Section: "4.3"}},
	Covers: []string{"client-refresh-token-replaced"},
	Remedy: "Send resource with each refresh request, and forget a refresh token that was replaced.",
	In:     []*Situation{tokenDies}, Defects: []testclient.Defect{testclient.RefreshWithoutResource},
	Judge: func(t *Trace) Verdict {
		refreshed := t.grants("refresh_token")
		if len(refreshed) == 0 && len(t.Redemptions()) > 1 {
			return notApplicable("the client starts a new flow instead of refreshing")
		}
		return every(refreshed, "the client never had to refresh", func(r *Request) string {
			if r.Params.Get("resource") != t.Resource {
				return "a refresh request named the resource " + quoted(r.Params.Get("resource"))
			}
			return ""
		})
	},
})

// The situations in which calls are redirected to another origin.
var (
	toAnotherHost = elsewhere("call-redirected", "redirects calls to another host", "127.0.0.1")
	toAnotherPort = elsewhere("call-redirected-port", "redirects calls to another port of its host", "localhost")
)

func elsewhere(id, doc, host string) *Situation {
	return Declare(Situation{
		ID: id, Doc: doc, Ends: Refuses, Reached: (*Trace).redirected, Proceeded: (*Trace).leaked,
		Shape: func(l *Lab) {
			l.Moves = true
			l.Front = onCall("tools/call", func(s *Stage, w http.ResponseWriter, r *http.Request, _ http.Handler) {
				target, err := url.Parse(s.Other.Upstream.URL())
				if err != nil {
					panic(err) // it is ours
				}
				if !s.Lab.Grounds.named() {
					target.Host = net.JoinHostPort(host, target.Port())
				}
				http.Redirect(w, r, target.String(), http.StatusTemporaryRedirect)
			})
		},
	})
}

func (t *Trace) redirected() bool {
	return slices.ContainsFunc(t.Calls(), func(r *Request) bool { return r.Status == http.StatusTemporaryRedirect })
}

// leaked tells whether the token reached the place that calls were redirected to.
func (t *Trace) leaked() bool {
	return slices.ContainsFunc(t.Seen, func(x *reference.Observation) bool {
		return x.Party == PartyOtherUpstream && x.Header.Get("Authorization") != ""
	})
}

var _ = Register(Check{
	ID: "client-token-not-sent-elsewhere", Title: "The token does not follow a redirect to another origin", Area: suites.TokenUse,
	Level: suites.Must, Severity: suites.High, Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Token Handling"}},
	Covers: []string{"client-token-not-sent-elsewhere", "tu-client-keeps-token-on-origin"},
	Remedy: "Do not follow redirects of the MCP endpoint, or leave the Authorization header behind.",
	In:     []*Situation{toAnotherHost, toAnotherPort}, Defects: []testclient.Defect{testclient.TokenFollows},
	Judge: func(t *Trace) Verdict {
		switch {
		case !t.redirected():
			return notReached("the client never called the tool with a token")
		case t.leaked():
			return fails("the access token was sent to the place that the call was redirected to")
		}
		return passes()
	},
})

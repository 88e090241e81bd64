package client

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

// A Trace is what a client did in a situation.
type Trace struct {
	Situation *Situation
	Revision  suites.Revision
	Resource  string // URL of the MCP server, which the client was told
	Issuer    string // of its authorization server

	OtherIssuer string // of the second one, if there is one
	Layout      reference.Layout
	Quirks      []string // ids of what chance drew
	Declared    string   // why the client refuses here on purpose; empty: nobody said that it does
	Context     ContextOf
	Exit        *launch.Exit
	Seen        []*reference.Observation // in the order in which they were received

	Handshakes map[reference.Party]int // begun with a party, over TLS
	Proxied    []string                // URLs and authorities that a proxy was asked for
	Marked     bool                    // a shell has evaluated something that was put into a URL
	Streamed   int64                   // bytes of a document without end that the client has taken
	Waited     bool                    // for all of a document that comes byte by byte
	Found      map[string]*Found       // what is at URLs of the client's own

	hosted bool              // the client is said to run on a server
	others map[string]*Trace // of the same run, by situation; read once all are there
}

// in is what the same client did in another situation; nil if it was not put there.
func (t *Trace) in(s *Situation) *Trace { return t.others[s.ID] }

// A Request is one request that the client sent, with its parameters.
type Request struct {
	*reference.Observation
	Params url.Values     // of the query, or of a form body
	Answer map[string]any // the members of a JSON answer
}

func (t *Trace) requests(party reference.Party, method, suffix string) []*Request {
	var found []*Request
	for _, x := range t.Seen {
		if x.Party != party || x.Method != method || !strings.HasSuffix(t.Layout.Usual(party, x.URL.Path), suffix) {
			continue
		}
		r := &Request{Observation: x, Params: x.URL.Query()}
		if method == http.MethodPost {
			r.Params, _ = url.ParseQuery(string(x.Body)) // what can be read of it
		}
		_ = json.Unmarshal(x.AnswerBody, &r.Answer) // nil if it is something else
		found = append(found, r)
	}
	return found
}

// Authorizations are the authorization requests.
func (t *Trace) Authorizations() []*Request {
	return t.requests(reference.PartyAuthServer, http.MethodGet, "/authorize")
}

// Redemptions are the token requests for a code.
func (t *Trace) Redemptions() []*Request { return t.grants("authorization_code") }

// TokenRequests are all token requests of the client; those of our own resource
// server are not among them.
func (t *Trace) TokenRequests() []*Request {
	var all []*Request
	for _, r := range t.requests(reference.PartyAuthServer, http.MethodPost, "/token") {
		if id, _, ok := r.basic(); !ok || id != reference.ResourceServerClient {
			all = append(all, r)
		}
	}
	return all
}

func (t *Trace) grants(grantType string) []*Request {
	var all []*Request
	for _, r := range t.TokenRequests() {
		if r.Params.Get("grant_type") == grantType {
			all = append(all, r)
		}
	}
	return all
}

// Registrations are the registration requests.
func (t *Trace) Registrations() []*Request {
	return t.requests(reference.PartyAuthServer, http.MethodPost, "/register")
}

// Calls are the requests to the MCP server, in their order.
func (t *Trace) Calls() []*Request {
	var all []*Request
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
		for _, r := range t.requests(reference.PartyResourceServer, method, "/mcp") {
			if !strings.Contains(r.URL.Path, "/.well-known/") {
				all = append(all, r)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *Request) int { return a.At.Compare(b.At) })
	return all
}

// Served tells whether the client called the tool with a token and got an answer.
func (t *Trace) Served() bool {
	for _, c := range t.Calls() {
		if c.Status == http.StatusOK && c.bearer() != "" && strings.Contains(string(c.Body), `"tools/`) {
			return true
		}
	}
	return false
}

// stopped tells whether the client stopped where it may.
func (t *Trace) stopped() bool { return t.Situation.MayRefuse != nil && t.Situation.MayRefuse(t) }

// usesToken tells whether the client came to the MCP server again after it was given
// an access token.
func (t *Trace) usesToken() bool {
	for _, given := range t.TokenRequests() {
		if given.text("access_token") != "" {
			calls := t.Calls()
			return len(calls) > 0 && calls[len(calls)-1].At.After(given.At)
		}
	}
	return false
}

// basic are the credentials of HTTP Basic authentication.
func (r *Request) basic() (id, secret string, ok bool) {
	id, secret, ok = (&http.Request{Header: r.Header}).BasicAuth()
	if !ok {
		return "", "", false
	}
	// They are form-encoded first (RFC 6749, section 2.3.1).
	if plain, err := url.QueryUnescape(id); err == nil {
		id = plain
	}
	if plain, err := url.QueryUnescape(secret); err == nil {
		secret = plain
	}
	return id, secret, true
}

// bearer is the access token that the request carries in its header, by whichever
// of the two schemes (RFC 6750, section 2.1; RFC 9449, section 7.1).
func (r *Request) bearer() string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "DPoP") {
		return ""
	}
	return token
}

// text is a member of the answer.
func (r *Request) text(member string) string {
	value, _ := r.Answer[member].(string)
	return value
}

// location are the parameters that an authorization request was answered with.
func (r *Request) location() url.Values {
	u, err := url.Parse(r.Observation.Answer.Get("Location"))
	if err != nil {
		return nil
	}
	return u.Query()
}

// metadataRequests are the requests for authorization server metadata.
func (t *Trace) metadataRequests() []*Request {
	var all []*Request
	for _, r := range t.requests(reference.PartyAuthServer, http.MethodGet, "") {
		if strings.Contains(r.URL.Path, "/.well-known/") && r.Status == http.StatusOK && r.Header.Get("User-Agent") != reference.UserAgent {
			all = append(all, r)
		}
	}
	return all
}

package reference

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// credentials takes the access token from the one place where it may be, a single
// Authorization header with the Bearer scheme (RFC 6750, section 2.1). Tokens in
// the query string or in a form are not looked at unless there is one in the
// header too: then the request is ambiguous and refused.
func (e *endpoint) credentials(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	elsewhere, err := e.misplacedToken(r)
	if err != nil {
		return "", err
	}
	switch {
	case len(headers) > 1 && e.faults.Has(fault.SecondHeaderWins):
		headers = headers[len(headers)-1:]
	case len(headers) > 1:
		return "", errTwice
	case len(headers) == 0 || headers[0] == "":
		if elsewhere != "" && (e.faults.Has(fault.TokenInQuery) && r.URL.RawQuery != "" || e.faults.Has(fault.TokenInBody) && r.URL.RawQuery == "") {
			return elsewhere, nil
		}
		return "", errNoCredentials
	}
	if elsewhere != "" {
		switch {
		case e.faults.Has(fault.SecondMethodWins):
			return elsewhere, nil
		case !e.faults.Has(fault.SecondMethodIgnored):
			return "", errTwice
		}
	}
	return e.bearerToken(headers[0])
}

// bearerToken takes the token out of a header value. The scheme has no case (RFC
// 9110, section 11.1), and a token is a b64token (RFC 6750, section 2.1).
func (e *endpoint) bearerToken(header string) (string, error) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimLeft(token, " ")
	if e.faults.Has(fault.AnyScheme) {
		return header[strings.LastIndexByte(header, ' ')+1:], nil
	}
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, schemeDPoP) {
		return "", errNoCredentials
	}
	if e.faults.Has(fault.SchemeCaseSensitive) && scheme != "Bearer" && scheme != schemeDPoP {
		return "", errNoCredentials
	}
	if e.faults.Has(fault.MalformedTolerated) {
		token, _, _ = strings.Cut(strings.ReplaceAll(token, ",", " "), " ")
	}
	if !isB64Token(token) {
		return "", errMalformed
	}
	return token, nil
}

func isB64Token(token string) bool {
	body := strings.TrimRight(token, "=")
	return body != "" && !strings.ContainsFunc(body, func(r rune) bool {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return false
		}
		return !strings.ContainsRune("-._~+/", r)
	})
}

// misplacedToken is a token in the query string or in a form body, where it must
// not be (MCP 2026-07-28, Authorization, Access Token Usage).
func (e *endpoint) misplacedToken(r *http.Request) (string, error) {
	if token := r.URL.Query().Get("access_token"); token != "" {
		return token, nil
	}
	if !strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "application/x-www-form-urlencoded") {
		return e.tokenInJSON(r)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return "", errMalformed
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", errMalformed
	}
	token := form.Get("access_token")
	r.Body = io.NopCloser(strings.NewReader(form.Get("message")))
	if e.faults.Has(fault.TokenInBody) || e.faults.Has(fault.SecondMethodWins) {
		r.Header.Set("Content-Type", "application/json") // the message came with the token
	}
	return token, nil
}

// tokenInJSON is a member beside the JSON-RPC message, which is nobody's business
// but that of middleware that looks for tokens in parsed bodies.
func (e *endpoint) tokenInJSON(r *http.Request) (string, error) {
	if !e.faults.Has(fault.TokenInBody) || r.Method != http.MethodPost {
		return "", nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return "", errMalformed
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	members, err := tokens.ParseObject(body)
	if err != nil {
		return "", nil //nolint:nilerr // what is wrong with it is said where it is read
	}
	return stringOf(members["access_token"]), nil
}

// admitsAnyway is who a refused request is taken to come from when a fault leaves
// a way in without a token; nil means that it stays refused, as it should.
func (e *endpoint) admitsAnyway(r *http.Request) *caller {
	if e.faults.Has(fault.RefuseEverything) {
		return nil
	}
	bare := r.Header.Get("Authorization") == ""
	if user := r.Header.Get("X-Forwarded-User"); user != "" && e.faults.Has(fault.IdentityHeaderTrusted) {
		who := anonymous()
		who.Subject = user
		return who
	}
	e.mu.Lock()
	owner, remembered := e.sessions[r.Header.Get("Mcp-Session-Id")], e.connections[r.RemoteAddr]
	e.mu.Unlock()
	if owner != nil && bare && e.faults.Has(fault.SessionAuthenticates) {
		return owner
	}
	if remembered != nil && bare && asksToKeep(r) && e.faults.Has(fault.ConnectionRemembered) {
		return remembered
	}
	if bare && e.faults.Has(fault.AsksInsteadOf401) {
		if m, err := readMessages(nil, r); err == nil && m.first().tool == "share_note" {
			return anonymous()
		}
	}
	if bare && e.faults.Has(fault.HandleAuthenticates) {
		if m, err := readMessages(nil, r); err == nil && e.namedCart(m) {
			return anonymous()
		}
	}
	if e.faults.Has(fault.MethodOverridden) && r.Header.Get("X-HTTP-Method-Override") == http.MethodOptions {
		return anonymous() // as preflight requests are
	}
	if bare && e.faults.Has(fault.MethodsUnguarded) && !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodDelete}, r.Method) {
		r.Method = http.MethodPost
		return anonymous()
	}
	if !bare || !e.leavesOpen(r) {
		return nil
	}
	if owner != nil {
		return owner // the session's streams and its end are its owner's
	}
	return anonymous()
}

// asksToKeep tells whether the client asked for the connection to be kept.
func asksToKeep(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Connection"), "keep-alive")
}

// leavesOpen tells whether a fault leaves this kind of request unguarded.
func (e *endpoint) leavesOpen(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet:
		return e.faults.Has(fault.GetUnguarded)
	case http.MethodDelete:
		return e.faults.Has(fault.DeleteUnguarded)
	case http.MethodPost:
	default:
		return false
	}
	if !e.faults.Has(fault.OnlyInitializeGuarded) && !e.faults.Has(fault.ToolCallUnguarded) && !e.faults.Has(fault.NotificationUnguarded) {
		return false
	}
	m, err := readMessages(nil, r)
	if err != nil {
		return false
	}
	first := m.first()
	return e.faults.Has(fault.OnlyInitializeGuarded) && first.method != methodInitialize && first.method != methodDiscover ||
		e.faults.Has(fault.ToolCallUnguarded) && first.method == methodCallTool ||
		e.faults.Has(fault.NotificationUnguarded) && first.notification
}

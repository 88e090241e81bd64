package reference

import (
	"html"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// answer sends the browser to the client with an authorization response. The
// state comes back as it was sent, and iss says who answers, so that a client of
// several servers is not led to take one's code to another (RFC 9207).
func (s *AuthServer) answer(q *authRequest, response url.Values) step {
	if state := s.returnedState(q, response); state != "" {
		response.Set("state", state)
	}
	s.nameIssuer(q, response)
	if q.posts != nil {
		return s.postToClient(q.posts, response)
	}
	return s.redirectToClient(s.responseURL(q, response))
}

// returnedState is the state of a response: that of the request.
func (s *AuthServer) returnedState(q *authRequest, response url.Values) string {
	switch {
	case s.faults.Has(fault.StateDropped),
		s.faults.Has(fault.StateDroppedOnError) && response.Has("error"):
		return ""
	case s.faults.Has(fault.StateChanged):
		return html.EscapeString(q.state)
	case s.faults.Has(fault.StateInvented) && q.state == "":
		return "none"
	}
	return q.state
}

// nameIssuer adds iss, on success and on error alike (RFC 9207, section 2).
func (s *AuthServer) nameIssuer(q *authRequest, response url.Values) {
	response.Set("iss", s.issuer)
	switch {
	case s.faults.Has(fault.IssMissing), s.faults.Has(fault.IssNotOffered),
		s.faults.Has(fault.IssMissingOnError) && response.Has("error"):
		response.Del("iss")
	case s.faults.Has(fault.IssSlash):
		response.Set("iss", s.issuer+"/")
	case s.faults.Has(fault.IssForeign):
		response.Set("iss", "https://upstream-idp.example")
	case s.faults.Has(fault.IssTwice):
		response.Add("iss", s.issuer)
	case s.faults.Has(fault.IssFromRequest) && q.iss != "":
		response.Set("iss", q.iss)
	}
}

// responseURL adds response parameters to the redirect URI, whose own query stays
// as it is (OAuth 2.1, section 2.3).
func (s *AuthServer) responseURL(q *authRequest, response url.Values) string {
	target := q.redirectURI
	if s.faults.Has(fault.RedirectQueryDropped) {
		target, _, _ = strings.Cut(target, "?")
	}
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	splits := s.faults.Has(fault.RedirectHeaderSplit) && strings.ContainsAny(q.state, "\r\n")
	if splits || q.state != "" && s.faults.Has(fault.IssFromState) {
		state := response.Get("state")
		response.Del("state")
		return target + separator + "state=" + state + "&" + response.Encode()
	}
	return target + separator + response.Encode()
}

// implicitServed tells whether a fault serves the implicit grant.
func (s *AuthServer) implicitServed() bool {
	return s.faults.Has(fault.ImplicitGrant) || s.faults.Has(fault.LegacyImplicit)
}

// answerImplicitly puts an access token into the fragment, as nobody should any
// more (OAuth 2.1, section 10.1).
func (s *AuthServer) answerImplicitly(q *authRequest, user *session) step {
	g := s.allow(&grant{client: q.client.ID, user: user.user, scopes: q.scopes, resources: q.resources, signedIn: user.since})
	access, err := s.issueAccess(accessRequest{grant: g, client: g.client, scopes: g.scopes, resource: g.resources[0]})
	if err != nil {
		return s.errorPage(refuse(serverError, "The token cannot be signed."))
	}
	response := url.Values{"access_token": {access}, "token_type": {"Bearer"}, "state": {q.state}, "iss": {s.issuer}}
	return s.redirectToClient(q.redirectURI + "#" + response.Encode())
}

// sendBrowser writes a redirect. 303 makes the browser forget the form; 307 would
// send it along, with a password perhaps (RFC 9700, section 4.12).
func (s *AuthServer) sendBrowser(w http.ResponseWriter, next step) {
	status := http.StatusSeeOther
	if s.faults.Has(fault.RedirectKeepsMethod) && next.toClient {
		status = http.StatusTemporaryRedirect
	}
	if s.faults.Has(fault.RedirectHeaderSplit) && strings.ContainsAny(next.location, "\r\n") {
		writeUnchecked(w, next.location)
		return
	}
	w.Header().Set("Location", next.location)
	w.WriteHeader(status)
}

// writeUnchecked writes a redirect around net/http, which would not let a line
// break into a header.
func writeUnchecked(w http.ResponseWriter, location string) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, out, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // nothing follows
	_, _ = out.WriteString("HTTP/1.1 303 See Other\r\nConnection: close\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n")
	_ = out.Flush()
}

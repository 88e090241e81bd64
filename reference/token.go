package reference

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// token is the token endpoint (OAuth 2.1, section 3.2).
func (s *AuthServer) token(w http.ResponseWriter, r *http.Request) {
	p, problem := readForm(r, "resource", "audience")
	if problem == nil && s.faults.Has(fault.RefuseEverything) {
		problem = refuse(invalidRequest, "everything is refused")
	}
	if problem != nil {
		writeRefusal(w, r, problem)
		return
	}
	s.mu.Lock()
	client, problem := s.authenticate(r, p)
	var response map[string]any
	if problem == nil {
		response, problem = s.exchangeGrant(client, p)
	}
	s.mu.Unlock()
	if problem != nil {
		writeRefusal(w, r, problem)
		return
	}
	writeJSON(w, http.StatusOK, response)
}

// exchangeGrant gives tokens for a grant of any type.
func (s *AuthServer) exchangeGrant(client *Client, p params) (map[string]any, *denial) {
	grants := map[string]func(*Client, params) (map[string]any, *denial){
		grantCode:     s.redeemCode,
		grantRefresh:  s.refresh,
		grantMachine:  s.machineToken,
		grantExchange: s.exchangeToken,
	}
	kind := p.get("grant_type")
	if kind == "" {
		return nil, refuse(invalidRequest, "grant_type is required")
	}
	give, known := grants[kind]
	if !known {
		return nil, refuse(unsupportedGrant, "grant_type %q is not supported", kind)
	}
	if !contains(client.GrantTypes, kind) {
		return nil, refuse(unauthorizedClient, "the client is not registered for this grant type")
	}
	return give(client, p)
}

// readForm reads a form-encoded POST body. Nothing is taken from the URL, where
// it would be logged, and no parameter is taken twice, but for those named.
func readForm(r *http.Request, repeatable ...string) (params, *denial) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, refuse(invalidRequest, "the request has to be a form-encoded POST")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return nil, refuse(invalidRequest, "the request is too large")
		}
		return nil, refuse(invalidRequest, "the request cannot be read")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, refuse(invalidRequest, "the form cannot be read")
	}
	if name := params(form).repeated(repeatable...); name != "" {
		return nil, refuse(invalidRequest, "%s was sent more than once", name)
	}
	return params(form), nil
}

// writeRefusal answers a request of a client with an error. A client that tried
// the Authorization header is told the scheme (RFC 6749, section 5.2).
func writeRefusal(w http.ResponseWriter, r *http.Request, problem *denial) {
	status := http.StatusBadRequest
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		status = http.StatusMethodNotAllowed
	}
	if problem.code == invalidClient {
		status = http.StatusUnauthorized
		if r.Header.Get("Authorization") != "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="token", charset="UTF-8"`)
		}
	}
	writeJSON(w, status, problem.document())
}

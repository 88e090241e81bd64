package reference

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// token is the token endpoint (OAuth 2.1, section 3.2).
func (s *AuthServer) token(w http.ResponseWriter, r *http.Request) {
	p, problem := s.readForm(r, "resource", "audience")
	if problem == nil && s.faults.Has(fault.RefuseEverything) {
		problem = refuse(invalidRequest, "everything is refused")
	}
	if problem == nil && s.crashesOn(p) {
		problem = refuse(serverError, "the resource cannot be read")
	}
	for _, name := range []string{"refresh_token", "subject_token"} {
		if problem == nil {
			problem = s.standing(r.Context(), p.get(name))
		}
	}
	if problem != nil {
		s.writeRefusal(w, r, problem)
		return
	}
	s.mu.Lock()
	client, problem := s.tokenClient(r, p)
	var response map[string]any
	if problem == nil {
		problem = s.readProof(w, r, p, client)
	}
	if problem == nil {
		response, problem = s.exchangeGrant(client, p)
	}
	s.mu.Unlock()
	if problem != nil {
		s.writeRefusal(w, r, problem)
		return
	}
	if s.faults.Has(fault.TokenCacheable) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
	}
	if s.faults.Has(fault.TokenMediaType) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusOK)
		_ = json.NewEncoder(w).Encode(response) // the client has gone: nobody to tell
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
		grantIdentity: s.redeemIdentity,
		grantDevice:   s.pollDevice,
	}
	kind := p.get("grant_type")
	if client == workloadClient {
		return s.workloadToken(p)
	}
	switch {
	case s.faults.Has(fault.GrantTypeAssumed) && kind == "":
		kind = grantCode
	case s.faults.Has(fault.GrantTypeCase):
		kind = strings.ToLower(kind)
	case (s.faults.Has(fault.PasswordGrant) || s.faults.Has(fault.LegacyPassword)) && kind == "password":
		return s.passwordToken(client, p)
	}
	if kind == "" {
		return nil, refuse(invalidRequest, "grant_type is required")
	}
	give, known := grants[kind]
	if !known {
		return nil, refuse(unsupportedGrant, "grant_type %q is not supported", kind)
	}
	if !contains(client.GrantTypes, kind) && !s.faults.Has(fault.GrantUnregistered) && !s.grantsAnyway(kind) && !s.codesAnyway(kind) {
		return nil, refuse(unauthorizedClient, "the client is not registered for this grant type")
	}
	return give(client, p)
}

// tokenClient finds the client of a token request. It always has to say, and if
// it can to prove, who it is.
func (s *AuthServer) tokenClient(r *http.Request, p params) (*Client, *denial) {
	if s.isWorkload(r, p) {
		return workloadClient, nil
	}
	if p.get("client_id") == "" && r.Header.Get("Authorization") == "" {
		if c, ok := s.codes.get(digest(p.get("code")), s.now()); ok && s.faults.Has(fault.CodeClientBlind) {
			return s.client(c.grant.client), nil
		}
		if t, ok := s.refreshes.get(digest(p.get("refresh_token")), s.now()); ok && s.faults.Has(fault.RefreshClientBlind) {
			return s.client(t.grant.client), nil
		}
	}
	if c := s.identityClient(p); c != nil {
		return c, nil
	}
	return s.authenticate(r, p)
}

// grantsAnyway holds the faults that give clients more than they are registered for.
func (s *AuthServer) grantsAnyway(kind string) bool {
	return kind == grantRefresh && s.faults.Has(fault.RefreshUnregistered) ||
		kind == grantExchange && (s.faults.Has(fault.ExchangeAnyClient) || s.faults.Has(fault.ExchangePublicClient)) ||
		kind == grantMachine && s.faults.Has(fault.MachinePublic)
}

// codesAnyway holds the fault that gives every client the code flow.
func (s *AuthServer) codesAnyway(kind string) bool {
	return kind == grantCode && s.faults.Has(fault.CodeForAnyGrant)
}

// passwordToken takes the user's password from the client, as OAuth 2.1 no longer does.
func (s *AuthServer) passwordToken(client *Client, p params) (map[string]any, *denial) {
	if !s.passwordMatches(p.get("username"), p.get("password")) {
		return nil, refuse(invalidGrant, "name or password is wrong")
	}
	scopes, problem := s.scopeGranted(p.get("scope"), client)
	if problem != nil {
		return nil, problem
	}
	g := s.allow(&grant{client: client.ID, user: p.get("username"), scopes: scopes, resources: []string{s.endpoint}, signedIn: s.now()})
	return s.tokenResponse(g, client, scopes, s.endpoint)
}

// readForm reads a form-encoded POST body. Nothing is taken from the URL, where
// it would be logged, and no parameter is taken twice, but for those named.
func (s *AuthServer) readForm(r *http.Request, repeatable ...string) (params, *denial) {
	if s.readsQuery(r) {
		return params(r.URL.Query()), nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" && s.faults.Has(fault.TokenFromJSON) {
		return readJSONForm(r)
	}
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
	if s.faults.Has(fault.TokenDuplicateLast) {
		keepLast(form)
	}
	if name := params(form).repeated(repeatable...); name != "" && !s.faults.Has(fault.TokenDuplicateFirst) {
		return nil, refuse(invalidRequest, "%s was sent more than once", name)
	}
	s.meetSender(r.Context(), params(form))
	s.meetKeys(r.Context(), params(form))
	return params(form), nil
}

// readsQuery holds the faults that take parameters from the URL.
func (s *AuthServer) readsQuery(r *http.Request) bool {
	onToken := strings.HasSuffix(r.URL.Path, "/token")
	switch r.Method {
	case http.MethodGet:
		return onToken && s.faults.Has(fault.TokenByGet) ||
			strings.HasSuffix(r.URL.Path, "/revoke") && s.faults.Has(fault.RevokeByGet) ||
			strings.HasSuffix(r.URL.Path, "/introspect") && s.faults.Has(fault.IntrospectByGet)
	case http.MethodPost:
		return onToken && r.URL.RawQuery != "" && s.faults.Has(fault.TokenFromQuery)
	}
	return false
}

// readJSONForm reads parameters from a JSON object.
func readJSONForm(r *http.Request) (params, *denial) {
	var members map[string]string
	if err := json.NewDecoder(r.Body).Decode(&members); err != nil {
		return nil, refuse(invalidRequest, "the request cannot be read")
	}
	p := params{}
	for name, value := range members {
		p[name] = []string{value}
	}
	return p, nil
}

// keepLast keeps the last of repeated parameters.
func keepLast(form url.Values) {
	for name, values := range form {
		form[name] = values[len(values)-1:]
	}
}

// unknownOr says the same of what does not exist and of what is somebody else's,
// so that nobody can find out what exists; but for a fault.
func (s *AuthServer) unknownOr(f fault.Fault, same, telling string) *denial {
	if s.faults.Has(f) {
		return refuse(invalidGrant, "%s", telling)
	}
	return refuse(invalidGrant, "%s", same)
}

// writeRefusal answers a request of a client with an error. A client that tried
// the Authorization header is told the scheme (RFC 6749, section 5.2).
func (s *AuthServer) writeRefusal(w http.ResponseWriter, r *http.Request, problem *denial) {
	status := http.StatusBadRequest
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		status = http.StatusMethodNotAllowed
	case problem.code == serverError:
		status = http.StatusInternalServerError
	case problem.code == invalidClient:
		status = http.StatusUnauthorized
		if r.Header.Get("Authorization") != "" && !s.faults.Has(fault.ClientBasicSilent) {
			w.Header().Set("WWW-Authenticate", `Basic realm="token", charset="UTF-8"`)
		}
	}
	document := problem.document()
	if s.faults.Has(fault.ErrorInternals) {
		document["error_description"] += " goroutine 118 [running]: main.exchange(/srv/as/token.go:42)"
	}
	switch {
	case s.faults.Has(fault.TokenErrorPage):
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<h1>Error</h1>")
		return
	case s.faults.Has(fault.TokenErrorStatus):
		status = http.StatusOK
	case s.faults.Has(fault.TokenErrorCode):
		document["error"] = "E_" + strings.ToUpper(problem.code)
	}
	writeJSON(w, status, document)
}

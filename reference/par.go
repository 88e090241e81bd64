package reference

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A pushed request is an authorization request that a client has lodged with us
// (RFC 9126). It was checked when it came, and is checked again when it is used.
type pushed struct {
	client  string
	params  params
	expires time.Time
	spent   bool // only with fault.ParReusable
}

const (
	pushPrefix     = "urn:ietf:params:oauth:request_uri:" // RFC 9126, section 2.2
	requirePush    = "require_pushed_authorization_requests"
	pushedEndpoint = "pushed_authorization_request_endpoint"
	pushKept       = time.Hour // after it has expired, for fault.ParEternal
)

// push is the pushed authorization request endpoint (RFC 9126, section 2). All
// that holds for an authorization request holds here, and the client proves who
// it is as at the token endpoint.
func (s *AuthServer) push(w http.ResponseWriter, r *http.Request) {
	p, problem := s.readPush(r)
	var client *Client
	s.mu.Lock()
	if problem == nil {
		client, problem = s.pushingClient(r, p)
	}
	if problem == nil && p.get("request_uri") == "" {
		p, problem = s.unpack(p)
	}
	if problem == nil {
		problem = s.pushRefused(client, p)
	}
	var response map[string]any
	if problem == nil {
		response = s.lodge(client, p)
	}
	s.mu.Unlock()
	if problem != nil {
		s.writePushRefusal(w, r, problem)
		return
	}
	if s.faults.Has(fault.ParCacheable) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
	}
	writeJSON(w, http.StatusCreated, response)
}

// readPush reads the form of a push, which is sent by POST only (RFC 9126, section 2.3).
func (s *AuthServer) readPush(r *http.Request) (params, *denial) {
	if r.Method == http.MethodGet && s.faults.Has(fault.ParByGet) {
		return params(r.URL.Query()), nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, refuse(invalidRequest, "the request has to be a form-encoded POST")
	}
	body, err := io.ReadAll(r.Body)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, refuse(requestTooLarge, "the request is too large")
	}
	if err != nil {
		return nil, refuse(invalidRequest, "the request cannot be read")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, refuse(invalidRequest, "the form cannot be read")
	}
	if s.faults.Has(fault.ParDuplicates) {
		keepLast(form)
	}
	if name := params(form).repeated("resource"); name != "" {
		return nil, refuse(invalidRequest, "%s was sent more than once", name)
	}
	s.meetKeys(r.Context(), params(form))
	return params(form), nil
}

// requestTooLarge is the code under which a push beyond the limit is refused; it
// is answered by status 413 (RFC 9126, section 2.3).
const requestTooLarge = "request_too_large"

// pushingClient finds the client of a push and has it prove who it is.
func (s *AuthServer) pushingClient(r *http.Request, p params) (*Client, *denial) {
	unproved := r.Header.Get("Authorization") == "" && p.get("client_secret") == "" && p.get("client_assertion") == ""
	named := s.client(p.get("client_id"))
	switch {
	case unproved && named != nil && named.AuthMethod != authNone && s.faults.Has(fault.ParUnauthenticated):
		return named, nil
	case unproved && named != nil && named.AuthMethod != authNone:
		return nil, refuse(invalidClient, "the client has to prove who it is")
	}
	return s.authenticate(r, p)
}

// pushRefused checks a request as the authorization endpoint will. What is wrong
// is told to the client at once, before there is a user.
func (s *AuthServer) pushRefused(client *Client, p params) *denial {
	switch {
	case p.get("request_uri") == "":
	case s.faults.Has(fault.ParNested):
		return nil
	default:
		return refuse(invalidRequest, "request_uri cannot be pushed")
	}
	p = s.asPushed(p, client)
	_, redirectURI, problem := s.asker(p)
	if problem == nil {
		_, problem = s.readRequest(p, client, redirectURI)
	}
	return problem
}

// asPushed are the parameters of a pushed request: the client is the one that
// proved itself, and its proof is none of them.
func (s *AuthServer) asPushed(p params, client *Client) params {
	all := params(maps.Clone(url.Values(p)))
	all["client_id"] = []string{client.ID}
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type", "request_uri"} {
		delete(all, name)
	}
	if s.faults.Has(fault.ParRedirectUnchecked) || s.faults.Has(fault.ParChallengeUnchecked) {
		all[pushedMark] = []string{"yes"}
	}
	return all
}

// pushedMark tells faults that a request was pushed.
const pushedMark = "\x00pushed"

// unchecked tells whether a fault trusts what was pushed.
func (s *AuthServer) unchecked(f fault.Fault, p params) bool {
	return s.faults.Has(f) && p.get(pushedMark) != ""
}

// lodge keeps a request and answers with the reference by which it can be used.
func (s *AuthServer) lodge(client *Client, p params) map[string]any {
	reference := secret()
	if s.faults.Has(fault.ParGuessable) {
		reference = fmt.Sprint(1000 + len(s.pushes.order))
	}
	if s.faults.Has(fault.ParNested) {
		if inner, ok := s.pushes.get(digest(p.get("request_uri")), s.now()); ok {
			p = inner.params
		}
	}
	uri := pushPrefix + reference
	lifetime := s.options.PushLifetime
	expires := s.now().Add(lifetime)
	s.pushes.put(digest(uri), &pushed{client: client.ID, params: s.asPushed(p, client), expires: expires}, expires.Add(pushKept))
	response := map[string]any{"request_uri": uri, "expires_in": max(1, int(lifetime/time.Second))}
	if s.faults.Has(fault.ParExpiryMissing) {
		delete(response, "expires_in")
	}
	return response
}

func (s *AuthServer) writePushRefusal(w http.ResponseWriter, r *http.Request, problem *denial) {
	status := http.StatusBadRequest
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		status = http.StatusMethodNotAllowed
	case problem.code == requestTooLarge:
		problem.code, status = invalidRequest, http.StatusRequestEntityTooLarge
	case problem.code == invalidClient:
		status = http.StatusUnauthorized
		if r.Header.Get("Authorization") != "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="par", charset="UTF-8"`)
		}
	}
	if s.faults.Has(fault.ParErrorPage) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<h1>Error</h1>") // the client has gone: nobody to tell
		return
	}
	writeJSON(w, status, problem.document())
}

// retrieve returns the parameters of an authorization request: those pushed
// before, where it names them, and nothing that comes beside (RFC 9126, section
// 4; RFC 9101, section 6.3). A reference works once.
func (s *AuthServer) retrieve(p params) (params, *denial) {
	uri := p.get("request_uri")
	if !strings.HasPrefix(uri, pushPrefix) {
		return p, s.pushMissed(p)
	}
	kept, ok := s.pushes.get(digest(uri), s.now())
	switch {
	case !ok, kept.spent && !s.faults.Has(fault.ParReusable),
		!s.now().Before(kept.expires) && !s.faults.Has(fault.ParEternal):
		return nil, refuse(invalidRequest, "The request is no longer valid. Go back to the application and start again.")
	case kept.client != p.get("client_id") && !s.faults.Has(fault.ParAnyClient):
		return nil, refuse(invalidRequest, "The request was made by another application.")
	}
	s.races(fault.ParRaces, uri, "")
	kept.spent = true
	if s.faults.Has(fault.ParFrontChannelWins) {
		merged := params(maps.Clone(url.Values(kept.params)))
		for name, values := range p {
			if name != "request_uri" {
				merged[name] = values
			}
		}
		return merged, nil
	}
	if s.faults.Has(fault.ParAnyClient) {
		asOther := params(maps.Clone(url.Values(kept.params)))
		asOther["client_id"] = p["client_id"]
		return asOther, nil
	}
	return kept.params, nil
}

// pushMissed refuses what ought to have been pushed: everything, or what clients
// send that have registered to push (RFC 9126, sections 5 and 6).
func (s *AuthServer) pushMissed(p params) *denial {
	client := s.client(p.get("client_id"))
	required := s.variants.Has(variant.PAROnly) || client != nil && client.pushes
	if !required || s.faults.Has(fault.ParNotEnforced) {
		return nil
	}
	return refuse(invalidRequest, "The application has to push its request first.")
}

// pushRegistered reads whether a client wants all its requests pushed.
func (s *AuthServer) pushRegistered(client *Client, m *clientMetadata) *denial {
	m.read(requirePush, &client.pushes)
	if client.pushes {
		client.described[requirePush] = m.members[requirePush]
	}
	return m.problem
}

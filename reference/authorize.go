package reference

import (
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// The error codes of RFC 6749, RFC 8707 and OpenID Connect.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	invalidGrant         = "invalid_grant"
	invalidScope         = "invalid_scope"
	invalidTarget        = "invalid_target"
	unauthorizedClient   = "unauthorized_client"
	unsupportedGrant     = "unsupported_grant_type"
	unsupportedResponse  = "unsupported_response_type"
	accessDenied         = "access_denied"
	serverError          = "server_error"
	loginRequired        = "login_required"
	consentRequired      = "consent_required"
	requestURIUnsupport  = "request_uri_not_supported"
	unsupportedTokenType = "unsupported_token_type"
)

// An authRequest is what a client asks a user for.
type authRequest struct {
	client      *Client
	redirectURI string // where the answer goes
	state       string
	challenge   string
	scopes      []string
	resources   []string
	nonce       string
	prompt      []string
	maxAge      time.Duration // of the sign-in; negative: any
	key         string        // dpop_jkt
	defaulted   bool          // no resource was named
	agent       *Client       // that is to act for the user; nil: none
	posts       *posting      // where the answer is sent as a message; nil: it redirects

	// What only faults look at.
	method, iss  string
	implicit     bool
	unregistered *denial // the redirect URI is
}

func (q *authRequest) prompts(value string) bool { return contains(q.prompt, value) }

func (q *authRequest) agentID() string {
	if q.agent == nil {
		return ""
	}
	return q.agent.ID
}

// authorize is the authorization endpoint (OAuth 2.1, section 4.1.1).
func (s *AuthServer) authorize(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.write(w, s.errorPage(refuse(invalidRequest, "the query cannot be read")))
		return
	}
	if s.crashesOn(params(query)) {
		http.Error(w, "internal server error", http.StatusInternalServerError)
		return
	}
	if s.faults.Has(fault.AuthorizeCrossOrigin) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
	}
	browser := s.browserCookie(r)
	if refused := s.describeAsker(r.Context(), params(query)); refused != nil {
		s.write(w, *refused)
		return
	}
	s.mu.Lock()
	p, problem := s.retrieve(params(query))
	if problem == nil {
		p, problem = s.unpack(p)
	}
	var next step
	if problem != nil {
		next = s.errorPage(problem)
	} else {
		next = s.begin(r, p, browser)
	}
	s.mu.Unlock()
	next.cookies = append(next.cookies, s.cookie(browserCookie, browser))
	if page, ok := next.data.(*errorPage); ok && s.faults.Has(fault.PagesScriptParameter) {
		for _, values := range query {
			page.Detail += template.HTML(strings.Join(values, " ")) //nolint:gosec // the fault is to do so
		}
	}
	s.write(w, next)
}

// begin takes in an authorization request. As long as client and redirect URI
// are not certain, an error is told to the user and to nobody else: redirecting
// would make us an open redirector (OAuth 2.1, section 4.1.2.1).
func (s *AuthServer) begin(r *http.Request, p params, browser string) step {
	user := s.sessionOf(r)
	client, redirectURI, problem := s.asker(p)
	if problem != nil {
		if s.redirectsAnyway(client, p) {
			return s.answer(&authRequest{redirectURI: p.get("redirect_uri")}, url.Values{"error": {problem.code}})
		}
		if !s.asksAnyway(client, p) {
			return s.errorPage(problem)
		}
		redirectURI = p.get("redirect_uri")
	}
	request, failure := s.readRequest(p, client, redirectURI)
	if posts, refused := s.postingOf(r, p, redirectURI); failure == nil {
		request.posts, failure = posts, refused
	}
	request.unregistered = problem
	tx := &transaction{
		id:      secret(),
		csrf:    secret(),
		browser: digest(browser),
		request: request,
		failure: failure,
		started: s.now(),

		reminder: s.reminderOf(r),
	}
	if failure == nil && request.prompts("none") && !s.faults.Has(fault.PromptNoneShows) {
		return s.silently(tx, user)
	}
	if failure != nil && (client.trusted() || s.faults.Has(fault.ErrorBeforeLogin)) {
		return s.fail(tx, failure)
	}
	if c, err := r.Cookie(approvalCookie); err == nil {
		tx.approval = c.Value
	}
	s.transactions.put(tx.id, tx, s.now().Add(transactionLifetime))
	return s.advance(tx, user)
}

// redirectsAnyway holds the faults that make an open redirector.
func (s *AuthServer) redirectsAnyway(client *Client, p params) bool {
	switch {
	case p.get("redirect_uri") == "":
		return false
	case client == nil:
		return s.faults.Has(fault.ErrorToUnknown) && s.client(p.get("client_id")) == nil
	case s.faults.Has(fault.ErrorBeforeRedirectCheck):
		request, failure := s.readRequest(p, client, "")
		return failure != nil || request.prompts("none")
	}
	return s.faults.Has(fault.ErrorToUnregistered)
}

// asksAnyway holds the fault that looks at the redirect URI when a code is due.
func (s *AuthServer) asksAnyway(client *Client, p params) bool {
	if !s.faults.Has(fault.DenialUnchecked) || client == nil || p.get("redirect_uri") == "" {
		return false
	}
	request, failure := s.readRequest(p, client, "")
	return failure == nil && !request.prompts("none")
}

// asker finds out who asks, and where the answer goes.
func (s *AuthServer) asker(p params) (client *Client, redirectURI string, problem *denial) {
	if client, redirectURI = s.askerOfTwo(p); client != nil {
		return client, redirectURI, nil
	}
	if len(p["client_id"]) > 1 || len(p["redirect_uri"]) > 1 {
		return nil, "", refuse(invalidRequest, "A parameter was sent more than once.")
	}
	client = s.client(p.get("client_id"))
	if client == nil && s.faults.Has(fault.RegisterNoEffect) && p.get("client_id") != "" {
		client = s.unregistered(p.get("client_id"), p.get("redirect_uri"))
	}
	if client == nil || client.deleted {
		return nil, "", refuse(invalidRequest, "The application is not known here.")
	}
	redirectURI = s.redirectFor(client, p.get("redirect_uri"))
	if redirectURI == "" && s.unchecked(fault.ParRedirectUnchecked, p) {
		redirectURI = p.get("redirect_uri")
	}
	if redirectURI == "" {
		return client, "", refuse(invalidRequest, "The application did not register the address it wants to be answered at.")
	}
	return client, redirectURI, nil
}

// askerOfTwo holds the faults that check one of two redirect URIs and use the other.
func (s *AuthServer) askerOfTwo(p params) (*Client, string) {
	uris := p["redirect_uri"]
	client := s.client(p.get("client_id"))
	if len(uris) < 2 || client == nil {
		return nil, ""
	}
	first, last := uris[0], uris[len(uris)-1]
	switch {
	case s.faults.Has(fault.RedirectDuplicateLast) && s.redirectFor(client, first) != "":
		return client, last
	case s.faults.Has(fault.RedirectDuplicateFirst) && s.redirectFor(client, last) != "":
		return client, first
	}
	return nil, ""
}

// readRequest checks everything but client and redirect URI. The request it
// returns with a denial holds what is needed to answer.
func (s *AuthServer) readRequest(p params, client *Client, redirectURI string) (*authRequest, *denial) {
	q := &authRequest{client: client, redirectURI: redirectURI, maxAge: -1}
	q.state, q.iss = s.stateOf(p), p.get("iss")
	if problem := s.requestFormRefused(p, client); problem != nil {
		return q, problem
	}
	q.implicit = p.get("response_type") == "token" && s.implicitServed()
	q.challenge, q.method = p.get("code_challenge"), p.get("code_challenge_method")
	if problem := s.challengeRefused(p, client); problem != nil && !q.implicit {
		return q, problem
	}
	var problem *denial
	if q.scopes, problem = s.scopeGranted(p.get("scope"), client); problem != nil {
		return q, problem
	}
	if q.resources, problem = s.resourcesGranted(p.list("resource")); problem != nil {
		return q, problem
	}
	q.defaulted = len(p.list("resource")) == 0
	if q.agent, problem = s.requestedAgent(p); problem != nil {
		return q, problem
	}
	q.nonce, q.key = p.get("nonce"), p.get(provenKey)
	q.prompt = strings.Fields(p.get("prompt"))
	if q.prompts("none") && len(q.prompt) > 1 {
		return q, refuse(invalidRequest, "prompt none excludes other values")
	}
	if age := p.get("max_age"); age != "" {
		seconds, err := strconv.ParseUint(age, 10, 31)
		if err != nil {
			return q, refuse(invalidRequest, "max_age is not a number of seconds")
		}
		q.maxAge = time.Duration(seconds) * time.Second
	}
	return q, nil
}

// stateOf is the state to return. If there are two, neither is the client's.
func (s *AuthServer) stateOf(p params) string {
	if len(p["state"]) == 1 || s.faults.Has(fault.DuplicatesTolerated) {
		return p.get("state")
	}
	return ""
}

// requestFormRefused checks the parameters that say what kind of request it is.
func (s *AuthServer) requestFormRefused(p params, client *Client) *denial {
	duplicate := s.repeatedParameter(p)
	responseType := p.get("response_type")
	switch {
	case duplicate != "":
		return refuse(invalidRequest, "%s was sent more than once", duplicate)
	case s.unknownParameter(p) != "" && s.faults.Has(fault.UnknownRefused):
		return refuse(invalidRequest, "%s is not known", s.unknownParameter(p))
	case s.emptyParameter(p) != "" && s.faults.Has(fault.EmptyRefused):
		return refuse(invalidRequest, "%s has no value", s.emptyParameter(p))
	case responseType == "" && s.faults.Has(fault.ResponseTypeAssumed):
	case responseType == "":
		return refuse(invalidRequest, "response_type is required")
	case responseType == "token" && s.implicitServed():
	case s.faults.Has(fault.ResponseTypeLoose):
	case responseType != "code":
		return refuse(unsupportedResponse, "response_type has to be code")
	}
	switch {
	case !contains(client.GrantTypes, grantCode) && !s.codesAnyway(grantCode):
		return refuse(unauthorizedClient, "the client is not registered for the code flow")
	case p.get("request_uri") != "":
		return refuse(requestURIUnsupport, "request objects are not supported")
	case p.get("response_mode") != "" && !contains(s.responseModes(), p.get("response_mode")):
		return refuse(invalidRequest, "response_mode has to be %s", strings.Join(s.responseModes(), " or "))
	}
	return nil
}

// repeatedParameter returns a parameter that was sent more than once and may not be.
func (s *AuthServer) repeatedParameter(p params) string {
	except := []string{"resource"}
	if s.faults.Has(fault.DuplicatesTolerated) {
		return ""
	}
	if s.faults.Has(fault.RedirectDuplicateFirst) || s.faults.Has(fault.RedirectDuplicateLast) {
		except = append(except, "redirect_uri")
	}
	return p.repeated(except...)
}

// unknownParameter returns a parameter that has no meaning here. Those are
// ignored (RFC 6749, section 3.1), but for a fault.
func (s *AuthServer) unknownParameter(p params) string {
	for name := range p {
		if !contains(requestParameters, name) {
			return name
		}
	}
	return ""
}

// emptyParameter returns a parameter that has no value. Those count as absent (RFC
// 6749, section 3.1), but for a fault.
func (s *AuthServer) emptyParameter(p params) string {
	for name := range p {
		if p.get(name) == "" {
			return name
		}
	}
	return ""
}

var requestParameters = []string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
	"resource", "nonce", "prompt", "max_age", "response_mode", "request", "request_uri", "requested_actor",
}

// silently answers a request that must not show anything. It never creates
// consent. A self-registered client of a user who is not signed in gets no
// redirect: the URL would be an open redirector for anyone who registers one
// (RFC 9700, section 4.11.2).
func (s *AuthServer) silently(tx *transaction, user *session) step {
	if s.proxies() {
		return s.silentlyProxied(tx, user)
	}
	switch {
	case s.needsLogin(tx, user) && !tx.request.client.trusted():
		return s.errorPage(refuse(loginRequired, "You are not signed in."))
	case s.needsLogin(tx, user):
		return s.fail(tx, refuse(loginRequired, "the user is not signed in"))
	case s.needsConsent(tx, user) && !s.faults.Has(fault.PromptNoneGrants):
		return s.fail(tx, refuse(consentRequired, "the user has not agreed"))
	}
	return s.succeed(tx, user)
}

// fail answers the client with an error, and names us so that the client knows
// who answers (RFC 9207, section 2).
func (s *AuthServer) fail(tx *transaction, problem *denial) step {
	s.transactions.remove(tx.id)
	if s.variants.Has(variant.ErrorPage) && problem.code != accessDenied {
		return s.errorPage(problem)
	}
	response := url.Values{"error": {problem.code}, "error_description": {printable(problem.description)}}
	return s.answer(tx.request, response)
}

// succeed answers the client with a code.
func (s *AuthServer) succeed(tx *transaction, user *session) step {
	s.transactions.remove(tx.id)
	if tx.request.unregistered != nil {
		return s.errorPage(tx.request.unregistered)
	}
	if tx.request.implicit {
		return s.answerImplicitly(tx.request, user)
	}
	response := url.Values{"code": {s.issueCode(tx.request, user)}}
	if s.faults.Has(fault.ChallengeLeaked) {
		response.Set("code_challenge", tx.request.challenge)
	}
	return s.answer(tx.request, response)
}

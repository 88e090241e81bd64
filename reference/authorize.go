package reference

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

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
	loginRequired        = "login_required"
	consentRequired      = "consent_required"
	requestNotSupported  = "request_not_supported"
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
}

func (q *authRequest) prompts(value string) bool { return contains(q.prompt, value) }

// authorize is the authorization endpoint (OAuth 2.1, section 4.1.1).
func (s *AuthServer) authorize(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.write(w, s.errorPage(refuse(invalidRequest, "the query cannot be read")))
		return
	}
	browser := s.browserCookie(r)
	s.mu.Lock()
	next := s.begin(params(query), browser, s.sessionOf(r))
	s.mu.Unlock()
	next.cookies = append(next.cookies, s.cookie(browserCookie, browser))
	s.write(w, next)
}

// begin takes in an authorization request. As long as client and redirect URI
// are not certain, an error is told to the user and to nobody else: redirecting
// would make us an open redirector (OAuth 2.1, section 4.1.2.1).
func (s *AuthServer) begin(p params, browser string, user *session) step {
	client, redirectURI, problem := s.asker(p)
	if problem != nil {
		return s.errorPage(problem)
	}
	request, failure := s.readRequest(p, client, redirectURI)
	tx := &transaction{
		id:      secret(),
		csrf:    secret(),
		browser: digest(browser),
		request: request,
		failure: failure,
		started: s.now(),
	}
	if failure == nil && request.prompts("none") {
		return s.silently(tx, user)
	}
	if failure != nil && client.trusted() {
		return s.fail(tx, failure)
	}
	s.transactions.put(tx.id, tx, s.now().Add(transactionLifetime))
	return s.advance(tx, user)
}

// asker finds out who asks, and where the answer goes.
func (s *AuthServer) asker(p params) (client *Client, redirectURI string, problem *denial) {
	if name := p.repeated("resource"); name == "client_id" || name == "redirect_uri" ||
		len(p["client_id"]) > 1 || len(p["redirect_uri"]) > 1 {
		return nil, "", refuse(invalidRequest, "%s was sent more than once", name)
	}
	client = s.client(p.get("client_id"))
	if client == nil {
		return nil, "", refuse(invalidRequest, "The application is not known here.")
	}
	redirectURI = s.redirectFor(client, p.get("redirect_uri"))
	if redirectURI == "" {
		return nil, "", refuse(invalidRequest, "The application did not register the address it wants to be answered at.")
	}
	return client, redirectURI, nil
}

// readRequest checks everything but client and redirect URI. The request it
// returns with a denial holds what is needed to answer.
func (s *AuthServer) readRequest(p params, client *Client, redirectURI string) (*authRequest, *denial) {
	q := &authRequest{client: client, redirectURI: redirectURI, maxAge: -1}
	if len(p["state"]) == 1 {
		q.state = p.get("state")
	}
	if problem := requestFormRefused(p, client); problem != nil {
		return q, problem
	}
	q.challenge = p.get("code_challenge")
	if problem := s.challengeRefused(q.challenge, p.get("code_challenge_method")); problem != nil {
		return q, problem
	}
	var problem *denial
	if q.scopes, problem = s.scopeGranted(p.get("scope"), client); problem != nil {
		return q, problem
	}
	if q.resources, problem = s.resourcesGranted(p.list("resource")); problem != nil {
		return q, problem
	}
	q.nonce = p.get("nonce")
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

// requestFormRefused checks the parameters that say what kind of request it is.
func requestFormRefused(p params, client *Client) *denial {
	if name := p.repeated("resource"); name != "" {
		return refuse(invalidRequest, "%s was sent more than once", name)
	}
	switch p.get("response_type") {
	case "code":
	case "":
		return refuse(invalidRequest, "response_type is required")
	default:
		return refuse(unsupportedResponse, "response_type has to be code")
	}
	switch {
	case !contains(client.GrantTypes, grantCode):
		return refuse(unauthorizedClient, "the client is not registered for the code flow")
	case p.get("request") != "":
		return refuse(requestNotSupported, "request objects are not supported")
	case p.get("request_uri") != "":
		return refuse(requestURIUnsupport, "request objects are not supported")
	case p.get("response_mode") != "" && p.get("response_mode") != "query":
		return refuse(invalidRequest, "response_mode has to be query")
	}
	return nil
}

// silently answers a request that must not show anything. It never creates
// consent. A self-registered client of a user who is not signed in gets no
// redirect: the URL would be an open redirector for anyone who registers one
// (RFC 9700, section 4.11.2).
func (s *AuthServer) silently(tx *transaction, user *session) step {
	switch {
	case tx.needsLogin(user) && !tx.request.client.trusted():
		return s.errorPage(refuse(loginRequired, "You are not signed in."))
	case tx.needsLogin(user):
		return s.fail(tx, refuse(loginRequired, "the user is not signed in"))
	case s.needsConsent(tx, user):
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
	return s.answer(tx.request, url.Values{"code": {s.issueCode(tx.request, user)}})
}

// answer sends the browser to the client.
func (s *AuthServer) answer(q *authRequest, response url.Values) step {
	if q.state != "" {
		response.Set("state", q.state)
	}
	response.Set("iss", s.issuer)
	return s.redirectToClient(responseURL(q.redirectURI, response))
}

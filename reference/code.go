package reference

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// An authCode is an authorization code, bound to all that it was asked for with.
type authCode struct {
	grant             *grant
	redirectURI       string
	key               string // thumbprint of the key that whoever redeems it has to prove, if any
	challenge, method string
	expires           time.Time
	used              bool
	guesses           int            // token requests with a wrong verifier
	served            map[string]any // only with fault.CodeReserved
	document          *Client        // as the flow began with it, if a document describes it
}

// maxGuesses is how many wrong verifiers a code survives. Its client is right at
// once; whoever is not may spoil a code that has leaked, but not go on guessing.
const maxGuesses = 2

// usedCodeMemory is how long a code is remembered, so that its replay is noticed.
const usedCodeMemory = time.Hour

// issueCode makes a code for what the user has agreed to.
func (s *AuthServer) issueCode(q *authRequest, user *session) string {
	g := s.allow(&grant{
		client: q.client.ID, user: user.user, scopes: q.scopes, resources: q.resources,
		nonce: q.nonce, signedIn: user.since, defaulted: q.defaulted,
		agent: q.agentID(), delegated: user.delegated,
	})
	expires := s.now().Add(s.options.CodeLifetime)
	code := s.newCode()
	s.codes.put(digest(code), &authCode{
		document: documentOf(q.client),
		grant:    g, redirectURI: q.redirectURI, key: q.key, challenge: q.challenge, method: q.method, expires: expires,
	}, expires.Add(usedCodeMemory))
	return code
}

// newCode makes a code that nobody can guess (RFC 6749, section 10.10).
func (s *AuthServer) newCode() string {
	if s.faults.Has(fault.CodeGuessable) {
		return fmt.Sprintf("%06d", rand.IntN(1_000_000))
	}
	return secret()
}

// redeemCode gives tokens for a code, once (OAuth 2.1, section 4.1.3). Only a
// replay that is right in all other respects ends what the code gave: anything
// less could come from somebody who merely saw the code.
func (s *AuthServer) redeemCode(client *Client, p params) (map[string]any, *denial) {
	if s.faults.Has(fault.TokenEndpointFails) {
		return nil, refuse("server_error", "the server is not well")
	}
	code, ok := s.codes.get(digest(p.get("code")), s.now())
	if !ok && s.faults.Has(fault.RefreshAsCode) && p.get("code") != "" {
		return s.refresh(client, params{"refresh_token": p["code"]})
	}
	if !ok {
		return nil, refuse(invalidGrant, "the code is not known")
	}
	if s.faults.Has(fault.ChallengeIsLookup) {
		code = s.codeByChallenge(code, client, p)
	}
	if problem := s.codeRefused(code, client, p); problem != nil {
		if code.used && s.faults.Has(fault.CodeReuseHarms) {
			code.grant.revoked = true
		}
		return nil, problem
	}
	if code.used && s.faults.Has(fault.CodeReserved) {
		return code.served, nil
	}
	if code.used && !s.faults.Has(fault.CodeReusable) {
		code.grant.revoked = !s.faults.Has(fault.CodeReuseForgiven)
		return nil, refuse(invalidGrant, "the code was used before")
	}
	if code.grant.revoked {
		return nil, refuse(invalidGrant, "the grant has ended")
	}
	resource, problem := s.resourceAllowed(p.list("resource"), code.grant)
	if problem != nil {
		return nil, problem
	}
	if code.grant.acting, problem = s.redeemingAgent(code.grant, client, p); problem != nil {
		return nil, problem
	}
	s.races(fault.CodeRaces, p.get("code"), "")
	code.used = true
	code.grant.bind(p)
	response, problem := s.tokenResponse(code.grant, client, code.grant.scopes, resource)
	if s.faults.Has(fault.CodeReserved) {
		code.served = response
	}
	return response, problem
}

// codeByChallenge finds another code with the same challenge, that fits the request.
func (s *AuthServer) codeByChallenge(code *authCode, client *Client, p params) *authCode {
	for _, kept := range s.codes.values {
		other := kept.value
		if other.challenge == code.challenge && !other.used && s.codeRefused(other, client, p) == nil {
			return other
		}
	}
	return code
}

// codeRefused checks what a code is bound to.
func (s *AuthServer) codeRefused(code *authCode, client *Client, p params) *denial {
	switch {
	case code.grant.client != client.ID && !s.faults.Has(fault.CodeAnyClient) && !s.sameDocument(code.grant.client, client.ID):
		return s.unknownOr(fault.OracleCode, "the code is not known", "the code is another client's")
	case !s.redirectRepeated(p.get("redirect_uri"), code.redirectURI, client):
		return refuse(invalidGrant, "redirect_uri is not the one of the authorization request")
	case code.guesses > maxGuesses:
		return refuse(invalidGrant, "there were too many wrong verifiers")
	case !s.verifierMatches(p, code):
		if !s.faults.Has(fault.CodeGuessesUnlimited) {
			code.guesses++
		}
		return refuse(invalidGrant, "code_verifier does not match the code_challenge")
	case s.codeKeyRefused(code, p):
		return refuse(invalidGrant, "the code is bound to another key")
	case !s.now().Before(code.expires) && !s.faults.Has(fault.CodeEternal):
		return refuse(invalidGrant, "the code has expired")
	}
	return nil
}

// redirectRepeated tells whether the token request may go on with what it says
// of the redirect URI. OAuth 2.1 leaves the parameter out, since PKCE does its
// work; where it is sent it has to be the same (section 10.2).
func (s *AuthServer) redirectRepeated(repeated, authorized string, client *Client) bool {
	switch {
	case repeated == "":
		return !s.faults.Has(fault.TokenRedirectRequired)
	case repeated == authorized,
		s.faults.Has(fault.TokenRedirectUnchecked),
		s.faults.Has(fault.TokenRedirectRegistered) && s.redirectFor(client, repeated) != "" && !loopbackURI(repeated),
		s.faults.Has(fault.TokenRedirectPort) && s.differsInLoopbackPort(repeated, authorized),
		s.faults.Has(fault.TokenRedirectSlash) && strings.TrimSuffix(repeated, "/") == strings.TrimSuffix(authorized, "/"):
		return true
	}
	return false
}

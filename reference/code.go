package reference

import (
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// An authCode is an authorization code, bound to all that it was asked for with.
type authCode struct {
	grant       *grant
	redirectURI string
	challenge   string
	expires     time.Time
	used        bool
}

// usedCodeMemory is how long a code is remembered, so that its replay is noticed.
const usedCodeMemory = time.Hour

// issueCode makes a code for what the user has agreed to.
func (s *AuthServer) issueCode(q *authRequest, user *session) string {
	g := s.allow(&grant{
		client: q.client.ID, user: user.user, scopes: q.scopes, resources: q.resources,
		nonce: q.nonce, signedIn: user.since,
	})
	expires := s.now().Add(s.options.CodeLifetime)
	code := secret()
	s.codes.put(digest(code), &authCode{
		grant: g, redirectURI: q.redirectURI, challenge: q.challenge, expires: expires,
	}, expires.Add(usedCodeMemory))
	return code
}

// redeemCode gives tokens for a code, once (OAuth 2.1, section 4.1.3). Only a
// replay that is right in all other respects ends what the code gave: anything
// less could come from somebody who merely saw the code.
func (s *AuthServer) redeemCode(client *Client, p params) (map[string]any, *denial) {
	if s.faults.Has(fault.TokenEndpointFails) {
		return nil, refuse("server_error", "the server is not well")
	}
	code, ok := s.codes.get(digest(p.get("code")), s.now())
	if !ok {
		return nil, refuse(invalidGrant, "the code is not known")
	}
	if problem := s.codeRefused(code, client, p); problem != nil {
		return nil, problem
	}
	if code.used {
		code.grant.revoked = true
		return nil, refuse(invalidGrant, "the code was used before")
	}
	if code.grant.revoked {
		return nil, refuse(invalidGrant, "the grant has ended")
	}
	resource, problem := s.resourceAllowed(p.list("resource"), code.grant.resources)
	if problem != nil {
		return nil, problem
	}
	code.used = true
	return s.tokenResponse(code.grant, client, code.grant.scopes, resource)
}

// codeRefused checks what a code is bound to.
func (s *AuthServer) codeRefused(code *authCode, client *Client, p params) *denial {
	switch {
	case code.grant.client != client.ID:
		return refuse(invalidGrant, "the code is another client's")
	case !s.redirectRepeated(p.get("redirect_uri"), code.redirectURI):
		return refuse(invalidGrant, "redirect_uri is not the one of the authorization request")
	case !s.verifierMatches(p.get("code_verifier"), code.challenge):
		return refuse(invalidGrant, "code_verifier does not match the code_challenge")
	case !s.now().Before(code.expires):
		return refuse(invalidGrant, "the code has expired")
	}
	return nil
}

// redirectRepeated tells whether the token request may go on with what it says
// of the redirect URI. OAuth 2.1 leaves the parameter out, since PKCE does its
// work; where it is sent it has to be the same (section 10.2).
func (s *AuthServer) redirectRepeated(repeated, authorized string) bool {
	return repeated == "" || repeated == authorized
}

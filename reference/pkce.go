package reference

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// challengeRefused says why an authorization request's code challenge is not
// good enough, or returns nil. Every client has to use S256 (RFC 7636; OAuth 2.1,
// section 4.1.1): a missing method would mean plain, which protects nobody who
// can read the request.
func (s *AuthServer) challengeRefused(p params, client *Client) *denial {
	challenge, method := p.get("code_challenge"), p.get("code_challenge_method")
	switch {
	case challenge == "" && s.challengeOptional(p, client):
		return nil
	case challenge == "":
		return refuse(invalidRequest, "code_challenge is required")
	case !s.methodAccepted(method):
		return refuse(invalidRequest, "code_challenge_method has to be S256")
	case !s.challengeAcceptable(challenge):
		return refuse(invalidRequest, "code_challenge is not a base64url SHA-256 value")
	}
	return nil
}

// challengeOptional tells whether the client may do without PKCE: none may.
func (s *AuthServer) challengeOptional(p params, client *Client) bool {
	_, sent := p["code_challenge"]
	return s.faults.Has(fault.PKCENotRequired) ||
		s.unchecked(fault.ParChallengeUnchecked, p) ||
		s.faults.Has(fault.PKCEDowngrade) ||
		s.faults.Has(fault.PKCENotRequiredConfidential) && client.AuthMethod != authNone ||
		s.faults.Has(fault.PKCEEmptyChallenge) && sent
}

// methodAccepted tells whether the challenge method is one we verify.
func (s *AuthServer) methodAccepted(method string) bool {
	switch {
	case s.faults.Has(fault.PKCEMethodUnknown):
		return method != ""
	case s.faults.Has(fault.PKCEPlain) && method == "plain":
		return true
	case method == "" && (s.faults.Has(fault.PKCEMethodDefault) || s.faults.Has(fault.PKCEMethodAbsent)):
		return true
	case s.faults.Has(fault.PKCEMethodLoose):
		return strings.EqualFold(strings.TrimSpace(method), "S256")
	}
	return method == "S256"
}

// challengeAcceptable tells whether a challenge can be what S256 makes: the
// base64url form, without padding, of 32 bytes.
func (s *AuthServer) challengeAcceptable(challenge string) bool {
	if s.faults.Has(fault.ChallengePadded) {
		challenge = unpadded(challenge)
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	return err == nil && len(sum) == sha256.Size
}

// unpadded turns other forms of base64 into base64url without padding.
func unpadded(text string) string {
	return strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(text)
}

// verifierMatches tells whether the token request has the verifier behind the
// code's challenge.
func (s *AuthServer) verifierMatches(p params, code *authCode) bool {
	verifier := p.get("code_verifier")
	if s.verifierOverlooked(p, verifier, code) {
		return true
	}
	if code.challenge == "" { // never, without a fault: every code has a challenge
		return verifier == "" || s.faults.Has(fault.PKCEDowngrade)
	}
	return s.provesChallenge(verifier, code.challenge)
}

// provesChallenge tells whether the challenge was made of the verifier.
func (s *AuthServer) provesChallenge(verifier, challenge string) bool {
	return s.wellFormedVerifier(verifier) && same(challengeFor(verifier), challenge)
}

// challengeFor is the S256 challenge of a verifier (RFC 7636, section 4.2).
func challengeFor(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// verifierOverlooked holds the faults that let a wrong verifier pass.
func (s *AuthServer) verifierOverlooked(p params, verifier string, code *authCode) bool {
	if len(s.faults) == 0 {
		return false
	}
	_, sent := p["code_verifier"]
	switch {
	case s.faults.Has(fault.VerifierIgnored),
		s.faults.Has(fault.VerifierOptional) && !sent,
		s.faults.Has(fault.VerifierEmpty) && sent && verifier == "",
		s.faults.Has(fault.VerifierIsChallenge) && verifier == code.challenge,
		s.faults.Has(fault.PKCEMethodFromToken) && p.get("code_challenge_method") == "plain" && verifier == code.challenge,
		s.faults.Has(fault.PKCEMethodAbsent) && code.method == "",
		s.faults.Has(fault.PKCEMethodUnknown) && code.method != "S256",
		s.faults.Has(fault.PKCEPlain) && code.method == "plain" && verifier == code.challenge,
		s.faults.Has(fault.PKCEMethodDefault) && code.method == "" && verifier == code.challenge,
		s.faults.Has(fault.VerifierTrimmed) && s.provesChallenge(strings.TrimSpace(verifier), code.challenge),
		s.faults.Has(fault.VerifierTail) && beginningMatches(verifier, code.challenge),
		s.faults.Has(fault.ChallengePadded) && s.provesChallenge(verifier, unpadded(code.challenge)):
		return true
	}
	return s.faults.Has(fault.VerifierOfAnother) && s.isVerifierOf(verifier, code.grant.client)
}

// beginningMatches tells whether the verifier goes on after what the challenge
// was made of.
func beginningMatches(verifier, challenge string) bool {
	for end := min(43, len(verifier)); end < len(verifier); end++ {
		if challengeFor(verifier[:end]) == challenge {
			return true
		}
	}
	return false
}

// isVerifierOf tells whether the verifier belongs to any code of the client.
func (s *AuthServer) isVerifierOf(verifier, client string) bool {
	for _, kept := range s.codes.values {
		if kept.value.grant.client == client && s.provesChallenge(verifier, kept.value.challenge) {
			return true
		}
	}
	return false
}

// wellFormedVerifier checks the syntax of RFC 7636, section 4.1.
func (s *AuthServer) wellFormedVerifier(verifier string) bool {
	switch n := len(verifier); {
	case n < 43 && !s.faults.Has(fault.VerifierShort),
		n > 128 && !s.faults.Has(fault.VerifierLong),
		n == 128 && s.faults.Has(fault.VerifierBounds):
		return false
	}
	for _, c := range []byte(verifier) {
		if !unreserved(c) && !s.faults.Has(fault.VerifierCharacters) {
			return false
		}
	}
	return true
}

// unreserved tells whether c is an unreserved character of RFC 3986, section 2.3.
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

package reference

import (
	"crypto/sha256"
	"encoding/base64"
)

// challengeRefused says why an authorization request's code challenge is not
// good enough, or returns nil. Every client has to use S256 (RFC 7636; OAuth 2.1,
// section 4.1.1): a missing method would mean plain, which protects nobody who
// can read the request.
func (s *AuthServer) challengeRefused(challenge, method string) *denial {
	switch {
	case challenge == "":
		return refuse(invalidRequest, "code_challenge is required")
	case method != "S256":
		return refuse(invalidRequest, "code_challenge_method has to be S256")
	case !couldBeSHA256(challenge):
		return refuse(invalidRequest, "code_challenge is not a base64url SHA-256 value")
	}
	return nil
}

// couldBeSHA256 tells whether text is the base64url form, without padding, of 32 bytes.
func couldBeSHA256(text string) bool {
	sum, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(sum) == sha256.Size
}

// verifierMatches tells whether the verifier is the one behind the challenge.
func (s *AuthServer) verifierMatches(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return wellFormedVerifier(verifier) && same(base64.RawURLEncoding.EncodeToString(sum[:]), challenge)
}

// wellFormedVerifier checks the syntax of RFC 7636, section 4.1.
func wellFormedVerifier(verifier string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	for _, c := range []byte(verifier) {
		if !unreserved(c) {
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

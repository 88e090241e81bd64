package reference

import (
	"encoding/base64"
	"encoding/json"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// signIDToken signs an ID token with the published key (OpenID Connect Core,
// section 2).
func (s *AuthServer) signIDToken(claims tokens.Claims) (string, error) {
	if len(s.faults) > 0 {
		s.misstate(claims)
	}
	if s.faults.Has(fault.IDTokenUnsigned) {
		body, err := json.Marshal(claims)
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(body) + ".", err
	}
	return s.sign("JWT", claims)
}

// misstate holds the faults that say something else than what is true.
func (s *AuthServer) misstate(claims tokens.Claims) {
	_, asked := claims["nonce"]
	switch {
	case s.faults.Has(fault.IDTokenNonceDropped):
		delete(claims, "nonce")
	case s.faults.Has(fault.IDTokenNonceInvented) && !asked:
		claims["nonce"] = "none"
	case s.faults.Has(fault.IDTokenAudience):
		claims["aud"] = PublicClient
	case s.faults.Has(fault.IDTokenIssuer):
		claims["iss"] = "https://upstream-idp.example"
	case s.faults.Has(fault.IDTokenExpired):
		claims["exp"] = s.now().Unix() - 3600
	}
}

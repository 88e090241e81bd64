package reference

import (
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// Encryption proves nothing about who encrypted: everybody has the public key.
// The resource server takes no encrypted tokens at all. What follows is only for
// faults.

// shareKeys gives the resource server the authorization server's keys, as where
// both are one program.
func (rs *ResourceServer) shareKeys(keys *tokens.Issuer) {
	for _, e := range rs.endpoints {
		e.verifier.shared = keys
	}
}

// decrypted is what an encrypted token says, or nil.
func (v *verifier) decrypted(token string) *tokens.Token {
	if len(v.faults) == 0 || strings.Count(token, ".") != 4 {
		return nil
	}
	switch {
	case v.faults.Has(fault.AcceptEncrypted) && v.shared != nil:
		return v.shared.Decrypt(token)
	case v.faults.Has(fault.AcceptGuessable):
		return tokens.DecryptGuessing(token, []byte("secret"))
	case v.faults.Has(fault.CostlyDerivation):
		tokens.DeriveKey(token, []byte("a long secret that nobody guesses"))
	}
	return nil
}

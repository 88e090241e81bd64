package reference

import (
	"encoding/json"
	"sync/atomic"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// signedBefore is how many tokens a deployment signs before it changes its key.
const signedBefore = 25

// A succession is a change of keys while the server runs: the next key is
// published long before it is used, and the last one long after.
type succession struct {
	next   *tokens.Issuer // nil: there will be no change
	signed atomic.Int64
}

// prepareSuccession makes the next key, where a variant wants one.
func (s *AuthServer) prepareSuccession() (err error) {
	if s.variants.Has(variant.KeyRotation) {
		s.succession.next, err = tokens.NewIssuer(s.issuer)
	}
	return err
}

// sign signs with the key of the hour.
func (s *AuthServer) sign(typ string, claims tokens.Claims) (string, error) {
	if s.succession.next != nil && s.succession.signed.Add(1) > signedBefore {
		return s.succession.next.Sign(typ, claims)
	}
	return s.keys.Sign(typ, claims)
}

// everyKey is the key set with the next key in it.
func (s *AuthServer) everyKey(set json.RawMessage) (json.RawMessage, error) {
	if s.succession.next == nil {
		return set, nil
	}
	next, err := s.succession.next.JWKS()
	if err != nil {
		return nil, err
	}
	var both, more struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(set, &both); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(next, &more); err != nil {
		return nil, err
	}
	both.Keys = append(both.Keys, more.Keys...)
	return json.Marshal(both)
}

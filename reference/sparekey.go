package reference

import (
	"encoding/json"
	"sync"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
)

// A spareKey is a second signing key that is published for a while, to see what
// resource servers make of keys that come and go.
type spareKey struct {
	mu      sync.Mutex
	key     *tokens.Issuer
	fetched int
}

// beside is the key set with the spare key in it, if there is one.
func (k *spareKey) beside(public json.RawMessage) json.RawMessage {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fetched++
	if k.key == nil {
		return public
	}
	spare, err := k.key.JWKS()
	if err != nil {
		return public
	}
	var both struct {
		Keys []json.RawMessage `json:"keys"`
	}
	for _, set := range []json.RawMessage{public, spare} {
		var one struct{ Keys []json.RawMessage }
		if json.Unmarshal(set, &one) != nil {
			return public
		}
		both.Keys = append(both.Keys, one.Keys...)
	}
	merged, err := json.Marshal(both)
	if err != nil {
		return public
	}
	return merged
}

// PublishSpareKey publishes a fresh second key, and returns what signs with it.
func (s *AuthServer) PublishSpareKey() (*tokens.Issuer, error) {
	key, err := tokens.NewIssuer(s.issuer)
	if err != nil {
		return nil, err
	}
	s.spare.mu.Lock()
	defer s.spare.mu.Unlock()
	s.spare.key = key
	return key, nil
}

// WithdrawSpareKey ends that.
func (s *AuthServer) WithdrawSpareKey() {
	s.spare.mu.Lock()
	defer s.spare.mu.Unlock()
	s.spare.key = nil
}

// KeysFetched is how often the key set was fetched.
func (s *AuthServer) KeysFetched() int {
	s.spare.mu.Lock()
	defer s.spare.mu.Unlock()
	return s.spare.fetched
}

package reference

import (
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// jwks publishes the public keys (RFC 7517).
func (s *AuthServer) jwks(w http.ResponseWriter, _ *http.Request) {
	s.keysFetched.Store(true)
	set, err := s.keys.JWKS()
	if err == nil {
		set, err = s.everyKey(set)
	}
	if err != nil {
		http.Error(w, "no keys", http.StatusInternalServerError)
		return
	}
	s.writePublic(w, s.keysPublished(s.spare.beside(set)))
}

// keysPublished is the key set: public keys that we sign with, and no others.
func (s *AuthServer) keysPublished(public json.RawMessage) json.RawMessage {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(s.faults) == 0 || json.Unmarshal(public, &set) != nil {
		return public
	}
	switch {
	case s.faults.Has(fault.KeysPrivate):
		if private, err := s.keys.PrivateJWK(); err == nil {
			set.Keys[0] = private
		}
	case s.faults.Has(fault.KeysSymmetric):
		set.Keys = append(set.Keys, json.RawMessage(`{"kty":"oct","kid":"shared","use":"sig","alg":"HS256","k":"`+digest(s.issuer)+`"}`))
	case s.faults.Has(fault.KeysWeak):
		set.Keys = append(set.Keys, weakKey())
	case s.faults.Has(fault.KeysKnown):
		set.Keys = append(set.Keys, json.RawMessage(knownKey))
	case s.faults.Has(fault.KeysAmbiguous):
		if second, err := s.ambiguousKey(set.Keys[0]); err == nil {
			set.Keys = append(set.Keys, second)
		}
	}
	published, err := json.Marshal(set)
	if err != nil {
		return public
	}
	return published
}

// knownKey is the elliptic curve key of RFC 7517, appendix A.1, whose private
// half is printed in appendix A.2.
const knownKey = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",` +
	`"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"1"}`

// weakKey is an RSA key that is too short.
func weakKey() json.RawMessage {
	modulus := make([]byte, 128)
	for i := range modulus {
		modulus[i] = byte(0xc1 + 7*i)
	}
	modulus[len(modulus)-1] |= 1
	return json.RawMessage(`{"kty":"RSA","kid":"old","use":"sig","alg":"RS256","e":"AQAB","n":"` +
		base64.RawURLEncoding.EncodeToString(modulus) + `"}`)
}

// ambiguousKey is another key under the id of the first.
func (s *AuthServer) ambiguousKey(first json.RawMessage) (json.RawMessage, error) {
	var kid struct {
		ID string `json:"kid"`
	}
	if err := json.Unmarshal(first, &kid); err != nil {
		return nil, err
	}
	var second map[string]any
	if err := json.Unmarshal([]byte(knownKey), &second); err != nil {
		return nil, err
	}
	second["kid"], second["x"], second["y"] = kid.ID, "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0", "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"
	return json.Marshal(second)
}

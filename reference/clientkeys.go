package reference

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A keySource is where a self-registered client publishes its keys: its jwks_uri
// (RFC 7591, section 2).
type keySource struct {
	uri *url.URL
	at  time.Time // when they were last asked for
}

// keysByReference reads jwks_uri, if clients may name their keys so. Nothing is
// fetched before the client has something to prove.
func (s *AuthServer) keysByReference(client *Client, m *clientMetadata) *denial {
	if !s.variants.Has(variant.KeysByReference) {
		return refuse(invalidMetadata, "keys are taken by value only")
	}
	var named string
	m.read("jwks_uri", &named)
	u, err := url.Parse(named)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return refuse(invalidMetadata, "jwks_uri has to be an https URL")
	}
	client.keysAt = &keySource{uri: u}
	client.described["jwks_uri"] = m.members["jwks_uri"]
	return nil
}

// meetKeys fetches the keys of a client that sends an assertion, when those known
// are old or do not verify it: clients replace their keys by publishing others,
// and what is gone from there counts no longer. Guesses do not make us ask more
// than once a second. The caller does not hold s.mu.
func (s *AuthServer) meetKeys(ctx context.Context, p params) {
	assertion := p.get("client_assertion")
	if assertion == "" {
		return
	}
	s.mu.Lock()
	client, ok := s.clients.get(tokens.UnverifiedSubject(assertion), s.now())
	due := ok && client.keysAt != nil && s.keysDue(client, assertion)
	if due {
		client.keysAt.at = s.now()
	}
	s.mu.Unlock()
	if !due {
		return
	}
	set, err := s.keySet(ctx, client.keysAt.uri)
	if err != nil || tokens.PublicKeys(set) != nil {
		return // the keys known have to do
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.Has(fault.ClientKeysKept) {
		set = joined(client.jwks, set)
	}
	client.jwks = set
}

// keysDue tells whether to ask for the keys of the client. The caller holds s.mu.
func (s *AuthServer) keysDue(client *Client, assertion string) bool {
	since := s.now().Sub(client.keysAt.at)
	if client.jwks != nil && s.faults.Has(fault.ClientKeysFrozen) {
		return false
	}
	if since > keysFreshFor {
		return true
	}
	_, err := tokens.VerifyAssertion(assertion, client.jwks)
	return err != nil && (client.jwks == nil || since > keysFetchedOnce)
}

// joined is a key set that holds the keys of two.
func joined(one, other json.RawMessage) json.RawMessage {
	var a, b struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(one, &a) != nil || json.Unmarshal(other, &b) != nil {
		return other
	}
	a.Keys = append(a.Keys, b.Keys...)
	both, err := json.Marshal(a)
	if err != nil {
		return other
	}
	return both
}

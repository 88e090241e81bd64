package reference

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// introspectionFresh is how long an answer is believed. A token that is revoked
// lives on for as long.
const introspectionFresh = time.Second

// An introspectionCache spares the authorization server questions (RFC 7662,
// section 4). It keeps what is active only, under the digest of the whole token,
// never beyond the token's end, and only so much.
type introspectionCache struct {
	faults fault.Set

	mu   sync.Mutex
	kept *shelf[*tokens.Token]
}

func newIntrospectionCache(faults fault.Set) *introspectionCache {
	return &introspectionCache{faults: faults, kept: newShelf[*tokens.Token]()}
}

// key is what an answer is kept under.
func (c *introspectionCache) key(token string) string {
	switch {
	case c.faults.Has(fault.IntrospectionKeyPart):
		token = token[:min(len(token), 24)]
	case c.faults.Has(fault.IntrospectionKeyFolded):
		token = strings.ToLower(token)
	}
	return digest(token)
}

// get finds an answer. The token it holds is checked again by whoever uses it.
func (c *introspectionCache) get(token string) (*tokens.Token, bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.get(c.key(token), time.Now())
}

func (c *introspectionCache) put(token string, t *tokens.Token) {
	if c == nil {
		return
	}
	fresh := introspectionFresh
	if c.faults.Has(fault.IntrospectionKept) || c.faults.Has(fault.IntrospectionOutlives) {
		fresh = time.Hour
	}
	if c.faults.Has(fault.IntrospectionOutlives) {
		claims := maps.Clone(t.Claims)
		claims["exp"] = json.RawMessage(strconv.FormatInt(time.Now().Add(fresh).Unix(), 10))
		t = &tokens.Token{Claims: claims}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.put(c.key(token), t, time.Now().Add(fresh))
}

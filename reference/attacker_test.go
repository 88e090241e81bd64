package reference

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
)

// A lair is an attacker's host: a complete authorization server to look at, whose
// keys are the attacker's, and which counts who looks.
type lair struct {
	*httptest.Server
	hits atomic.Int64
	keys atomic.Value // of json.RawMessage
}

func attack(t *testing.T) (*tokens.Attacker, *lair) {
	t.Helper()
	attacker, err := tokens.NewAttacker()
	if err != nil {
		t.Fatal(err)
	}
	l := &lair{}
	l.serve(t, attacker, "1")
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.hits.Add(1)
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/jwks" {
			_, _ = w.Write(l.keys.Load().(json.RawMessage)) // the client has gone
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": l.URL, "jwks_uri": l.URL + "/jwks"}) // as above
	}))
	t.Cleanup(l.Close)
	return attacker, l
}

// serve publishes the attacker's key under the ids.
func (l *lair) serve(t *testing.T, attacker *tokens.Attacker, kids ...string) {
	t.Helper()
	jwks, err := attacker.JWKS(kids...)
	if err != nil {
		t.Fatal(err)
	}
	l.keys.Store(jwks)
}

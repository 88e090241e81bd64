package reference

import (
	"errors"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// delegated is a running proxy, and what its identity provider gave for a sign-in.
func delegated(t *testing.T) (*Server, *delegation, *grant) {
	t.Helper()
	s, err := Start(Options{Variants: []variant.Variant{variant.Proxy}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	idp := s.identityProvider
	idp.mu.Lock()
	defer idp.mu.Unlock()
	g := idp.allow(&grant{client: proxyClient, user: "alice", scopes: []string{scopeOpenID}, resources: []string{idp.endpoint}, signedIn: time.Now()})
	response, problem := idp.tokenResponse(g, idp.client(proxyClient), g.scopes, idp.endpoint)
	if problem != nil {
		t.Fatal(problem)
	}
	d := &delegation{}
	d.keep(&delegationAnswer{
		Access: response["access_token"].(string), Refresh: response["refresh_token"].(string), Expires: response["expires_in"].(int),
	}, time.Now())
	return s, d, g
}

// TestDelegation shows that a proxy renews what its identity provider gave, ends
// what it took back, and decides nothing while it cannot be asked.
func TestDelegation(t *testing.T) {
	s, d, g := delegated(t)
	f, idp := s.AuthServer.federation, s.identityProvider
	stands := func(want bool, when string) {
		t.Helper()
		if got, err := f.standsBy(t.Context(), d, fault.Set{}); err != nil || got != want {
			t.Errorf("%s: %v, %v", when, got, err)
		}
	}
	stands(true, "at first")

	first := d.access
	d.expires = time.Now()
	stands(true, "once the access token has run out")
	if d.access == first || !d.expires.After(time.Now()) {
		t.Error("nothing was renewed")
	}

	idp.mu.Lock()
	g.revoked = true
	idp.mu.Unlock()
	stands(false, "once the identity provider ended it")
	idp.mu.Lock()
	g.revoked = false
	idp.mu.Unlock()
	stands(false, "for good")
}

func TestDelegationRunsOut(t *testing.T) {
	s, d, g := delegated(t)
	f, idp := s.AuthServer.federation, s.identityProvider
	idp.mu.Lock()
	g.revoked = true
	idp.mu.Unlock()
	d.expires = time.Now()
	if stands, err := f.standsBy(t.Context(), d, fault.Set{}); stands || err != nil {
		t.Errorf("its renewal was refused: %v, %v", stands, err)
	}

	s, d, _ = delegated(t)
	f = s.AuthServer.federation
	if err := s.servers[0].Close(); err != nil {
		t.Fatal(err)
	}
	stands, err := f.standsBy(t.Context(), d, fault.Set{})
	if stands || err == nil || errors.Is(err, errRefusedUpstream) || d.over {
		t.Errorf("the identity provider cannot be asked: %v, %v, over %v", stands, err, d.over)
	}
}

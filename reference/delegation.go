package reference

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// A delegation is what the identity provider has given us for one sign-in. What
// we grant upon it is good only as long as it is (MCP 2025-03-26, Third-Party
// Authorization Flow, Session Binding Requirements).
type delegation struct {
	mu              sync.Mutex
	access, refresh string
	expires         time.Time
	over            bool // for good
}

// A delegationAnswer is a token response, as far as it is about that.
type delegationAnswer struct {
	ID      string `json:"id_token"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Expires int    `json:"expires_in"`
}

// keep takes over what a token response gave. A provider that issues no new
// refresh token leaves us the old one (RFC 6749, section 6).
func (d *delegation) keep(a *delegationAnswer, at time.Time) {
	d.access, d.expires = a.Access, at.Add(time.Duration(a.Expires)*time.Second)
	if a.Refresh != "" {
		d.refresh = a.Refresh
	}
}

// standing ends the grant that a token belongs to if the identity provider no
// longer stands by what that rests on. While it cannot be asked, the token is not
// honoured, and the grant does not end either. The caller does not hold s.mu:
// others need not wait for the identity provider.
func (s *AuthServer) standing(ctx context.Context, token string) *denial {
	if !s.proxies() || token == "" {
		return nil
	}
	s.mu.Lock()
	g := s.grantOf(token)
	s.mu.Unlock()
	if g == nil || g.delegated == nil {
		return nil
	}
	stands, err := s.federation.standsBy(ctx, g.delegated, s.faults)
	if err != nil {
		return refuse(serverError, "the identity provider cannot be asked")
	}
	if !stands {
		s.mu.Lock()
		g.revoked = true
		s.mu.Unlock()
	}
	return nil
}

// grantOf is the grant of a refresh token or an access token, or nil. The caller
// holds s.mu.
func (s *AuthServer) grantOf(token string) *grant {
	if t, ok := s.refreshes.get(digest(token), s.now()); ok {
		return t.grant
	}
	if t, ok := s.accesses.get(digest(token), s.now()); ok {
		return t.grant
	}
	return nil
}

// standsBy tells whether what the identity provider gave is still good: it is
// renewed when it has run out, and looked up each time. The error says that the
// identity provider could not be asked.
func (f *federation) standsBy(ctx context.Context, d *delegation, faults fault.Set) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return false, nil
	}
	if !time.Now().Before(d.expires) {
		if faults.Has(fault.ProxyExpiryIgnored) {
			return true, nil
		}
		if renewed, err := f.renew(ctx, d); !renewed {
			return false, err
		}
	}
	if faults.Has(fault.ProxyStatusUnchecked) {
		return true, nil
	}
	var answer struct {
		Active bool `json:"active"`
	}
	err := f.askAbout(ctx, "/introspect", url.Values{"token": {d.access}}, &answer)
	if err != nil {
		return false, err
	}
	d.over = !answer.Active
	return answer.Active, nil
}

// renew uses the refresh token, if there is one. The caller holds d.mu.
func (f *federation) renew(ctx context.Context, d *delegation) (bool, error) {
	if d.refresh == "" {
		d.over = true
		return false, nil
	}
	var answer delegationAnswer
	at := time.Now()
	err := f.askAbout(ctx, "/token", url.Values{"grant_type": {grantRefresh}, "refresh_token": {d.refresh}}, &answer)
	if errors.Is(err, errRefusedUpstream) {
		d.over = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	d.keep(&answer, at)
	return true, nil
}

// errRefusedUpstream says that the identity provider was asked, and refused.
var errRefusedUpstream = errors.New("the identity provider refuses")

// askAbout posts a form to the identity provider, as its client.
func (f *federation) askAbout(ctx context.Context, path string, form url.Values, answer any) error {
	req, err := f.form(ctx, path, form)
	if err != nil {
		return err
	}
	body, err := f.ask(req)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, answer)
}

// refusedUpstream tells a refusal from a server that is not well.
func refusedUpstream(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden
}

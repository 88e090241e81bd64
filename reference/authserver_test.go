package reference

import (
	"net/http"
	"strings"
	"testing"
)

func TestSoundFlow(t *testing.T) {
	f := newFlow(t, Options{})
	l := f.b.authorize(f.request())
	p := l.params(t)
	if l.StatusCode != http.StatusSeeOther || !strings.HasPrefix(l.redirect, testRedirect+"?") {
		t.Errorf("the answer is %d to %s", l.StatusCode, l.redirect)
	}
	if p.Get("state") != "a state & more" || p.Get("iss") != f.s.AuthServer.Issuer() {
		t.Errorf("the answer carries %v", p)
	}
	r := f.redeem(p.Get("code"))
	wantOK(t, r)
	if r.Header.Get("Cache-Control") != "no-store" || r.text("token_type") != "Bearer" ||
		r.doc["expires_in"] != 300.0 || r.text("scope") != "notes.read notes.write" {
		t.Errorf("token response: %v %s", r.Header, r.raw)
	}
	c := claims(t, r.text("access_token"))
	if c["aud"] != f.s.ResourceServer.Endpoint() || c["sub"] != "alice" || c["client_id"] != f.id {
		t.Errorf("claims: %v", c)
	}
	again := f.refresh(r.text("refresh_token"))
	wantOK(t, again)
	if again.text("refresh_token") == r.text("refresh_token") {
		t.Error("the refresh token was not rotated")
	}
}

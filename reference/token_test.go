package reference

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
)

func TestCodeIsBound(t *testing.T) {
	f := newFlow(t, Options{})
	other := registerClient(t, f.s, testClient).text("client_id")
	for name, tt := range map[string]struct {
		change []string
		want   string
	}{
		"wrong verifier":         {[]string{"code_verifier", strings.Repeat("x", 43)}, invalidGrant},
		"no verifier":            {[]string{"code_verifier", ""}, invalidGrant},
		"challenge as verifier":  {[]string{"code_verifier", challengeOf(testVerifier)}, invalidGrant},
		"verifier and more":      {[]string{"code_verifier", testVerifier + "x"}, invalidGrant},
		"verifier and space":     {[]string{"code_verifier", testVerifier + " "}, invalidGrant},
		"other client":           {[]string{"client_id", other}, invalidGrant},
		"other redirect":         {[]string{"redirect_uri", "https://app.example/cb"}, invalidGrant},
		"other port":             {[]string{"redirect_uri", "http://127.0.0.1:4712/callback"}, invalidGrant},
		"other resource":         {[]string{"resource", f.s.ResourceServer.OtherEndpoint()}, invalidTarget},
		"unknown resource":       {[]string{"resource", "https://elsewhere.example/"}, invalidTarget},
		"other code":             {[]string{"code", "guess"}, invalidGrant},
		"no code":                {[]string{"code", ""}, invalidGrant},
		"grant type in capitals": {[]string{"grant_type", "AUTHORIZATION_CODE"}, unsupportedGrant},
		"no grant type":          {[]string{"grant_type", ""}, invalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			f := &flow{t: t, s: f.s, b: browse(t, f.s), id: f.id}
			code := f.code()
			wantError(t, f.redeem(code, tt.change...), http.StatusBadRequest, tt.want)
			wantOK(t, f.redeem(code)) // what was wrong did not use it up
		})
	}
	wantOK(t, f.redeem(f.code(), "redirect_uri", "")) // OAuth 2.1
}

func TestCodeReplay(t *testing.T) {
	f := newFlow(t, Options{})
	code := f.code()
	first := f.redeem(code)
	wantOK(t, first)
	wantError(t, f.redeem(code, "code_verifier", strings.Repeat("x", 43)), http.StatusBadRequest, invalidGrant)
	second := f.refresh(first.text("refresh_token"))
	wantOK(t, second) // a replay by somebody who merely saw the code does no harm
	wantError(t, f.redeem(code), http.StatusBadRequest, invalidGrant)
	wantError(t, f.refresh(second.text("refresh_token")), http.StatusBadRequest, invalidGrant)
}

func TestCodeExpires(t *testing.T) {
	f := newFlow(t, Options{})
	code := f.code()
	f.s.AuthServer.now = func() time.Time { return time.Now().Add(61 * time.Second) }
	wantError(t, f.redeem(code), http.StatusBadRequest, invalidGrant)
}

func TestRefresh(t *testing.T) {
	f := newFlow(t, Options{})
	first := f.tokens().text("refresh_token")
	for name, tt := range map[string]struct {
		change []string
		want   string
	}{
		"wider scope":    {[]string{"scope", "notes.read upstream.read"}, invalidScope},
		"other resource": {[]string{"resource", f.s.ResourceServer.OtherEndpoint()}, invalidTarget},
		"other client":   {[]string{"client_id", registerClient(t, f.s, testClient).text("client_id")}, invalidGrant},
		"garbage":        {[]string{"refresh_token", "garbage"}, invalidGrant},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, f.refresh(first, tt.change...), http.StatusBadRequest, tt.want)
		})
	}
	narrow := f.refresh(first, "scope", "notes.read")
	if wantOK(t, narrow); narrow.text("scope") != "notes.read" {
		t.Errorf("scope %q", narrow.text("scope"))
	}
	full := f.refresh(narrow.text("refresh_token"))
	if wantOK(t, full); full.text("scope") != "notes.read notes.write" {
		t.Errorf("narrowing sticks: %q", full.text("scope"))
	}
	if c := claims(t, full.text("access_token")); c["aud"] != f.s.ResourceServer.Endpoint() {
		t.Errorf("aud %v", c["aud"])
	}
	wantError(t, f.refresh(first), http.StatusBadRequest, invalidGrant) // reuse
	wantError(t, f.refresh(full.text("refresh_token")), http.StatusBadRequest, invalidGrant)
}

func TestRefreshEndsWithGrant(t *testing.T) {
	f := newFlow(t, Options{RefreshTokenLifetime: time.Hour})
	token := f.tokens().text("refresh_token")
	f.s.AuthServer.now = func() time.Time { return time.Now().Add(40 * time.Minute) }
	next := f.refresh(token)
	wantOK(t, next)
	f.s.AuthServer.now = func() time.Time { return time.Now().Add(61 * time.Minute) }
	wantError(t, f.refresh(next.text("refresh_token")), http.StatusBadRequest, invalidGrant)
}

func TestResourceDefaults(t *testing.T) {
	f := newFlow(t, Options{})
	r := f.redeem(f.code("resource", ""))
	if c := claims(t, r.text("access_token")); c["aud"] != f.s.ResourceServer.Endpoint() {
		t.Errorf("aud %v", c["aud"])
	}
	wantError(t, f.redeem(f.code("resource", ""), "resource", f.s.ResourceServer.OtherEndpoint()), http.StatusBadRequest, invalidTarget)
	other := f.redeem(f.code("resource", f.s.ResourceServer.OtherEndpoint()))
	if c := claims(t, other.text("access_token")); c["aud"] != f.s.ResourceServer.OtherEndpoint() {
		t.Errorf("aud %v", c["aud"])
	}
	shouted := strings.Replace(f.s.ResourceServer.Endpoint(), "http:", "HTTP:", 1)
	if c := claims(t, f.redeem(f.code("resource", shouted)).text("access_token")); c["aud"] != f.s.ResourceServer.Endpoint() {
		t.Errorf("aud %v for a scheme in capitals", c["aud"])
	}
}

func TestIDToken(t *testing.T) {
	f := newFlow(t, Options{})
	r := f.redeem(f.code("scope", "openid notes.read", "nonce", "n-1"))
	c := claims(t, r.text("id_token"))
	if c["aud"] != f.id || c["nonce"] != "n-1" || c["iss"] != f.s.AuthServer.Issuer() || c["sub"] != "alice" {
		t.Errorf("claims %v", c)
	}
}

func TestTokenRequestForm(t *testing.T) {
	f := newFlow(t, Options{})
	endpoint := f.s.AuthServer.Issuer() + "/token"
	form := redemption(f.id, f.code())
	if r := call(t, "GET", endpoint+"?"+form.Encode(), "", ""); r.doc["access_token"] != nil || r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d %s", r.StatusCode, r.raw)
	}
	wantError(t, post(t, endpoint+"?"+form.Encode(), url.Values{}), http.StatusUnauthorized, invalidClient)
	wantError(t, call(t, "POST", endpoint, "application/json", `{"grant_type":"authorization_code"}`), http.StatusBadRequest, invalidRequest)
	twice := with(form)
	twice["code"] = append(twice["code"], "other")
	wantError(t, f.token(twice), http.StatusBadRequest, invalidRequest)
	wantError(t, f.token(with(form, "pad", strings.Repeat("x", maxRequest))), http.StatusBadRequest, invalidRequest)
	r := f.token(with(form, "unknown", "1"))
	if wantOK(t, r); r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("type %q", r.Header.Get("Content-Type"))
	}
}

func basicAuth(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

func TestClientAuthentication(t *testing.T) {
	f := newFlow(t, Options{})
	preset := map[string]Client{}
	for _, c := range f.s.AuthServer.Clients() {
		preset[c.ID] = c
	}
	code := func(id string) url.Values {
		return with(redemption(id, f.code("client_id", id)), "client_id", "")
	}
	endpoint := f.s.AuthServer.Issuer() + "/token"
	b, p, j := preset[BasicClient], preset[PostClient], preset[AssertionClient]

	wantOK(t, post(t, endpoint, code(b.ID), "Authorization", basicAuth(b.ID, b.Secret)))
	wantOK(t, post(t, endpoint, with(code(p.ID), "client_id", p.ID, "client_secret", p.Secret)))
	wantOK(t, post(t, endpoint, with(code(PublicClient), "client_id", PublicClient)))

	wrong := post(t, endpoint, code(b.ID), "Authorization", basicAuth(b.ID, "wrong"))
	if wantError(t, wrong, http.StatusUnauthorized, invalidClient); !strings.HasPrefix(wrong.Header.Get("WWW-Authenticate"), "Basic") {
		t.Errorf("challenge %q", wrong.Header.Get("WWW-Authenticate"))
	}
	wantError(t, post(t, endpoint, with(code(b.ID), "client_id", b.ID)), http.StatusUnauthorized, invalidClient)
	wantError(t, post(t, endpoint, with(code(b.ID), "client_id", b.ID, "client_secret", b.Secret)), http.StatusUnauthorized, invalidClient)
	both := with(code(b.ID), "client_id", b.ID, "client_secret", b.Secret)
	wantError(t, post(t, endpoint, both, "Authorization", basicAuth(b.ID, b.Secret)), http.StatusBadRequest, invalidRequest)

	assertion := func(change map[string]any) string {
		c := tokens.Claims{
			"iss": j.ID, "sub": j.ID, "aud": f.s.AuthServer.Issuer(), "jti": secret(), "exp": time.Now().Add(time.Minute).Unix(),
		}
		for name, value := range change {
			c[name] = value
		}
		signed, err := j.Key.Sign("JWT", c)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	with1 := func(a string) url.Values {
		return with(code(j.ID), "client_assertion_type", assertionType, "client_assertion", a)
	}
	good := assertion(nil)
	wantOK(t, post(t, endpoint, with1(good)))
	wantError(t, post(t, endpoint, with1(good)), http.StatusUnauthorized, invalidClient) // once
	wantOK(t, post(t, endpoint, with1(assertion(map[string]any{"aud": []string{endpoint}}))))
	for name, change := range map[string]map[string]any{
		"audience": {"aud": "https://elsewhere.example"}, "several audiences": {"aud": []string{f.s.AuthServer.Issuer(), "x"}},
		"issuer": {"iss": "other"}, "subject": {"sub": b.ID}, "expired": {"exp": time.Now().Add(-time.Minute).Unix()},
		"far": {"exp": time.Now().Add(48 * time.Hour).Unix()}, "no id": {"jti": ""},
	} {
		if r := post(t, endpoint, with1(assertion(change))); r.doc["access_token"] != nil {
			t.Errorf("assertion with wrong %s accepted", name)
		}
	}
}

func TestMachineToken(t *testing.T) {
	s := start(t, Options{})
	form := url.Values{"grant_type": {grantMachine}, "scope": {"notes.read"}}
	endpoint := s.AuthServer.Issuer() + "/token"
	machine := *s.AuthServer.preset[MachineClient]
	r := post(t, endpoint, form, "Authorization", basicAuth(machine.ID, machine.Secret))
	if wantOK(t, r); r.doc["refresh_token"] != nil || claims(t, r.text("access_token"))["sub"] != machine.ID {
		t.Errorf("token %s", r.raw)
	}
	b := s.AuthServer.preset[BasicClient]
	wantError(t, post(t, endpoint, form, "Authorization", basicAuth(b.ID, b.Secret)), http.StatusBadRequest, unauthorizedClient)
	wantError(t, post(t, endpoint, with(form, "client_id", PublicClient)), http.StatusBadRequest, unauthorizedClient)
}

func TestExchange(t *testing.T) {
	f := newFlow(t, Options{})
	r := f.tokens("scope", "notes.read upstream.read")
	endpoint := f.s.AuthServer.Issuer() + "/token"
	auth := basicAuth(ResourceServerClient, f.s.AuthServer.resourceServerSecret())
	form := url.Values{
		"grant_type": {grantExchange}, "subject_token": {r.text("access_token")},
		"subject_token_type": {tokenTypeAccess}, "resource": {f.s.Upstream.URL()},
	}
	x := post(t, endpoint, form, "Authorization", auth)
	wantOK(t, x)
	c := claims(t, x.text("access_token"))
	if c["aud"] != f.s.Upstream.URL() || c["sub"] != "alice" || c["client_id"] != ResourceServerClient || c["scope"] != "upstream.read" || c["act"] == nil {
		t.Errorf("claims %v", c)
	}
	for name, change := range map[string][]string{
		"target":        {"resource", f.s.ResourceServer.Endpoint()},
		"scope":         {"scope", "notes.read"},
		"token":         {"subject_token", "garbage"},
		"refresh token": {"subject_token", r.text("refresh_token")},
		"own result":    {"subject_token", x.text("access_token")},
		"no scope":      {"subject_token", f.tokens("scope", "notes.read").text("access_token")},
	} {
		if r := post(t, endpoint, with(form, change...), "Authorization", auth); r.doc["access_token"] != nil {
			t.Errorf("exchange with wrong %s: %s", name, r.raw)
		}
	}
	wantError(t, f.token(with(form, "client_id", f.id)), http.StatusBadRequest, unauthorizedClient)
}

func TestRevocation(t *testing.T) {
	f := newFlow(t, Options{})
	other := registerClient(t, f.s, testClient).text("client_id")
	revoke := func(form url.Values) *reply { return post(t, f.s.AuthServer.Issuer()+"/revoke", form) }
	auth := basicAuth(ResourceServerClient, f.s.AuthServer.resourceServerSecret())
	active := func(token string) any {
		return post(t, f.s.AuthServer.Issuer()+"/introspect", url.Values{"token": {token}}, "Authorization", auth).doc["active"]
	}
	r := f.tokens()
	access, refresh := r.text("access_token"), r.text("refresh_token")
	if got := revoke(url.Values{"client_id": {other}, "token": {refresh}}).StatusCode; got != http.StatusOK || active(access) != true {
		t.Errorf("another client's token: %d, then active %v", got, active(access))
	}
	if got := revoke(url.Values{"client_id": {f.id}, "token": {"unknown"}}).StatusCode; got != http.StatusOK {
		t.Errorf("unknown token: %d", got)
	}
	wantError(t, revoke(url.Values{"client_id": {f.id}}), http.StatusBadRequest, invalidRequest)
	wantError(t, revoke(url.Values{"token": {refresh}}), http.StatusUnauthorized, invalidClient)
	next := f.refresh(refresh)
	revoke(url.Values{"client_id": {f.id}, "token": {next.text("refresh_token")}, "token_type_hint": {"access_token"}})
	wantError(t, f.refresh(next.text("refresh_token")), http.StatusBadRequest, invalidGrant)
	if active(access) != false || active(next.text("access_token")) != false {
		t.Error("access tokens outlive their grant")
	}
	public := post(t, f.s.AuthServer.Issuer()+"/introspect", url.Values{"token": {access}, "client_id": {f.id}})
	wantError(t, public, http.StatusUnauthorized, invalidClient)
}

package reference

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/reference/variant"
)

func TestAuthorizeRefuses(t *testing.T) {
	f := newFlow(t, Options{})
	for name, tt := range map[string]struct {
		change []string
		want   string // error at the client; "page" if nothing may be sent
	}{
		"unknown client":       {[]string{"client_id", "nobody"}, "page"},
		"no client":            {[]string{"client_id", ""}, "page"},
		"other redirect":       {[]string{"redirect_uri", "https://evil.example/cb"}, "page"},
		"no redirect of two":   {[]string{"redirect_uri", ""}, "page"},
		"response type absent": {[]string{"response_type", ""}, invalidRequest},
		"implicit":             {[]string{"response_type", "token"}, unsupportedResponse},
		"hybrid":               {[]string{"response_type", "code id_token"}, unsupportedResponse},
		"fragment":             {[]string{"response_mode", "fragment"}, invalidRequest},
		"no challenge":         {[]string{"code_challenge", ""}, invalidRequest},
		"no method":            {[]string{"code_challenge_method", ""}, invalidRequest},
		"plain":                {[]string{"code_challenge_method", "plain"}, invalidRequest},
		"method in lower case": {[]string{"code_challenge_method", "s256"}, invalidRequest},
		"short challenge":      {[]string{"code_challenge", challengeOf(testVerifier)[1:]}, invalidRequest},
		"padded challenge":     {[]string{"code_challenge", challengeOf(testVerifier) + "="}, invalidRequest},
		"unknown scope":        {[]string{"scope", "notes.read root"}, invalidScope},
		"privileged scope":     {[]string{"scope", "admin"}, invalidScope},
		"unknown resource":     {[]string{"resource", "https://elsewhere.example/mcp"}, invalidTarget},
		"upstream resource":    {[]string{"resource", f.s.Upstream.URL()}, invalidTarget},
		"relative resource":    {[]string{"resource", "/mcp"}, invalidTarget},
		"resource fragment":    {[]string{"resource", f.s.ResourceServer.Endpoint() + "#x"}, invalidTarget},
		"resource slash":       {[]string{"resource", f.s.ResourceServer.Endpoint() + "/"}, invalidTarget},
		"request object":       {[]string{"request", "e30.e30."}, requestNotSupported},
	} {
		t.Run(name, func(t *testing.T) {
			f := &flow{t: t, s: f.s, b: browse(t, f.s), id: f.id}
			l := f.b.authorize(f.request(tt.change...))
			if tt.want == "page" {
				if l.redirect != "" || l.StatusCode != http.StatusBadRequest {
					t.Errorf("answered %d, redirected to %q", l.StatusCode, l.redirect)
				}
				return
			}
			p := l.params(t)
			if p.Get("error") != tt.want || p.Get("code") != "" || p.Get("iss") != f.s.AuthServer.Issuer() || p.Get("state") != "a state & more" {
				t.Errorf("answered %v", p)
			}
		})
	}
}

func TestAuthorizeRefusesDuplicates(t *testing.T) {
	f := newFlow(t, Options{})
	for _, name := range []string{"client_id", "redirect_uri", "state", "scope", "code_challenge"} {
		q := f.request()
		q[name] = append(q[name], q[name][0])
		l := f.b.authorize(q)
		if l.redirect != "" && l.params(t).Get("error") != invalidRequest {
			t.Errorf("two %s: %s", name, l.redirect)
		}
	}
	q := f.request()
	q["resource"] = []string{f.s.ResourceServer.Endpoint(), f.s.ResourceServer.OtherEndpoint()}
	if f.b.authorize(q).params(t).Get("code") == "" {
		t.Error("two known resources are refused")
	}
}

func TestErrorsWaitForLogin(t *testing.T) {
	f := newFlow(t, Options{})
	l := f.b.open(f.request("scope", "nonsense"))
	if l.redirect != "" || !strings.Contains(l.body, `autocomplete="current-password"`) {
		t.Errorf("a self-registered client is answered before login: %d %s", l.StatusCode, l.redirect)
	}
	preset := f.b.open(with(f.request("scope", "nonsense"), "client_id", PublicClient))
	if preset.params(t).Get("error") != invalidScope {
		t.Errorf("a client of the operator: %s", preset.redirect)
	}
}

func TestPromptNone(t *testing.T) {
	f := newFlow(t, Options{})
	if l := f.b.open(f.request("prompt", "none")); l.redirect != "" {
		t.Errorf("before login: %s", l.redirect)
	}
	f.code()
	if got := f.b.open(f.request("prompt", "none")).params(t).Get("error"); got != consentRequired {
		t.Errorf("without consent: %q", got)
	}
	trusted := with(f.request(), "client_id", BasicClient)
	if f.b.authorize(trusted).params(t).Get("code") == "" {
		t.Fatal("no code for a registered client")
	}
	if f.b.open(with(trusted, "prompt", "none")).params(t).Get("code") == "" {
		t.Error("remembered consent of a client that authenticates does not count")
	}
	if got := f.b.open(with(trusted, "prompt", "none", "scope", "notes.write")).params(t).Get("error"); got != consentRequired {
		t.Errorf("consent for another scope: %q", got)
	}
}

func TestFreshLogin(t *testing.T) {
	f := newFlow(t, Options{})
	f.code()
	if l := f.b.open(f.request()); !strings.Contains(l.body, `action="consent"`) {
		t.Error("a signed-in user has to sign in again")
	}
	for _, change := range [][]string{{"prompt", "login"}, {"max_age", "0"}} {
		if l := f.b.open(f.request(change...)); !strings.Contains(l.body, `action="login"`) {
			t.Errorf("%v: no login page", change)
		}
		if f.code(change...) == "" {
			t.Errorf("%v: no code after login", change)
		}
	}
}

func TestDeny(t *testing.T) {
	f := newFlow(t, Options{})
	l := f.b.submit(f.b.open(f.request()), url.Values{
		"username": {"alice"}, "password": {"correct-horse-7"}, "decision": {"allow"},
	})
	p := f.b.submit(l, url.Values{"decision": {"deny"}}).params(t)
	if p.Get("error") != accessDenied || p.Get("iss") == "" || p.Get("state") == "" {
		t.Errorf("denying: %v", p)
	}
	p = f.b.submit(f.b.open(f.request("prompt", "login")), url.Values{"decision": {"deny"}}).params(t)
	if p.Get("error") != accessDenied {
		t.Errorf("cancelling: %v", p)
	}
}

func TestWrongPassword(t *testing.T) {
	f := newFlow(t, Options{})
	l := f.b.open(f.request())
	for range maxLoginAttempts - 1 {
		l = f.b.submit(l, url.Values{"username": {"alice"}, "password": {"guess"}, "decision": {"allow"}})
		if l.StatusCode != http.StatusUnauthorized || !strings.Contains(l.body, "wrong") {
			t.Fatalf("answered %d", l.StatusCode)
		}
	}
	l = f.b.submit(l, url.Values{"username": {"alice"}, "password": {"guess"}, "decision": {"allow"}})
	if strings.Contains(l.body, "<form") || l.redirect != "" {
		t.Error("guessing goes on")
	}
}

func TestTransactionsBelongToTheirBrowser(t *testing.T) {
	f := newFlow(t, Options{})
	login := f.b.open(f.request())
	other := browse(t, f.s)
	if l := other.do(other.request("GET", login.Request.URL.String(), "")); strings.Contains(l.body, "<form") {
		t.Error("another browser can continue by the URL")
	}
	other.open(f.request())
	l := other.submit(login, url.Values{"username": {"bob"}, "password": {"battery-staple-9"}, "decision": {"allow"}})
	if l.redirect != "" || strings.Contains(l.body, "<form") {
		t.Error("another browser can submit the form")
	}
	forged := strings.Replace(login.body, `name="csrf" value="`, `name="csrf" value="x`, 1)
	login.body = forged
	if l := f.b.submit(login, url.Values{"username": {"alice"}, "password": {"correct-horse-7"}}); strings.Contains(l.body, "<form") {
		t.Error("the form works without its token")
	}
}

func TestSessionChangesAtLogin(t *testing.T) {
	f := newFlow(t, Options{})
	session := func() string {
		u, err := url.Parse(f.s.AuthServer.Issuer())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.b.client.Jar.Cookies(u) {
			if strings.HasPrefix(c.Name, sessionCookie) {
				return c.Value
			}
		}
		return ""
	}
	f.code()
	first := session()
	f.code("prompt", "login")
	if second := session(); first == "" || second == "" || first == second {
		t.Errorf("the session stays %q", second)
	}
}

func TestPageHeaders(t *testing.T) {
	f := newFlow(t, Options{})
	l := f.b.open(f.request("redirect_uri", "https://app.example/cb"))
	for name, want := range map[string]string{
		"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "",
	} {
		if got := l.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	policy := l.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'self' https://app.example") {
		t.Errorf("policy: %s", policy)
	}
	for _, c := range f.b.seen[0].Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %s is not protected", c.Name)
		}
	}
}

func TestNamesAreEscaped(t *testing.T) {
	s := start(t, Options{})
	r := registerClient(t, s, `{"client_name":"<script>alert(1)</script>","redirect_uris":["http://127.0.0.1/callback"]}`)
	l := browse(t, s).open(soundRequest(r.text("client_id"), s))
	if strings.Contains(l.body, "<script>") || !strings.Contains(l.body, "&lt;script&gt;") {
		t.Errorf("the name is not escaped: %s", l.body)
	}
}

func TestVariantsOfTheFlow(t *testing.T) {
	for _, v := range variant.All() {
		switch v {
		case variant.NoRegistration, variant.ScriptedRedirect, variant.ScriptedLogin, variant.TLS, variant.PAROnly, variant.Proxy:
			continue // have tests of their own, or need a browser
		}
		t.Run(v.ID, func(t *testing.T) {
			f := newFlow(t, Options{Variants: []variant.Variant{v}})
			r := f.tokens()
			if got := r.text("refresh_token") == ""; got != (v == variant.NoRefreshTokens) {
				t.Errorf("refresh token missing: %t", got)
			}
			if got := strings.Count(r.text("access_token"), ".") == 0; got != (v == variant.OpaqueTokens) {
				t.Errorf("opaque token: %t", got)
			}
		})
	}
}

func TestScriptedRedirect(t *testing.T) {
	f := newFlow(t, Options{Variants: []variant.Variant{variant.ScriptedRedirect}})
	l := f.b.authorize(f.request())
	if l.redirect != "" || !strings.Contains(l.body, "location.replace(") || !strings.Contains(l.Header.Get("Content-Security-Policy"), "script-src 'nonce-") {
		t.Errorf("answered %d %s", l.StatusCode, l.body)
	}
}

func TestScriptedLogin(t *testing.T) {
	f := newFlow(t, Options{Variants: []variant.Variant{variant.ScriptedLogin}})
	l := f.b.open(f.request())
	if strings.Contains(l.body, "<form") || !strings.Contains(l.Header.Get("Content-Security-Policy"), "connect-src 'self'") {
		t.Errorf("answered %d %s", l.StatusCode, l.body)
	}
}

func TestErrorPageVariant(t *testing.T) {
	f := newFlow(t, Options{Variants: []variant.Variant{variant.ErrorPage}})
	if l := f.b.authorize(f.request("scope", "nonsense")); l.redirect != "" {
		t.Errorf("redirected to %s", l.redirect)
	}
}

func TestMetadataLocations(t *testing.T) {
	for name, tt := range map[string]struct {
		variants []variant.Variant
		found    []string
		missing  []string
	}{
		"plain": {nil, []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}, nil},
		"path": {
			[]variant.Variant{variant.PathIssuer},
			[]string{
				"/.well-known/oauth-authorization-server/tenants/acme",
				"/.well-known/openid-configuration/tenants/acme", "/tenants/acme/.well-known/openid-configuration",
			},
			[]string{"/.well-known/oauth-authorization-server"},
		},
		"oidc": {
			[]variant.Variant{variant.OIDCOnly},
			[]string{"/.well-known/openid-configuration"}, []string{"/.well-known/oauth-authorization-server"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{Variants: tt.variants})
			for _, path := range tt.found {
				r := call(t, "GET", s.AuthServer.origin+path, "", "")
				if r.StatusCode != http.StatusOK || r.text("issuer") != s.AuthServer.Issuer() || r.Header.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("%s: %d %s", path, r.StatusCode, r.raw)
				}
			}
			for _, path := range tt.missing {
				if r := call(t, "GET", s.AuthServer.origin+path, "", ""); r.StatusCode != http.StatusNotFound {
					t.Errorf("%s: %d", path, r.StatusCode)
				}
			}
		})
	}
}

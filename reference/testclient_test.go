package reference

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const testVerifier = "a-verifier-that-is-long-enough-to-be-one-0123456789"

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A browser keeps cookies, follows redirects within the server, and stops at any other.
type browser struct {
	t      *testing.T
	as     *AuthServer
	client *http.Client
	seen   []*http.Response
}

// A page is a document or a redirect out of the server.
type landing struct {
	*http.Response
	body     string
	redirect string // out of the server
}

func (l *landing) params(t *testing.T) url.Values {
	t.Helper()
	u, err := url.Parse(l.redirect)
	if err != nil || l.redirect == "" {
		t.Fatalf("no redirect to the client but %d: %s", l.StatusCode, l.body)
	}
	return u.Query()
}

func browse(t *testing.T, s *Server) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, as: s.AuthServer, client: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (b *browser) do(req *http.Request) *landing {
	b.t.Helper()
	for range 10 {
		res, err := b.client.Do(req)
		if err != nil {
			b.t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			b.t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			b.t.Fatal(err)
		}
		b.seen = append(b.seen, res)
		location := res.Header.Get("Location")
		if location == "" {
			return &landing{Response: res, body: string(body)}
		}
		if !strings.HasPrefix(location, b.as.Issuer()+"/") {
			return &landing{Response: res, body: string(body), redirect: location}
		}
		req = b.request("GET", location, "")
	}
	b.t.Fatal("the server redirects in a circle")
	return nil
}

func (b *browser) request(method, target, body string) *http.Request {
	b.t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

func (b *browser) open(request url.Values) *landing {
	b.t.Helper()
	return b.do(b.request("GET", b.as.Issuer()+"/authorize?"+request.Encode(), ""))
}

var (
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	action = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
)

// submit fills in the form of a page.
func (b *browser) submit(l *landing, values url.Values) *landing {
	b.t.Helper()
	form := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(l.body, -1) {
		form.Set(field[1], html.UnescapeString(field[2]))
	}
	for name, value := range values {
		form[name] = value
	}
	target := action.FindStringSubmatch(l.body)
	if target == nil {
		b.t.Fatalf("no form on the page: %d %s", l.StatusCode, l.body)
	}
	where, err := l.Request.URL.Parse(target[1])
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(b.request("POST", where.String(), form.Encode()))
}

// authorize goes the whole way: login and consent where asked.
func (b *browser) authorize(request url.Values) *landing {
	b.t.Helper()
	names := b.as.fields()
	l := b.open(request)
	if strings.Contains(l.body, `action="login"`) {
		l = b.submit(l, url.Values{
			names.User: {"alice"}, names.Password: {"correct-horse-7"}, names.Decision: {names.Yes},
		})
	}
	if strings.Contains(l.body, `action="consent"`) {
		l = b.submit(l, url.Values{names.Decision: {names.Yes}})
	}
	return l
}

// A reply is an answer in JSON.
type reply struct {
	*http.Response
	doc map[string]any
	raw string
}

func (r *reply) text(name string) string {
	text, _ := r.doc[name].(string)
	return text
}

func call(t *testing.T, method, target, contentType, body string, header ...string) *reply {
	t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	r := &reply{Response: res, raw: string(data)}
	_ = json.Unmarshal(data, &r.doc) // callers look at doc
	return r
}

func post(t *testing.T, target string, form url.Values, header ...string) *reply {
	t.Helper()
	return call(t, "POST", target, "application/x-www-form-urlencoded", form.Encode(), header...)
}

func registerClient(t *testing.T, s *Server, metadata string) *reply {
	t.Helper()
	return call(t, "POST", s.AuthServer.Issuer()+"/register", "application/json", metadata)
}

const (
	testRedirect = "http://127.0.0.1:4711/callback"
	testClient   = `{"client_name":"T","redirect_uris":["http://127.0.0.1/callback","https://app.example/cb"],
		"grant_types":["authorization_code","refresh_token"],"token_endpoint_auth_method":"none"}`
)

// soundRequest is an authorization request with nothing wrong.
func soundRequest(clientID string, s *Server) url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {testRedirect},
		"state": {"a state & more"}, "scope": {"notes.read notes.write"}, "resource": {s.ResourceServer.Endpoint()},
		"code_challenge": {challengeOf(testVerifier)}, "code_challenge_method": {"S256"},
	}
}

func redemption(clientID, code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {clientID}, "code": {code},
		"redirect_uri": {testRedirect}, "code_verifier": {testVerifier},
	}
}

func with(v url.Values, pairs ...string) url.Values {
	changed := url.Values{}
	for name, values := range v {
		changed[name] = values
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			changed.Del(pairs[i])
		} else {
			changed.Set(pairs[i], pairs[i+1])
		}
	}
	return changed
}

// flow is a registered client and a browser.
type flow struct {
	t  *testing.T
	s  *Server
	b  *browser
	id string
}

func newFlow(t *testing.T, o Options) *flow {
	t.Helper()
	s := start(t, o)
	r := registerClient(t, s, testClient)
	if r.StatusCode != http.StatusCreated {
		t.Fatalf("registration: %d %s", r.StatusCode, r.raw)
	}
	return &flow{t: t, s: s, b: browse(t, s), id: r.text("client_id")}
}

func (f *flow) request(pairs ...string) url.Values { return with(soundRequest(f.id, f.s), pairs...) }

// code gets a code by a sound request with the changes.
func (f *flow) code(pairs ...string) string {
	f.t.Helper()
	code := f.b.authorize(f.request(pairs...)).params(f.t).Get("code")
	if code == "" {
		f.t.Fatal("no code")
	}
	return code
}

func (f *flow) token(form url.Values) *reply {
	f.t.Helper()
	return post(f.t, f.s.AuthServer.Issuer()+"/token", form)
}

func (f *flow) redeem(code string, pairs ...string) *reply {
	f.t.Helper()
	return f.token(with(redemption(f.id, code), pairs...))
}

func (f *flow) refresh(token string, pairs ...string) *reply {
	f.t.Helper()
	return f.token(with(url.Values{
		"grant_type": {"refresh_token"}, "client_id": {f.id}, "refresh_token": {token},
	}, pairs...))
}

func (f *flow) tokens(pairs ...string) *reply {
	f.t.Helper()
	r := f.redeem(f.code(pairs...))
	wantOK(f.t, r)
	return r
}

func wantOK(t *testing.T, r *reply) {
	t.Helper()
	if r.StatusCode != http.StatusOK || r.text("access_token") == "" {
		t.Fatalf("no token: %d %s", r.StatusCode, r.raw)
	}
}

func wantError(t *testing.T, r *reply, status int, code string) {
	t.Helper()
	if r.StatusCode != status || r.text("error") != code || r.doc["access_token"] != nil {
		t.Errorf("answered %d %s, want %d %s", r.StatusCode, r.raw, status, code)
	}
}

// claims reads a token without checking it.
func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %s", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

package reference

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
)

func TestRegistration(t *testing.T) {
	s := start(t, Options{})
	r := registerClient(t, s, `{"redirect_uris":["https://app.example/cb"],"x_suite":1,"client_name#fr":"Z","skip_consent":true,"client_id":"mine","client_secret":"mine"}`)
	if r.StatusCode != http.StatusCreated || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("answered %d %s", r.StatusCode, r.raw)
	}
	if r.text("client_id") == "mine" || len(r.text("client_secret")) < 43 || r.doc["client_secret_expires_at"] == nil ||
		r.text("token_endpoint_auth_method") != authBasic || r.doc["x_suite"] != nil || r.text("scope") == "" ||
		fmt.Sprint(r.doc["grant_types"]) != "[authorization_code]" || fmt.Sprint(r.doc["response_types"]) != "[code]" {
		t.Errorf("registered %s", r.raw)
	}
	dropped := registerClient(t, s, `{"redirect_uris":["https://app.example/cb"],"grant_types":["authorization_code","client_credentials"],"scope":"notes.read admin","token_endpoint_auth_method":"none"}`)
	if fmt.Sprint(dropped.doc["grant_types"]) != "[authorization_code]" || dropped.text("scope") != "notes.read" || dropped.doc["client_secret"] != nil {
		t.Errorf("registered %s", dropped.raw)
	}
}

func TestRegistrationRefuses(t *testing.T) {
	s := start(t, Options{})
	keys, err := s.AuthServer.keys.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	private, err := s.AuthServer.keys.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	const uris = `"redirect_uris":["https://app.example/cb"]`
	for body, want := range map[string]string{
		``:                     invalidMetadata,
		`[]`:                   invalidMetadata,
		`{}`:                   invalidRedirectURI,
		`null`:                 invalidMetadata,
		`{"redirect_uris":[]}`: invalidRedirectURI,
		`{"redirect_uris":"https://app.example/cb"}`:                                                              invalidMetadata,
		`{"redirect_uris":["javascript:alert(1)"]}`:                                                               invalidRedirectURI,
		`{"Redirect_URIs":["https://app.example/cb"]}`:                                                            invalidRedirectURI,
		`{` + uris + `,"grant_types":["client_credentials"]}`:                                                     invalidMetadata,
		`{` + uris + `,"grant_types":["password"]}`:                                                               invalidMetadata,
		`{` + uris + `,"response_types":["token"]}`:                                                               invalidMetadata,
		`{` + uris + `,"scope":"admin"}`:                                                                          invalidMetadata,
		`{` + uris + `,"software_statement":"e30.e30."}`:                                                          unapprovedStatement,
		`{` + uris + `,"application_type":"desktop"}`:                                                             invalidMetadata,
		`{` + uris + `,"client_uri":"javascript:alert(1)"}`:                                                       invalidMetadata,
		`{` + uris + `,"token_endpoint_auth_method":"tls_client_auth"}`:                                           invalidMetadata,
		`{` + uris + `,"token_endpoint_auth_method":"private_key_jwt"}`:                                           invalidMetadata,
		`{` + uris + `,"jwks":{"keys":[]},"jwks_uri":"https://app.example/jwks"}`:                                 invalidMetadata,
		`{` + uris + `,"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[` + string(private) + `]}}`: invalidMetadata,
		`{` + uris + `,"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"oct","k":"AA"}]}}`:  invalidMetadata,
		`{` + uris + `,"client_name":"` + strings.Repeat("x", maxRequest) + `"}`:                                  invalidMetadata,
	} {
		if r := registerClient(t, s, body); r.StatusCode != http.StatusBadRequest || r.text("error") != want {
			t.Errorf("%.120s: answered %d %s", body, r.StatusCode, r.raw)
		}
	}
	good := registerClient(t, s, `{`+uris+`,"token_endpoint_auth_method":"private_key_jwt","jwks":`+string(keys)+`}`)
	if good.StatusCode != http.StatusCreated {
		t.Errorf("public keys: %d %s", good.StatusCode, good.raw)
	}
	if r := call(t, "GET", s.AuthServer.Issuer()+"/register", "", ""); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d %s", r.StatusCode, r.raw)
	}
}

func TestManagement(t *testing.T) {
	f := newFlow(t, Options{})
	a, b := registerClient(t, f.s, testClient), registerClient(t, f.s, testClient)
	uri, bearer := a.text("registration_client_uri"), "Bearer "+a.text("registration_access_token")
	for _, auth := range []string{"", "Bearer garbage", "Bearer " + b.text("registration_access_token"), "Bearer " + f.tokens().text("access_token")} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if r := call(t, method, uri, "application/json", testClient, "Authorization", auth); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s with %q: %d %s", method, auth, r.StatusCode, r.raw)
			}
		}
	}
	if r := call(t, "GET", uri, "", "", "Authorization", bearer); r.StatusCode != http.StatusOK || r.text("client_id") != a.text("client_id") {
		t.Errorf("GET: %d %s", r.StatusCode, r.raw)
	}
	put := func(body string) *reply {
		return call(t, "PUT", uri, "application/json", body, "Authorization", bearer)
	}
	id := a.text("client_id")
	for _, body := range []string{
		`{"redirect_uris":["https://new.example/cb"]}`,
		`{"client_id":"` + b.text("client_id") + `","redirect_uris":["https://new.example/cb"]}`,
		`{"client_id":"` + id + `","client_secret":"mine","redirect_uris":["https://new.example/cb"]}`,
		`{"client_id":"` + id + `","redirect_uris":["javascript:alert(1)"]}`,
		`{"client_id":"` + id + `"}`,
	} {
		if r := put(body); r.StatusCode != http.StatusBadRequest {
			t.Errorf("PUT %s: %d %s", body, r.StatusCode, r.raw)
		}
	}
	r := put(`{"client_id":"` + id + `","redirect_uris":["https://new.example/cb"],"token_endpoint_auth_method":"none"}`)
	if r.StatusCode != http.StatusOK || fmt.Sprint(r.doc["redirect_uris"]) != "[https://new.example/cb]" || r.doc["client_name"] != nil {
		t.Errorf("PUT: %d %s", r.StatusCode, r.raw)
	}
	if l := browse(t, f.s).open(soundRequest(id, f.s)); l.StatusCode != http.StatusBadRequest {
		t.Errorf("the replaced redirect URI still works: %d", l.StatusCode)
	}
}

func TestDeletionCascades(t *testing.T) {
	s := start(t, Options{})
	r := registerClient(t, s, testClient)
	f := &flow{t: t, s: s, b: browse(t, s), id: r.text("client_id")}
	first := f.tokens()
	code := f.code()
	auth := "Bearer " + r.text("registration_access_token")
	if d := call(t, "DELETE", r.text("registration_client_uri"), "", "", "Authorization", auth); d.StatusCode != http.StatusNoContent {
		t.Fatalf("DELETE: %d", d.StatusCode)
	}
	wantError(t, f.refresh(first.text("refresh_token")), http.StatusUnauthorized, invalidClient)
	wantError(t, f.redeem(code), http.StatusUnauthorized, invalidClient)
	look := post(t, s.AuthServer.Issuer()+"/introspect", url.Values{"token": {first.text("access_token")}},
		"Authorization", basicAuth(ResourceServerClient, s.AuthServer.resourceServerSecret()))
	if look.doc["active"] != false {
		t.Errorf("the access token is still active: %s", look.raw)
	}
}

func TestRegisteredKeysAreTheirs(t *testing.T) {
	s := start(t, Options{})
	key, err := tokens.NewIssuer("client")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := key.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	r := registerClient(t, s, `{"redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"private_key_jwt","jwks":`+string(keys)+`}`)
	if r.StatusCode != http.StatusCreated || r.doc["client_secret"] != nil || strings.Contains(r.raw, `"d"`) {
		t.Errorf("registered %d %s", r.StatusCode, r.raw)
	}
}

func TestShelfIsBounded(t *testing.T) {
	s := newShelf[int]()
	start, hour := time.Now(), time.Hour
	for i := range shelfSize + 10 {
		s.put(fmt.Sprint(i), i, start.Add(hour))
	}
	if len(s.values) != shelfSize || len(s.order) != shelfSize {
		t.Errorf("holds %d values", len(s.values))
	}
	if _, ok := s.get("0", start); ok {
		t.Error("the oldest is still there")
	}
	if !s.full(start) || s.full(start.Add(2*hour)) || len(s.values) != 0 {
		t.Error("what has expired takes up room")
	}
}

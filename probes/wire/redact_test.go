package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestRedactorKeepsNoSecret(t *testing.T) {
	const secret = "s3cr3t/with+odd=chars&more"
	tests := map[string]func(*Redactor) string{
		"Authorization": func(r *Redactor) string {
			return fmt.Sprint(r.Header(http.Header{"Authorization": {"Bearer " + secret}}))
		},
		"Cookie": func(r *Redactor) string {
			return fmt.Sprint(r.Header(http.Header{"Cookie": {"a=b; session=" + secret}}))
		},
		"Set-Cookie": func(r *Redactor) string {
			return fmt.Sprint(r.Header(http.Header{"Set-Cookie": {"session=" + secret + "; HttpOnly"}}))
		},
		"Location": func(r *Redactor) string {
			return fmt.Sprint(r.Header(http.Header{"Location": {"https://c/cb?code=" + url.QueryEscape(secret) + "&state=x"}}))
		},
		"form": func(r *Redactor) string {
			return r.Body("application/x-www-form-urlencoded", []byte("grant_type=x&code_verifier="+url.QueryEscape(secret)))
		},
		"JSON": func(r *Redactor) string {
			return r.Body("application/json", []byte(`{"a":[{"access_token":"`+secret+`"}]}`))
		},
		"JSON cut off": func(r *Redactor) string {
			return r.Body("application/json", []byte(`{"refresh_token": "`+secret+`", "scope": "a`))
		},
		"learned, raw":     func(r *Redactor) string { r.Learn("password", secret); return r.String("it was " + secret + "!") },
		"learned, escaped": func(r *Redactor) string { r.Learn("password", secret); return r.String("p=" + url.QueryEscape(secret)) },
		"learned long ago": func(r *Redactor) string {
			r.Learn("password", secret)
			for i := range 3 * mostRecent {
				r.Learn("code", fmt.Sprintf("another-secret-%d", i))
			}
			return r.String("it was " + secret + "!")
		},
		"a JWT that nobody named": func(r *Redactor) string { return r.String("x eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2VjcmV0 y") },
	}
	for name, redact := range tests {
		t.Run(name, func(t *testing.T) {
			redacted := redact(NewRedactor())
			for _, s := range []string{secret, url.QueryEscape(secret), "eyJzdWIiOiJhIn0"} {
				if strings.Contains(redacted, s) {
					t.Errorf("the secret is still there: %s", redacted)
				}
			}
			if !strings.Contains(redacted, "‹") {
				t.Errorf("no mark stands in its place: %s", redacted)
			}
		})
	}
}

func TestRedactorMarksEqualSecretsEqually(t *testing.T) {
	r := NewRedactor()
	if first, again := r.Learn("code", "one-long-secret"), r.Learn("code", "one-long-secret"); first != again {
		t.Error("one secret has two marks")
	}
	if r.Learn("code", "one-long-secret") == r.Learn("code", "other-long-secret") {
		t.Error("two secrets have one mark")
	}
	if r.Learn("code", "one-long-secret") == NewRedactor().Learn("code", "one-long-secret") {
		t.Error("a mark means something outside its run")
	}
}

func TestRedactorLeavesTheRest(t *testing.T) {
	const text = `{"error":"invalid_grant","code":"E1234567","scope":"notes.read"}`
	if got := NewRedactor().Body("application/json", []byte(text)); got != text {
		t.Errorf("%s became %s", text, got)
	}
}

func FuzzRedactor(f *testing.F) {
	f.Add("https://a/b?code=abcdefghij&state=1", `{"access_token":"abcdefghij"}`)
	f.Fuzz(func(t *testing.T, raw, body string) {
		r := NewRedactor()
		r.Learn("password", "fuzz-secret-value")
		if strings.Contains(r.URL(raw+"fuzz-secret-value"), "fuzz-secret-value") {
			t.Error("a learned secret stands in a URL")
		}
		_ = r.Body("application/json", []byte(body))
	})
}

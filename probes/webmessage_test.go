package probes

import (
	"strings"
	"testing"
)

// TestResponseIn finds codes in messages of any shape, and none where none is.
func TestResponseIn(t *testing.T) {
	for data, code := range map[string]string{
		`{"type":"authorization_response","response":{"code":"a","state":"s"}}`: "a",
		`{"code":"a"}`: "a",
		`["done",{"payload":"{\"code\":\"a\"}"}]`:    "a",
		`"https://client.example/cb?code=a&state=s"`: "a",
		`https://client.example/cb#code=a`:           "a",
		`code=a&state=s`:                             "a",
		`{"code":7}`:                                 "",
		`{"status":"ready"}`:                         "",
		`{"error":"login_required"}`:                 "",
		``:                                           "",
		`null`:                                       "",
		`%zz`:                                        "",
		strings.Repeat("[", 5000) + `{"code":"a"}` + strings.Repeat("]", 5000): "",
	} {
		if got := responseIn(data, messageDepth).Get("code"); got != code {
			t.Errorf("%.60s: %q, want %q", data, got, code)
		}
	}
}

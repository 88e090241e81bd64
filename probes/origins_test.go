package probes_test

import (
	"net/url"
	"testing"

	"github.com/mcpassay/mcpassay/probes"
)

func TestVisitLeaves(t *testing.T) {
	web := probes.Visit{URL: "https://as.example/authorize", RedirectURI: "http://127.0.0.1:4711/callback", Origins: []string{"https://login.example:443"}}
	own := probes.Visit{URL: "http://127.0.0.1:8080/authorize", RedirectURI: "http://127.0.0.1:8080/callback"}
	app := probes.Visit{URL: "https://as.example/authorize", RedirectURI: "com.example.app:/callback"}
	for _, c := range []struct {
		visit           probes.Visit
		url             string
		leaves, answers bool
	}{
		{web, "https://as.example/consent", false, false},
		{web, "HTTPS://AS.EXAMPLE:443/consent", false, false},
		{web, "https://login.example/consent", false, false},
		{web, "http://as.example/consent", true, false},
		{web, "https://as.example.evil.example/", true, false},
		{web, "https://as.example@evil.example/", true, false},
		{web, "http://127.0.0.1:4711/callback?code=c#f", true, true},
		{web, "http://127.0.0.1:9/callback", true, true},
		{web, "http://127.0.0.1:4711/other", true, false},
		{web, "http://localhost:4711/callback", true, false},
		{web, "cursor://x/callback", true, false},
		{web, "about:blank", false, false},
		{web, "javascript:void(0)", false, false},
		{own, "http://127.0.0.1:8080/consent", false, false},
		{own, "http://127.0.0.1:8080/callback?code=c", true, true},
		{own, "http://127.0.0.1:8081/callback?code=c", true, true},
		{app, "com.example.app:/callback?code=c", true, true},
		{app, "com.example.app:/elsewhere", true, false},
		{app, "com.example.app://callback", true, false},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.visit.Leaves(u); got != c.leaves {
			t.Errorf("%s to %s leaves: %t, want %t", c.visit.URL, c.url, got, c.leaves)
		}
		if got := c.visit.Answers(u); got != c.answers {
			t.Errorf("%s to %s answers: %t, want %t", c.visit.URL, c.url, got, c.answers)
		}
	}
}

func TestLandingParams(t *testing.T) {
	u, err := url.Parse("https://app.example/cb?state=s#code=a%2Bb")
	if err != nil {
		t.Fatal(err)
	}
	l := probes.Landing{Redirect: u, Form: url.Values{"iss": {"i"}}}
	params := l.Params()
	if params.Get("state") != "s" || params.Get("code") != "a+b" || params.Get("iss") != "i" {
		t.Errorf("params are %v", params)
	}
	if n := len((&probes.Landing{}).Params()); n != 0 {
		t.Errorf("a page has %d params", n)
	}
}

package probes

import (
	"net/http"
	"net/url"
	"testing"
)

const ownRedirect = "https://client.example/callback"

func TestAnswersAt(t *testing.T) {
	for name, c := range map[string]struct {
		landed, registered, asked string
		want                      bool
	}{
		"as registered":               {ownRedirect + "?code=1&state=2", ownRedirect, ownRedirect, true},
		"in the fragment":             {ownRedirect + "#code=1", ownRedirect, ownRedirect, true},
		"normalised":                  {ownRedirect + "?code=1", ownRedirect, ownRedirect + "/", true},
		"parameter kept":              {ownRedirect + "?x=1&code=1", ownRedirect, ownRedirect + "?x=1", false},
		"parameter dropped":           {ownRedirect + "?code=1", ownRedirect, ownRedirect + "?x=1", true},
		"response parameter injected": {ownRedirect + "?code=attacker&code=1", ownRedirect, ownRedirect + "?code=attacker", false},
		"registered query":            {ownRedirect + "?t=1&code=1", ownRedirect + "?t=1", ownRedirect + "?t=1", true},
		"registered query changed":    {ownRedirect + "?t=2&code=1", ownRedirect + "?t=1", ownRedirect + "?t=2", false},
		"registered query removed":    {ownRedirect + "?code=1", ownRedirect + "?t=1", ownRedirect, false},
		"fragment kept":               {ownRedirect + "#x?code=1", ownRedirect, ownRedirect + "#x", false},
		"fragment dropped":            {ownRedirect + "?code=1", ownRedirect, ownRedirect + "#x", true},
		"other path":                  {ownRedirect + "/?code=1", ownRedirect, ownRedirect + "/", false},
		"other scheme":                {"HTTPS://client.example/callback?code=1", ownRedirect, "HTTPS://client.example/callback", false},
		"other port":                  {"http://127.0.0.1:1/?code=1", "http://127.0.0.1:2/", "http://127.0.0.1:1/", false},
	} {
		if got := answersAt(c.landed, c.registered, c.asked); got != c.want {
			t.Errorf("%s: answersAt(%q, %q, %q) = %v", name, c.landed, c.registered, c.asked, got)
		}
	}
}

// arrived is a diversion to asked that ended at landed.
func arrived(t *testing.T, asked, landed string) *Diverted {
	t.Helper()
	u, err := url.Parse(landed)
	if err != nil {
		t.Fatal(err)
	}
	a := &Authorization{Request: &Request{Values: url.Values{"state": {"s1"}}}, Landing: &Landing{Redirect: u}}
	a.Params = a.Landing.Params()
	a.Code = a.Params.Get("code")
	return &Diverted{Diversion: Diversion{URI: asked}, Client: &Client{RedirectURIs: []string{ownRedirect}}, Authorization: a}
}

func TestEscaped(t *testing.T) {
	const evil = "https://attacker.example/x"
	for name, c := range map[string]struct {
		asked, landed string
		want          bool
	}{
		"code to the attacker":          {evil, evil + "?code=1", true},
		"error to the attacker":         {evil, evil + "?error=invalid_request", true},
		"nothing but the attacker":      {evil, evil, true},
		"error with our state":          {`https:\\attacker.example/x`, "https://elsewhere.example/?error=x&state=s1", true},
		"as browsers read it":           {"ht\ttps:\\\\attacker.example\\x", evil + "?error=x", true},
		"answered where registered":     {evil, ownRedirect + "?code=1", false},
		"an error page on another host": {evil, "https://status.example/oops?error=invalid_request", false},
	} {
		if got := arrived(t, c.asked, c.landed).Escaped(); got != c.want {
			t.Errorf("%s: %q landed at %q: Escaped() = %v", name, c.asked, c.landed, got)
		}
	}
	if (&Diverted{Authorization: &Authorization{Landing: &Landing{Page: &Page{}}}}).Escaped() {
		t.Error("a page is no escape")
	}
}

// TestLoopbackNormalised shows that answering at another port of the registered
// loopback host gives nothing to anybody else.
func TestLoopbackNormalised(t *testing.T) {
	for landed, want := range map[string]bool{
		"http://127.0.0.1:2/callback?code=1":               true,
		"http://127.0.0.1/callback?code=1":                 true,
		"http://127.0.0.1:2/other?code=1":                  false,
		"http://127.0.0.2:2/callback?code=1":               false,
		"https://127.0.0.1:2/callback?code=1":              false,
		"http://127.0.0.1:2@attacker.test/callback?code=1": false,
		"http://127.0.0.1.attacker.test:2/callback?code=1": false,
	} {
		v := arrived(t, "http://127.1:2/callback", landed)
		v.Client.RedirectURIs = []string{"http://127.0.0.1:1/callback"}
		if v.Normalised() != want || v.Escaped() == want {
			t.Errorf("%s: Normalised() = %v, Escaped() = %v", landed, v.Normalised(), v.Escaped())
		}
	}
}

func TestSpelt(t *testing.T) {
	for _, location := range []string{"HTTPS://client.example/callback?code=1", "https://client.example/./callback", "\thttps://client.example/a\tb "} {
		u, err := url.Parse(AsBrowsersRead(location))
		if err != nil {
			t.Fatal(err)
		}
		l := &Landing{Redirect: u.ResolveReference(u), Steps: []Step{
			{Header: http.Header{"Location": {"https://as.example/consent"}}}, {Header: http.Header{"Location": {location}}}, {},
		}}
		if got := l.Spelt(); got != location {
			t.Errorf("Spelt() = %q, not %q", got, location)
		}
	}
	u, _ := url.Parse("https://client.example/callback?code=1")
	l := &Landing{Redirect: u, Steps: []Step{{Header: http.Header{"Location": {"https://as.example/consent"}}}}}
	if got := l.Spelt(); got != u.String() {
		t.Errorf("redirected by script: Spelt() = %q", got)
	}
}

func TestAsBrowsersRead(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{" https://a.example/b\n", "https://a.example/b"},
		{"ht\ttps://a.example/", "https://a.example/"},
		{`https:\\a.example\b?c=\d`, `https://a.example/b?c=\d`},
		{`\\a.example\b`, "//a.example/b"},
		{`com.example.app:\b`, `com.example.app:\b`},
		{"https://a.example/b#c?d=e", "https://a.example/b#c?d=e"},
		{`HTTPS:\/a.example/`, "HTTPS://a.example/"},
		{"https://a.example/\u00e9", "https://a.example/\u00e9"},
		{"https://a.example/b?c=d\r\n", "https://a.example/b?c=d"},
	} {
		if got := AsBrowsersRead(c.raw); got != c.want {
			t.Errorf("AsBrowsersRead(%q) = %q, not %q", c.raw, got, c.want)
		}
	}
}

func TestBlockPage(t *testing.T) {
	page := func(status int, title, text string) *Authorization {
		return &Authorization{Landing: &Landing{Page: &Page{Status: status, Title: title, Text: text}}}
	}
	usual := page(400, "Error", "redirect_uri mismatch")
	for name, c := range map[string]struct {
		a, usual *Authorization
		want     bool
	}{
		"a firewall":                    {page(403, "Request blocked", "Reference 18.2f"), usual, true},
		"the server itself, saying why": {page(403, "Forbidden", "invalid_request: redirect URI"), usual, false},
		"the server as ever":            {page(403, "Forbidden", ""), page(403, "Forbidden", ""), false},
		"an ordinary refusal":           {page(400, "Bad Request", ""), usual, false},
		"too many requests":             {page(429, "", ""), usual, true},
	} {
		if got := blockPage(c.a, c.usual); got != c.want {
			t.Errorf("%s: blockPage = %v", name, got)
		}
	}
}

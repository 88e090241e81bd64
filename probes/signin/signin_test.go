package signin

import (
	"errors"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/probes"
)

var visit = probes.Visit{
	URL: "https://as.example/authorize", RedirectURI: "http://127.0.0.1:1/cb",
	User: probes.User{Name: "ada", Password: "lovelace-1815"},
}

func TestControlsTellTheirAnswer(t *testing.T) {
	for _, c := range []struct {
		control Control
		want    answer
	}{
		{Control{Label: "Allow"}, approves},
		{Control{Label: "ALLOW ACCESS"}, approves},
		{Control{Label: "Do not allow"}, denies},
		{Control{Label: "Don’t allow"}, denies},
		{Control{Label: "Yes, continue as Ada"}, approves},
		{Control{Label: "Continue with Example"}, unclear},
		{Control{Label: "Authorize Example MCP"}, approves},
		{Control{Label: "Accept all cookies"}, unclear},
		{Control{Label: "Zugriff verweigern"}, denies},
		{Control{Label: "Autoriser l’accès"}, approves},
		{Control{Label: "許可する"}, approves},
		{Control{Label: "拒否"}, denies},
		{Control{Label: "✓", Name: "consent", Value: "deny"}, denies},
		{Control{Label: "✓", Name: "submit_consent"}, approves},
		{Control{Label: "✓", Name: "consentAccepted", Value: "true"}, approves},
		{Control{Label: "✓", Name: "x", Value: "0"}, denies},
		{Control{Label: "Jes", Action: "https://as.example/consent/approve?x=deny"}, approves},
		{Control{Label: "Jes", Action: "https://as.example/consent"}, unclear},
		{Control{Label: "Sign out"}, unclear},
		{Control{Label: "Notebook"}, unclear},
	} {
		c.control.Kind = Button
		if got := c.control.tells(); got != c.want {
			t.Errorf("%+v tells %d, want %d", c.control, got, c.want)
		}
	}
}

func TestFieldsAreKnown(t *testing.T) {
	for _, c := range []struct {
		control Control
		want    role
	}{
		{Control{Type: "password", Name: "x"}, passwordRole},
		{Control{Type: "password", Label: "PIN"}, otherRole},
		{Control{Type: "password", Autocomplete: "new-password"}, otherRole},
		{Control{Type: "text", Label: "Passphrase"}, passwordRole},
		{Control{Type: "text", Autocomplete: "current-password"}, passwordRole},
		{Control{Type: "email", Name: "x"}, nameRole},
		{Control{Type: "text", Name: "loginName"}, nameRole},
		{Control{Type: "text", Name: "user_code"}, otherRole},
		{Control{Type: "text", Name: "otp"}, otherRole},
		{Control{Type: "search", Name: "user"}, otherRole},
		{Control{Type: "text", Name: "nickname"}, otherRole},
	} {
		c.control.Kind = Field
		if got := c.control.role(); got != c.want {
			t.Errorf("%+v is %d, want %d", c.control, got, c.want)
		}
	}
}

// loginView is a login page; consentView asks for consent.
func loginView() *View {
	return &View{URL: "https://as.example/login", Title: "Sign in", Controls: []Control{
		{Kind: Field, Type: "text", Name: "username"}, {Kind: Field, Type: "password", Name: "password"},
		{Kind: Button, Type: "submit", Label: "Cancel", Submits: true, Method: "post"},
		{Kind: Button, Type: "submit", Label: "Sign in", Submits: true, Method: "post"},
	}}
}

func consentView() *View {
	return &View{URL: "https://as.example/consent", Controls: []Control{
		{Kind: Button, Label: "Deny", Submits: true, Method: "post"},
		{Kind: Button, Label: "Allow", Submits: true, Method: "post"},
	}}
}

func TestGuideSignsInOnceAndConsents(t *testing.T) {
	g := Begin(&visit)
	m, err := g.Next(loginView())
	if err != nil || m.Purpose != Login || m.Press != 3 || len(m.Fill) != 2 {
		t.Fatalf("on a login page: %+v, %v", m, err)
	}
	if m.Fill[0].Value != "ada" || m.Fill[1].Value != "lovelace-1815" || strings.Contains(strings.Join(m.Said, " "), "lovelace") {
		t.Errorf("filled in %+v and said %q", m.Fill, m.Said)
	}
	if again, err := g.Next(loginView()); err != nil || again.Purpose != Login {
		t.Errorf("before the move is made, the same move is asked for again: %+v, %v", again, err)
	}
	g.Made(m)
	if _, err := g.Next(loginView()); !errors.Is(err, probes.ErrCredentialsRefused) || !strings.Contains(err.Error(), "as.example/login") {
		t.Errorf("the same login page again: %v", err)
	}
	upstream := loginView()
	upstream.URL = "https://upstream.example/login"
	if m, err := g.Next(upstream); err != nil || m.Purpose != Login {
		t.Errorf("another server's login page: %+v, %v", m, err)
	}
	if m, err := g.Next(consentView()); err != nil || m.Purpose != Consent || m.Press != 1 {
		t.Errorf("on a consent page: %+v, %v", m, err)
	}
}

func TestGuideRefuses(t *testing.T) {
	deny := visit
	deny.Deny = true
	if m, err := Begin(&deny).Next(consentView()); err != nil || m.Purpose != Consent || m.Press != 0 {
		t.Errorf("on a consent page: %+v, %v", m, err)
	}
	only := consentView()
	only.Controls = only.Controls[1:]
	if m, err := Begin(&deny).Next(only); err != nil || m.Purpose != Stay {
		t.Errorf("on a page that cannot be refused: %+v, %v", m, err)
	}
}

func TestGuideStaysWhereItKnowsNothing(t *testing.T) {
	challenged := loginView()
	challenged.Captcha = true
	for name, v := range map[string]*View{
		"captcha":     challenged,
		"empty":       {},
		"code":        {Controls: []Control{{Kind: Field, Type: "text", Name: "user_code"}, {Kind: Button, Label: "Continue", Submits: true, Method: "post"}}},
		"search":      {Controls: []Control{{Kind: Field, Type: "search", Name: "q", Form: 0}, {Kind: Button, Label: "Search", Submits: true, Method: "get"}}},
		"new account": {Controls: []Control{{Kind: Field, Type: "text", Name: "nick"}, {Kind: Field, Type: "password"}, {Kind: Field, Type: "password"}, {Kind: Button, Label: "Register", Submits: true, Method: "post"}}},
		"home":        {Controls: []Control{{Kind: Link, Label: "Back to the start", Action: "https://as.example/"}}},
	} {
		if m, err := Begin(&visit).Next(v); err != nil || m.Purpose != Stay {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestGuideGivesUp(t *testing.T) {
	g := Begin(&visit)
	for range maxPages {
		m, err := g.Next(consentView())
		if err != nil {
			t.Fatal(err)
		}
		g.Made(m)
	}
	if _, err := g.Next(consentView()); !errors.Is(err, probes.ErrLost) {
		t.Errorf("after %d pages: %v", maxPages, err)
	}
}

func TestRequestNamesFieldsOnly(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	if got := Request("POST", "https://as.example/login", form, []byte("password=secret&login=ada")); got != "POST https://as.example/login with login, password" {
		t.Errorf("said %q", got)
	}
	if got := Request("POST", "https://as.example/x", "application/json", []byte(`{"password":"secret"}`)); got != "POST https://as.example/x" {
		t.Errorf("said %q", got)
	}
}

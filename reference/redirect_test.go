package reference

import (
	"testing"

	"github.com/mcpassay/mcpassay/reference/fault"
)

const (
	registeredWeb      = "https://cb.suite.test/oauth/cb"
	registeredQuery    = "https://cb.suite.test/oauth/cb?tenant=1"
	registeredLoopback = "http://127.0.0.1:1111/cb"
	registeredPrivate  = "com.suite.app:/cb"
)

// TestRedirectsSoundly shows which redirect URIs match which registered ones.
func TestRedirectsSoundly(t *testing.T) {
	s := &AuthServer{}
	for _, tt := range []struct {
		registered, asked string
	}{
		{registeredWeb, registeredWeb},
		{registeredQuery, registeredQuery},
		{registeredPrivate, registeredPrivate},
		{registeredLoopback, "http://127.0.0.1:2222/cb"},
		{registeredLoopback, "http://127.0.0.1/cb"},
		{"http://127.0.0.1/cb", "http://127.0.0.1:65535/cb"},
		{"http://[::1]:1111/cb", "http://[::1]:2222/cb"},
		{"http://localhost/cb", "http://localhost:3000/cb"},
	} {
		if !s.redirectMatches(tt.asked, tt.registered) {
			t.Errorf("%s does not match %s", tt.asked, tt.registered)
		}
	}
	for _, m := range redirectMutations {
		if s.redirectMatches(m.asked, m.registered) {
			t.Errorf("%s matches %s", m.asked, m.registered)
		}
	}
}

// redirectMutations are wrong redirect URIs, with the fault that accepts them.
var redirectMutations = []struct {
	fault             fault.Fault
	registered, asked string
}{
	{fault.RedirectAny, registeredWeb, "https://evil.test/x"},
	{fault.RedirectScheme, registeredWeb, "http://cb.suite.test/oauth/cb"},
	{fault.RedirectScheme, registeredWeb, "com.evil.app://cb.suite.test/oauth/cb"},
	{fault.RedirectSchemeCase, registeredWeb, "HTTPS://cb.suite.test/oauth/cb"},
	{fault.RedirectHostCase, registeredWeb, "https://CB.suite.test/oauth/cb"},
	{fault.RedirectHostDot, registeredWeb, "https://cb.suite.test./oauth/cb"},
	{fault.RedirectDefaultPort, registeredWeb, "https://cb.suite.test:443/oauth/cb"},
	{fault.RedirectDefaultPort, registeredWeb, "https://cb.suite.test:/oauth/cb"},
	{fault.RedirectHostBeginning, registeredWeb, "https://cb.suite.test.evil.test/oauth/cb"},
	{fault.RedirectHostBeginning, registeredWeb, "https://cb.suite.testing.evil.test/oauth/cb"},
	{fault.RedirectHostEnd, registeredWeb, "https://evilcb.suite.test/oauth/cb"},
	{fault.RedirectSubdomain, registeredWeb, "https://evil.cb.suite.test/oauth/cb"},
	{fault.RedirectSibling, registeredWeb, "https://other.suite.test/oauth/cb"},
	{fault.RedirectSibling, registeredWeb, "https://suite.test/oauth/cb"},
	{fault.RedirectContains, registeredWeb, "https://evil.test/cb.suite.test/oauth/cb"},
	{fault.RedirectContains, registeredWeb, "https://evil.test/?https://cb.suite.test/oauth/cb"},
	{fault.RedirectUserinfo, registeredWeb, "https://x@cb.suite.test/oauth/cb"},
	{fault.RedirectUserinfoHost, registeredWeb, "https://cb.suite.test@evil.test/oauth/cb"},
	{fault.RedirectUserinfoHost, registeredWeb, "https://cb.suite.test:443@evil.test/oauth/cb"},
	{fault.RedirectUserinfoHost, registeredWeb, "https://cb.suite.test%40evil.test/oauth/cb"},
	{fault.RedirectPort, registeredWeb, "https://cb.suite.test:8443/oauth/cb"},
	{fault.RedirectHomograph, registeredWeb, "https://сb.suite.test/oauth/cb"},
	{fault.RedirectHomograph, registeredWeb, "https://xn--b-6tb.suite.test/oauth/cb"},
	{fault.RedirectHomograph, registeredWeb, "https://cb．suite.test/oauth/cb"},
	{fault.RedirectPath, registeredWeb, "https://cb.suite.test/elsewhere"},
	{fault.RedirectPathCase, registeredWeb, "https://cb.suite.test/oauth/CB"},
	{fault.RedirectTrailingSlash, registeredWeb, "https://cb.suite.test/oauth/cb/"},
	{fault.RedirectPrefix, registeredWeb, "https://cb.suite.test/oauth/cbevil"},
	{fault.RedirectPrefix, registeredWeb, "https://cb.suite.test/oauth/cb/evil"},
	{fault.RedirectParent, registeredWeb, "https://cb.suite.test/oauth/"},
	{fault.RedirectParent, registeredWeb, "https://cb.suite.test/"},
	{fault.RedirectMatrix, registeredWeb, "https://cb.suite.test/oauth/cb;x=1"},
	{fault.RedirectSlashes, registeredWeb, "https://cb.suite.test//oauth/cb"},
	{fault.RedirectDotSegments, registeredWeb, "https://cb.suite.test/oauth/./cb"},
	{fault.RedirectDotSegments, registeredWeb, "https://cb.suite.test/oauth/x/../cb"},
	{fault.RedirectTraversal, registeredWeb, "https://cb.suite.test/oauth/cb/../../evil"},
	{fault.RedirectTraversal, registeredWeb, "https://cb.suite.test/oauth/cb/%2e%2e/evil"},
	{fault.RedirectTraversal, registeredWeb, "https://cb.suite.test/oauth/cb/..%2fevil"},
	{fault.RedirectTraversal, registeredWeb, "https://cb.suite.test/oauth/cb/%252e%252e%252fevil"},
	{fault.RedirectTraversal, registeredWeb, `https://cb.suite.test/oauth/cb/..\evil`},
	{fault.RedirectTraversal, registeredWeb, "https://cb.suite.test/oauth/cb/%c0%ae%c0%ae/evil"},
	{fault.RedirectDecoded, registeredWeb, "https://cb.suite.test/oauth/%63b"},
	{fault.RedirectDecoded, registeredWeb, "https://cb.suite.test/oauth%2Fcb"},
	{fault.RedirectDecoded, registeredWeb, "https://%63b.suite.test/oauth/cb"},
	{fault.RedirectDecoded, registeredWeb, "https%3A%2F%2Fcb.suite.test%2Foauth%2Fcb"},
	{fault.RedirectQuery, registeredWeb, "https://cb.suite.test/oauth/cb?x=1"},
	{fault.RedirectQuery, registeredWeb, "https://cb.suite.test/oauth/cb?"},
	{fault.RedirectQuery, registeredQuery, "https://cb.suite.test/oauth/cb?tenant=2"},
	{fault.RedirectQuery, registeredQuery, "https://cb.suite.test/oauth/cb"},
	{fault.RedirectQueryAdded, registeredQuery, "https://cb.suite.test/oauth/cb?tenant=1&next=https://evil.test"},
	{fault.RedirectQueryAdded, registeredWeb, "https://cb.suite.test/oauth/cb?code=attacker"},
	{fault.RedirectFragment, registeredWeb, "https://cb.suite.test/oauth/cb#x"},
	{fault.RedirectFragment, registeredWeb, "https://cb.suite.test/oauth/cb#"},
	{fault.RedirectBackslash, registeredWeb, `https://cb.suite.test\@evil.test/oauth/cb`},
	{fault.RedirectBackslash, registeredWeb, `https://evil.test\@cb.suite.test/oauth/cb`},
	{fault.RedirectBackslash, registeredWeb, `https:\\evil.test/oauth/cb`},
	{fault.RedirectControl, registeredWeb, "ht\ttps://cb.suite.test/oauth/cb"},
	{fault.RedirectControl, registeredWeb, "https://cb.suite.test\n/oauth/cb"},
	{fault.RedirectTrimmed, registeredWeb, " https://cb.suite.test/oauth/cb"},
	{fault.RedirectTrimmed, registeredWeb, "https://cb.suite.test/oauth/cb "},
	{fault.RedirectNull, registeredWeb, "https://cb.suite.test%00.evil.test/oauth/cb"},
	{fault.RedirectNull, registeredWeb, "https://cb.suite.test/oauth/cb\x00.evil.test"},
	{fault.RedirectList, registeredWeb, "https://cb.suite.test/oauth/cb,https://evil.test"},
	{fault.RedirectList, registeredWeb, "https://cb.suite.test/oauth/cb https://evil.test"},
	{fault.RedirectRelative, registeredWeb, "//evil.test/oauth/cb"},
	{fault.RedirectRelative, registeredWeb, "https:///evil.test/oauth/cb"},
	{fault.RedirectRelative, registeredWeb, "https:evil.test/oauth/cb"},
	{fault.RedirectHostDelimiter, registeredWeb, "https://cb.suite.test;.evil.test/oauth/cb"},
	{fault.RedirectHostDelimiter, registeredWeb, "https://[cb.suite.test]@evil.test/"},
	{fault.RedirectWildcard, "https://*.suite.test/cb", "https://evil.suite.test/cb"},
	{fault.RedirectWildcard, "https://cb.suite.test/*", "https://cb.suite.test/evil"},
	{fault.RedirectRegexp, registeredWeb, "https://cbXsuite.test/oauth/cb"},

	{fault.LoopbackPath, registeredLoopback, "http://127.0.0.1:2222/other"},
	{fault.LoopbackQuery, registeredLoopback, "http://127.0.0.1:2222/cb?x=1"},
	{fault.LoopbackScheme, registeredLoopback, "https://127.0.0.1:2222/cb"},
	{fault.LoopbackHosts, registeredLoopback, "http://localhost:2222/cb"},
	{fault.LoopbackHosts, registeredLoopback, "http://[::1]:2222/cb"},
	{fault.LoopbackNumbers, registeredLoopback, "http://127.0.0.2:2222/cb"},
	{fault.LoopbackNumbers, registeredLoopback, "http://2130706433:2222/cb"},
	{fault.LoopbackNumbers, registeredLoopback, "http://127.1:2222/cb"},
	{fault.LoopbackNumbers, registeredLoopback, "http://[::ffff:127.0.0.1]:2222/cb"},
	{fault.LoopbackNumbers, registeredLoopback, "http://0.0.0.0:2222/cb"},
	{fault.LoopbackBeginning, registeredLoopback, "http://127.0.0.1:2222@evil.test/cb"},
	{fault.LoopbackBeginning, registeredLoopback, "http://127.0.0.1.evil.test:2222/cb"},

	{fault.PrivateSchemeBeginning, registeredPrivate, "com.suite.app.evil:/cb"},
	{fault.PrivateSchemeBeginning, registeredPrivate, "com.suite:/cb"},
	{fault.PrivateSchemeCase, registeredPrivate, "COM.SUITE.APP:/cb"},
	{fault.PrivateSchemePath, registeredPrivate, "com.suite.app:/cb/x"},
	{fault.PrivateSchemePath, registeredPrivate, "com.suite.app://cb"},
}

// TestRedirectMistakes shows that each fault accepts what it says, still accepts
// what is right, and nothing that has nothing to do with it.
func TestRedirectMistakes(t *testing.T) {
	tried := map[fault.Fault]bool{}
	for _, m := range redirectMutations {
		tried[m.fault] = true
		s := &AuthServer{faults: fault.Of(m.fault)}
		if !s.redirectMatches(m.asked, m.registered) {
			t.Errorf("%s: %s does not match %s", m.fault, m.asked, m.registered)
		}
		if !s.redirectMatches(m.registered, m.registered) {
			t.Errorf("%s: %s does not match itself", m.fault, m.registered)
		}
		if s.redirectMatches("https://unrelated.example/else", m.registered) && m.fault != fault.RedirectAny {
			t.Errorf("%s: anything matches %s", m.fault, m.registered)
		}
	}
	for f := range redirectMistakes {
		if !tried[f] {
			t.Errorf("%s is never tried", f)
		}
	}
}

func TestLoopbackPortFaults(t *testing.T) {
	for _, tt := range []struct {
		fault             fault.Fault
		registered, asked string
	}{
		{fault.LoopbackPortFixed, registeredLoopback, "http://127.0.0.1:2222/cb"},
		{fault.LoopbackPortRegistered, registeredLoopback, "http://127.0.0.1:2222/cb"},
		{fault.LoopbackIPv6Fixed, "http://[::1]/cb", "http://[::1]:2222/cb"},
		{fault.LoopbackNameFixed, "http://localhost/cb", "http://localhost:2222/cb"},
	} {
		s := &AuthServer{faults: fault.Of(tt.fault)}
		if s.redirectMatches(tt.asked, tt.registered) {
			t.Errorf("%s: the port is free", tt.fault)
		}
	}
}

func TestRedirectURIPolicy(t *testing.T) {
	s := &AuthServer{}
	for _, uri := range []string{
		"https://app.example/cb", "https://app.example:8443/cb?x=1", "http://127.0.0.1/cb", "http://127.0.0.1:3000/cb",
		"http://[::1]:3000/cb", "http://localhost:3000/cb", "com.example.app:/cb", "com.example.app://cb/x",
	} {
		if problem := s.redirectURIAllowed(uri, "native"); problem != nil {
			t.Errorf("%s: %s", uri, problem.description)
		}
	}
	for _, uri := range []string{
		"", "/cb", "cb", "//app.example/cb", "https:///cb", "https:app.example/cb", "https://app.example/cb#x", "https://app.example/cb#",
		"https://u:p@app.example/cb", "https://@app.example/cb", "https://*.app.example/cb", "https://app.example/*", "https://app.example/a b",
		"https://app.example/cb\r\nX: y", "https://app.example\\@evil.test/cb", "https://äpp.example/cb", "https://app.example;x/cb",
		"https://app.example/cb?iss=https://evil.test", "https://app.example/cb?code=1",
		"http://app.example/cb", "http://10.0.0.5/cb", "http://[2001:db8::1]/cb", "http://0.0.0.0:3000/cb", "http://127.0.0.2/cb",
		"http://localhost.evil.test/cb", "http://127.0.0.1.evil.test/cb", "http://localhost@evil.test/cb", "http://127.0.0.1:80@evil.test/cb",
		"http://[::1]@evil.test/cb", "http://evil.test#@127.0.0.1/cb", "http://127.0.0.1\\@evil.test/cb", "http://localhost%2eevil.test/cb",
		"http://[::ffff:127.0.0.1]/cb", "http://2130706433/cb", "http://127.1/cb", "http://localhost./cb",
		"javascript:alert(1)//", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)", "javascript://127.0.0.1/%0aalert(1)",
		"data:text/html,x", "vbscript:x", "blob:https://as/uuid", "filesystem:https://as/x", "file:///etc/passwd", "about:blank",
		"view-source:https://as/", "myapp:/cb", "com.example.app:cb", "COM.evil*:/cb",
	} {
		if s.redirectURIAllowed(uri, "native") == nil {
			t.Errorf("%q may be registered", uri)
		}
	}
	for uri, kind := range map[string]string{"com.example.app:/cb": "", "com.example.app:/": "web", "http://127.0.0.1/cb": "web"} {
		if s.redirectURIAllowed(uri, kind) == nil {
			t.Errorf("%q may be registered for application_type %q", uri, kind)
		}
	}
}

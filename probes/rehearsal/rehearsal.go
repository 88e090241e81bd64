// Package rehearsal puts a user agent through the sites of fixtures/pages, so
// that all user agents are held to the same.
package rehearsal

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/pages"
	"github.com/mcpassay/mcpassay/probes"
)

const state = "pages-state-93kd"

// Run goes through every site, giving consent and refusing it. A user agent
// that runs no scripts has to say so where one is needed.
func Run(t *testing.T, agent probes.UserAgent, scripts bool) {
	for _, site := range pages.Sites() {
		t.Run(site.Name, func(t *testing.T) {
			server := httptest.NewServer(site)
			defer server.Close()
			if site.Scripted && !scripts {
				_, err := agent.Authorize(t.Context(), visit(server.URL, false))
				if !errors.Is(err, probes.ErrNeedsBrowser) {
					t.Errorf("the page needs scripts, but the error is %v", err)
				}
				return
			}
			for _, deny := range []bool{false, true} {
				landing, err := agent.Authorize(t.Context(), visit(server.URL, deny))
				if err != nil {
					t.Fatalf("a site that %s, deny %t: %v", site.Doc, deny, err)
				}
				check(t, site, landing, deny)
			}
		})
	}
}

// visit is a visit to a site that answers a client on loopback where nobody
// listens.
func visit(server string, deny bool) probes.Visit {
	const client = "http://127.0.0.1:1/callback"
	return probes.Visit{
		URL:         server + "/authorize?" + url.Values{"redirect_uri": {client}, "state": {state}}.Encode(),
		RedirectURI: client, Origins: []string{server}, Deny: deny,
		User: probes.User{Name: pages.Name, Password: pages.Password},
	}
}

func check(t *testing.T, site pages.Site, l *probes.Landing, deny bool) {
	t.Helper()
	if site.Dead {
		if l.Redirect != nil || l.Page == nil {
			t.Errorf("a site that %s: landed at %v, want on a page", site.Doc, l.Redirect)
		}
		return
	}
	if l.Redirect == nil {
		t.Fatalf("a site that %s, deny %t: landed on %+v after %+v", site.Doc, deny, l.Page, l.Steps)
	}
	params, asks := l.Params(), site.Asks()
	want := map[string]string{"state": state, "code": pages.Code}
	if deny && asks {
		want = map[string]string{"state": state, "error": "access_denied"}
	}
	for name, value := range want {
		if params.Get(name) != value {
			t.Errorf("a site that %s, deny %t: %s is %q, want %q (%s)", site.Doc, deny, name, params.Get(name), value, l.Redirect)
		}
	}
	if l.Consented != asks {
		t.Errorf("a site that %s, deny %t: consented is %t after %+v", site.Doc, deny, l.Consented, l.Steps)
	}
	if len(l.Steps) == 0 || len(site.Name) == 0 {
		t.Errorf("a site that %s: no steps", site.Doc)
	}
}

// Refused sends wrong credentials, to each kind of login page.
func Refused(t *testing.T, agent probes.UserAgent, names ...string) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			site, ok := pages.Find(name)
			if !ok {
				t.Fatalf("no site is called %q", name)
			}
			server := httptest.NewServer(site)
			defer server.Close()
			v := visit(server.URL, false)
			v.User.Password = "wrong"
			if _, err := agent.Authorize(context.Background(), v); !errors.Is(err, probes.ErrCredentialsRefused) {
				t.Errorf("the error is %v, want %v", err, probes.ErrCredentialsRefused)
			}
		})
	}
}

// Package rehearsal puts a user agent through the sites of fixtures/pages, so
// that all user agents are held to the same.
package rehearsal

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
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
				_, err := agent.Authorize(t.Context(), Visit(server.URL, Client))
				if !errors.Is(err, probes.ErrNeedsBrowser) {
					t.Errorf("the page needs scripts, but the error is %v", err)
				}
				return
			}
			for _, deny := range []bool{false, true} {
				v := Visit(server.URL, Client)
				v.Deny = deny
				landing, err := agent.Authorize(t.Context(), v)
				if err != nil {
					t.Fatalf("a site that %s, deny %t: %v", site.Doc, deny, err)
				}
				check(t, site, landing, deny)
				if site.Dead {
					break // there is nothing to refuse
				}
			}
		})
	}
}

// Clients answers clients of other kinds than those on loopback, in every way.
func Clients(t *testing.T, agent probes.UserAgent, sites ...string) {
	for _, client := range []string{"cursor://anysphere.cursor-deeplink/mcp/oauth/callback", "com.example.app:/callback", "https://app.example/callback?tenant=7"} {
		for _, name := range sites {
			t.Run(name+" to "+client, func(t *testing.T) {
				site := find(t, name)
				server := httptest.NewServer(site)
				defer server.Close()
				landing, err := agent.Authorize(t.Context(), Visit(server.URL, client))
				if err != nil {
					t.Fatal(err)
				}
				check(t, site, landing, false)
			})
		}
	}
}

// Client is a redirect URI on loopback, where nobody listens.
const Client = "http://127.0.0.1:1/callback"

// Visit is a visit to a site at the address, for a client.
func Visit(server, client string) probes.Visit {
	return probes.Visit{
		URL:         server + "/authorize?" + url.Values{"redirect_uri": {client}, "state": {state}}.Encode(),
		RedirectURI: client, Origins: []string{server},
		User: probes.User{Name: pages.Name, Password: pages.Password},
	}
}

func find(t *testing.T, name string) pages.Site {
	t.Helper()
	site, ok := pages.Find(name)
	if !ok {
		t.Fatalf("no site is called %q", name)
	}
	return site
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
	for _, step := range l.Steps {
		if strings.Contains(step.What, pages.Password) || step.At.IsZero() {
			t.Errorf("a site that %s: step %+v", site.Doc, step)
		}
	}
	if len(l.Steps) == 0 || len(l.Pages) > 0 && l.Page != &l.Pages[len(l.Pages)-1] {
		t.Errorf("a site that %s: %d steps, and the last page is not the one landed from", site.Doc, len(l.Steps))
	}
	for _, p := range l.Pages {
		if !strings.HasPrefix(p.URL, "http://127.0.0.1:") || p.Status == 0 || p.Header.Get("Date") == "" || p.Took <= 0 {
			t.Errorf("a site that %s: a page without URL, status, headers or time: %+v", site.Doc, p)
		}
	}
}

// Refused sends wrong credentials, to each kind of login page.
func Refused(t *testing.T, agent probes.UserAgent, names ...string) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(find(t, name))
			defer server.Close()
			v := Visit(server.URL, Client)
			v.User.Password = "wrong"
			if _, err := agent.Authorize(t.Context(), v); !errors.Is(err, probes.ErrCredentialsRefused) {
				t.Errorf("the error is %v, want %v", err, probes.ErrCredentialsRefused)
			}
		})
	}
}

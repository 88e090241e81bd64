package forms_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/pages"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/forms"
	"github.com/mcpassay/mcpassay/probes/rehearsal"
)

func TestClients(t *testing.T) {
	rehearsal.Clients(t, forms.New(http.DefaultTransport), "status-302", "fragment", "meta-refresh", "link", "form-post")
}

// serve serves one of the sites.
func serve(t *testing.T, name string) string {
	t.Helper()
	site, ok := pages.Find(name)
	if !ok {
		t.Fatalf("no site is called %q", name)
	}
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	return server.URL
}

func TestConfiguredSteps(t *testing.T) {
	agent := forms.New(http.DefaultTransport)
	fill := func(selectors ...string) []probes.LoginStep {
		return []probes.LoginStep{
			{WaitFor: selectors[0]}, {Fill: selectors[1], Value: "{username}"},
			{Fill: selectors[2], Value: "{password}"}, {Click: selectors[3]},
		}
	}
	for _, c := range []struct {
		steps []probes.LoginStep
		want  error
	}{
		{fill("h1", "input[name=username]", "form input[type='password']", "form > button"), nil},
		{fill("h1", "label > input:first-child", "#p", "button"), probes.ErrNeedsBrowser},
		{fill("h1", "#nowhere", "#p", "button"), probes.ErrStuck},
		{fill("h1", "input", `[name="username"]`, "button"), probes.ErrCredentialsRefused},
	} {
		v := rehearsal.Visit(serve(t, "plain"), rehearsal.Client)
		v.Steps = c.steps
		landing, err := agent.Authorize(t.Context(), v)
		if !errors.Is(err, c.want) || c.want == nil && (landing.Params().Get("code") != pages.Code || !landing.LoggedIn || !landing.Consented) {
			t.Errorf("%+v: %+v, %v, want %v", c.steps, landing, err, c.want)
		}
	}
}

func TestRedirectsAreFollowedAsBrowsersDo(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = append(got, r.Method+" "+r.URL.Path+" "+r.PostForm.Encode())
		switch r.URL.Path {
		case "/":
			_, _ = fmt.Fprint(w, `<html><title>Terms</title><form method="post" action="/send"><select name="list"><option value="1">One<option selected>Two</select>
<input name="off" disabled value="x"><input type="checkbox" name="on" checked><textarea name="text" readonly>as it is</textarea><button name="b" value="v">Accept</button><button>Deny</button></form>`)
		case "/send":
			w.Header().Set("Location", "keep")
			w.WriteHeader(http.StatusPermanentRedirect)
		case "/keep":
			http.Redirect(w, r, "/forget", http.StatusSeeOther)
		default:
			w.Header().Set("Location", "https://app.example/cb?code=c")
			w.WriteHeader(http.StatusFound)
		}
	}))
	defer server.Close()
	landing, err := forms.New(http.DefaultTransport).Authorize(t.Context(), probes.Visit{URL: server.URL, RedirectURI: "https://app.example/cb"})
	if err != nil || landing.Method != http.MethodGet || landing.Redirect.String() != "https://app.example/cb?code=c" {
		t.Errorf("landed at %+v, %v", landing, err)
	}
	sent := "b=v&list=Two&on=on&text=as+it+is"
	want := []string{"GET / ", "POST /send " + sent, "POST /keep " + sent, "GET /forget "}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLimits(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, "<title>Big</title><p>")
			for range 2 << 20 / 1024 {
				_, _ = fmt.Fprint(w, strings.Repeat("x ", 512))
			}
			_, _ = fmt.Fprint(w, "<form method=post><input type=password name=p><button>Sign in</button></form>")
			return
		}
		http.Redirect(w, r, "/again", http.StatusFound)
	}))
	defer server.Close()
	agent := forms.New(http.DefaultTransport)
	if _, err := agent.Authorize(t.Context(), probes.Visit{URL: server.URL, RedirectURI: rehearsal.Client}); !errors.Is(err, probes.ErrLost) {
		t.Errorf("redirects without end: %v, want %v", err, probes.ErrLost)
	}
	landing, err := agent.Authorize(t.Context(), probes.Visit{URL: server.URL + "/big", RedirectURI: rehearsal.Client})
	if err != nil || landing.LoggedIn || len([]rune(landing.Page.Text)) > 2000 || landing.Page.Title != "Big" {
		t.Errorf("a page that is too big: logged in, or %v", err)
	}
}

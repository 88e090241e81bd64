package opener_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/probes/opener"
)

// deployment has an authorization endpoint that asks nobody, and a callback.
func deployment(t *testing.T) (origin string, codes <-chan string) {
	arrived := make(chan string, 10)
	mux := http.NewServeMux()
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login?"+r.URL.RawQuery, http.StatusSeeOther)
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.FormValue("redirect_uri")+"?code=c1", http.StatusFound)
	})
	mux.HandleFunc("/callback", func(_ http.ResponseWriter, r *http.Request) { arrived <- r.FormValue("code") })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, arrived
}

// run opens URLs with a program as a client would.
func run(t *testing.T, o *opener.Opener, program string, args ...string) {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `exec ` + program + ` "$@"`, "sh"}, args...)...)
	cmd.Env = append(os.Environ(), o.Variables()...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
}

func TestFollowsToTheCallback(t *testing.T) {
	origin, codes := deployment(t)
	request := origin + "/authorize?redirect_uri=" + url.QueryEscape(origin+"/callback")
	for _, program := range []string{"xdg-open", "open -a Browser", "gio open", `"$BROWSER"`} {
		o, err := opener.Start(t.Context(), t.TempDir(), opener.Follow)
		if err != nil {
			t.Fatal(err)
		}
		run(t, o, program, request)
		if code := <-codes; code != "c1" {
			t.Errorf("%s: the callback got %q", program, code)
		}
		if opened, err := o.Close(); err != nil || !slices.Equal(opened, []string{request}) {
			t.Errorf("%s: opened %q: %v", program, opened, err)
		}
	}
}

// TestURLsAreData shows that nothing in a URL is evaluated, and that only http
// and https are visited.
func TestURLsAreData(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	hostile := []string{
		"javascript:alert(1)", "file:///etc/passwd", "x:$(touch " + mark + ")", "x:`touch " + mark + "`", "x:'; touch " + mark + "; '",
		"x:\ntouch " + mark + "\n%s%n\\c", strings.Repeat("x", 4000),
	}
	dir := filepath.Join(t.TempDir(), "it's $(touch "+filepath.Base(mark)+")")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	o, err := opener.Start(t.Context(), dir, func(_ context.Context, u *url.URL) (*url.URL, error) {
		t.Errorf("visited %q", u)
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range hostile {
		run(t, o, "xdg-open", u)
	}
	opened, err := o.Close()
	slices.Sort(opened)
	slices.Sort(hostile)
	if err != nil || !slices.Equal(opened, hostile) {
		t.Errorf("opened %q: %v", opened, err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("something in a URL was evaluated")
	}
}

func TestStaysOnThisMachine(t *testing.T) {
	away := httptest.NewServer(http.RedirectHandler("http://elsewhere.example/", http.StatusFound))
	defer away.Close()
	for _, start := range []string{"http://elsewhere.example/authorize", away.URL} {
		u, err := url.Parse(start)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := opener.Follow(t.Context(), u); err == nil || !strings.Contains(err.Error(), "not this machine") {
			t.Errorf("%s: %v", start, err)
		}
	}
}

package browser_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/probes/rehearsal"
)

// A stranger is a server outside the deployment.
type stranger struct {
	*httptest.Server
	hits atomic.Int32
	last atomic.Value
}

func strange(t *testing.T) *stranger {
	s := &stranger{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		s.last.Store(r.URL.String())
	}))
	t.Cleanup(s.Close)
	return s
}

// site serves pages by path. Those that begin with a status redirect.
func site(t *testing.T, pages map[string]string) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		var status int
		var to string
		if n, _ := fmt.Sscanf(page, "%d %s", &status, &to); n == 2 {
			w.Header().Set("Location", to)
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		if strings.HasSuffix(r.URL.Path, ".js") {
			w.Header().Set("Content-Type", "text/javascript")
		}
		_, _ = fmt.Fprint(w, page)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestNothingLeavesTheDeployment(t *testing.T) {
	b := launch(t, browser.Options{})
	out := strange(t)
	elsewhere := strings.Replace(out.URL, "127.0.0.1", "localhost", 1)
	inside := site(t, map[string]string{
		"/": fmt.Sprintf(`<title>Noise</title><img src="%[1]s/img"><link rel="stylesheet" href="%[1]s/css"><link rel="preload" as="script" href="%[1]s/preload">
<iframe src="%[2]s/frame"></iframe><iframe srcdoc="<img src=%[1]s/inner>"></iframe><script src="%[1]s/js"></script><script>
fetch('%[1]s/fetch', { mode: 'no-cors' }).catch(() => {});
navigator.sendBeacon('%[1]s/beacon', 'x');
new Worker('/worker.js');
new EventSource('%[1]s/events');
new WebSocket('%[1]s/socket'.replace('http', 'ws'));
</script><p>Nothing to do here.`, out.URL, elsewhere),
		"/worker.js": fmt.Sprintf("fetch('%s/worker', { mode: 'no-cors' }).catch(() => {})", out.URL),
	})
	landing, err := b.Authorize(t.Context(), probes.Visit{URL: inside.URL, RedirectURI: rehearsal.Client})
	if err != nil || landing.Redirect != nil || !strings.Contains(landing.Page.Text, "Nothing to do here") {
		t.Errorf("landed at %+v: %v", landing, err)
	}
	if n := out.hits.Load(); n > 0 {
		t.Errorf("%d requests left the deployment, the last for %v", n, out.last.Load())
	}
}

func TestLeavingIsCaughtAndNeverArrives(t *testing.T) {
	b := launch(t, browser.Options{})
	out := strange(t)
	inside := site(t, map[string]string{
		"/302":      "302 " + out.URL + "/cb?code=c#f=g",
		"/two":      "302 /302",
		"/spelling": "302 " + strings.Replace(out.URL, "http://", "HTTP://", 1) + "?code=c",
		"/script":   fmt.Sprintf("<script>location = '%s/cb?code=c'</script>", out.URL),
		"/form":     fmt.Sprintf(`<form method="post" action="%s/cb"><input name="code" value="c"></form><script>document.forms[0].submit()</script>`, out.URL),
		"/blank":    fmt.Sprintf(`<script>open('about:blank').location = '%s/cb?code=c'</script>`, out.URL),
		"/noopener": `<script>open('/302', '_blank', 'noopener')</script>`,
		"/popped":   `<script>open('/to-app', '_blank', 'noopener')</script>`,
		"/to-app":   "302 app:/cb?code=c",
		"/app":      "<script>location = 'app:/cb?code=c'</script>",
		"/own":      "302 /own-callback?code=c",
	})
	for path, want := range map[string]string{
		"/302": out.URL + "/cb?code=c#f=g", "/two": out.URL + "/cb?code=c#f=g",
		"/spelling": out.URL + "?code=c", "/script": out.URL + "/cb?code=c", "/form": out.URL + "/cb",
		"/blank": out.URL + "/cb?code=c", "/noopener": out.URL + "/cb?code=c#f=g",
		"/popped": "app:/cb?code=c", "/app": "app:/cb?code=c", "/own": inside.URL + "/own-callback?code=c",
	} {
		landing, err := b.Authorize(t.Context(), probes.Visit{URL: inside.URL + path, RedirectURI: inside.URL + "/own-callback"})
		switch {
		case err != nil:
			t.Errorf("%s: %v", path, err)
		case landing.Redirect == nil || landing.Redirect.String() != want || landing.Params().Get("code") != "c":
			t.Errorf("%s: landed at %v with %v, want %s", path, landing.Redirect, landing.Form, want)
		}
	}
	if n := out.hits.Load(); n > 0 {
		t.Errorf("%d requests left the deployment, the last for %v", n, out.last.Load())
	}
}

func TestWhereNothingIsShown(t *testing.T) {
	b := launch(t, browser.Options{Timeout: 2 * time.Second})
	stop := make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer hang.Close()
	defer close(stop)
	_, err := b.Authorize(t.Context(), probes.Visit{URL: hang.URL + "/slow?secret=1", RedirectURI: rehearsal.Client})
	if !errors.Is(err, probes.ErrStuck) || !strings.Contains(err.Error(), hang.URL+"/slow") || strings.Contains(err.Error(), "secret") {
		t.Errorf("a server that does not answer: %v", err)
	}

	gone := httptest.NewServer(nil)
	gone.Close()
	_, err = b.Authorize(t.Context(), probes.Visit{URL: gone.URL, RedirectURI: "http://127.0.0.1:2/"})
	if err == nil || !strings.Contains(err.Error(), "ERR_CONNECTION_REFUSED") {
		t.Errorf("a server that is not there: %v", err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err = b.Authorize(ctx, probes.Visit{URL: hang.URL, RedirectURI: rehearsal.Client}); !errors.Is(err, probes.ErrStuck) {
		t.Errorf("a caller in a hurry: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, err = b.Authorize(ctx, probes.Visit{URL: hang.URL, RedirectURI: rehearsal.Client}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gives up: %v", err)
	}
}

func TestOddPages(t *testing.T) {
	b := launch(t, browser.Options{})
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `<title>Again</title><form method="post" action="/%d"><button>Accept</button><button>Deny</button></form>`, time.Now().UnixNano())
	}))
	defer endless.Close()
	if _, err := b.Authorize(t.Context(), probes.Visit{URL: endless.URL, RedirectURI: rehearsal.Client}); !errors.Is(err, probes.ErrLost) {
		t.Errorf("consent without end: %v, want %v", err, probes.ErrLost)
	}
	hostile := site(t, map[string]string{
		"/clobber":  `<title>x</title><form><input name="action"><input name="method"><input name="submit"><input name="querySelectorAll"></form>`,
		"/restless": `<title>x</title><p id="p"></p><script>setInterval(() => { p.textContent = Math.random() }, 5)</script>`,
		"/alert":    `<title>x</title><script>alert(1); confirm(2); prompt(3)</script><p>after`,
		"/poll":     `<title>x</title><script>setInterval(() => fetch('/poll'), 10)</script><p>after`,
	})
	for _, path := range []string{"/clobber", "/restless", "/alert", "/poll"} {
		landing, err := b.Authorize(t.Context(), probes.Visit{URL: hostile.URL + path, RedirectURI: rehearsal.Client})
		if err != nil || landing.Page == nil || landing.Page.Title != "x" {
			t.Errorf("%s: %+v, %v", path, landing, err)
		}
	}
	quiet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		case "/file":
			w.Header().Set("Content-Disposition", "attachment; filename=x.bin")
			_, _ = fmt.Fprint(w, "data")
		case "/json":
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, `{"error":"invalid_request"}`)
		}
	}))
	defer quiet.Close()
	for path, text := range map[string]string{"/204": "", "/file": "", "/json": "invalid_request"} {
		landing, err := b.Authorize(t.Context(), probes.Visit{URL: quiet.URL + path, RedirectURI: rehearsal.Client})
		if err != nil || landing.Page == nil || !strings.Contains(landing.Page.Text, text) {
			t.Errorf("%s: %+v, %v", path, landing, err)
		}
	}
}

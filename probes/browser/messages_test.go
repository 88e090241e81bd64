package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/browser"
)

// posts is a page that posts to whoever opened or framed it.
const posts = `<!doctype html><title>Signed in</title><p>One moment.</p><script>
const to = window.opener || (parent !== window && parent);
if (to) { to.postMessage({ first: 1 }, "*"); to.postMessage("code=second", %q); to.postMessage("for others", "https://other.example"); }
if (window.opener) window.close();
</script>`

// TestMessages shows that a page which starts a visit hears what is posted to its
// origin, and nothing else, even if the window that posts is closed at once.
func TestMessages(t *testing.T) {
	b := launch(t, browser.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, posts, probes.AttackerOrigin)
	}))
	t.Cleanup(server.Close)
	for name, v := range map[string]probes.Visit{"window": {Popup: true}, "frame": {Framed: true}} {
		v.URL, v.From, v.RedirectURI = server.URL, probes.AttackerOrigin, "https://client.example/callback"
		landing, err := b.Authorize(t.Context(), v)
		want := []probes.PageMessage{{Origin: server.URL, Data: `{"first":1}`}, {Origin: server.URL, Data: "code=second"}}
		if err != nil || fmt.Sprint(landing.Messages) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, %v", name, landing, err)
		}
	}
	landing, err := b.Authorize(t.Context(), probes.Visit{URL: server.URL, RedirectURI: "https://client.example/callback"})
	if err != nil || len(landing.Messages) > 0 {
		t.Errorf("a user who typed the URL: %+v, %v", landing, err)
	}
}

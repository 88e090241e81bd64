package opener_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/probes/opener"
)

// TestLeadsElsewhereFirst shows that the user comes back by the URLs that were said,
// in their order, and that the answers are kept.
func TestLeadsElsewhereFirst(t *testing.T) {
	origin, codes := deployment(t)
	o := opener.Within(opener.Follow)
	o.Lead(func(response *url.URL) []*url.URL {
		other := *response
		other.Path, other.RawQuery = "/elsewhere", "code=c0"
		return []*url.URL{&other, response}
	})
	if err := o.Browse(t.Context(), origin+"/authorize?redirect_uri="+url.QueryEscape(origin+"/callback")); err != nil {
		t.Fatal(err)
	}
	if code := <-codes; code != "c1" {
		t.Errorf("the callback got %q", code)
	}
	answers := o.Answers()
	if len(answers) != 2 || answers[0].Status != http.StatusNotFound || answers[1].Status != http.StatusOK {
		t.Errorf("%+v", answers)
	}
	if err := o.Browse(t.Context(), "javascript:alert(1)"); err == nil {
		t.Error("what no browser opens was visited")
	}
	if opened, err := o.Close(); err != nil || len(opened) != 2 {
		t.Errorf("%q: %v", opened, err)
	}
}

// TestListensNoMore shows that a client which has its response need not take a
// second one.
func TestListensNoMore(t *testing.T) {
	origin, codes := deployment(t)
	o := opener.Within(opener.Follow)
	o.Lead(func(response *url.URL) []*url.URL {
		return []*url.URL{response, {Scheme: "http", Host: "127.0.0.1:1", Path: "/callback"}}
	})
	if err := o.Browse(t.Context(), origin+"/authorize?redirect_uri="+url.QueryEscape(origin+"/callback")); err != nil {
		t.Fatal(err)
	}
	if code := <-codes; code != "c1" || len(o.Answers()) != 1 {
		t.Errorf("the callback got %q, and %d answers are known", code, len(o.Answers()))
	}
}

// TestRun shows that a client gets an opener, and the authority that it is to trust,
// and that the user trusts that one as well.
func TestRun(t *testing.T) {
	authority, err := certs.New()
	if err != nil {
		t.Fatal(err)
	}
	exit, err := opener.Run(t.Context(), launch.Command{
		Shell: `xdg-open mailto:a@b.example; cat "$SSL_CERT_FILE" "$NODE_EXTRA_CA_CERTS"; echo`, Bare: true, Timeout: 10 * time.Second,
	}, opener.Options{Dir: t.TempDir(), Authority: authority.PEM()})
	if err != nil {
		t.Fatal(err)
	}
	if !exit.Intercepted || !exit.Here || !slices.Equal(exit.Opened, []string{"mailto:a@b.example"}) ||
		strings.Count(exit.Output, "BEGIN CERTIFICATE") != 2 {
		t.Errorf("%+v", exit)
	}
}

// TestFollowingTrusts shows that only the authority which was named is trusted.
func TestFollowingTrusts(t *testing.T) {
	server := httptest.NewTLSServer(http.RedirectHandler("http://127.0.0.1:1/callback?code=c1", http.StatusFound))
	defer server.Close()
	request, err := url.Parse(server.URL + "/authorize?redirect_uri=" + url.QueryEscape("http://127.0.0.1:1/callback"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opener.Follow(t.Context(), request); err == nil {
		t.Error("a certificate of nobody's was trusted")
	}
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if callback, err := opener.Following(roots)(t.Context(), request); err != nil || callback == nil || callback.Query().Get("code") != "c1" {
		t.Errorf("%v: %v", callback, err)
	}
	if vars, err := opener.Trusting(os.TempDir(), nil); vars != nil || err != nil {
		t.Errorf("%q: %v", vars, err)
	}
}

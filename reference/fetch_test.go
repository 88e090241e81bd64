package reference

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// TestFetchDocument shows that a document is fetched from where it may be, and from
// nowhere else.
func TestFetchDocument(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, "/client.json", http.StatusFound)
		case "/giant":
			_, _ = w.Write([]byte(strings.Repeat(" ", 2<<20)))
		case "/client.json":
			_, _ = w.Write([]byte("{}"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	lab := DocumentLab{
		Addresses: []netip.AddrPort{netip.MustParseAddrPort(server.Listener.Addr().String())},
		Roots:     server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
	}
	for path, status := range map[string]int{"/client.json": 200, "/gone": 404, "/elsewhere": 302, "/giant": 0} {
		got, err := FetchDocument(t.Context(), lab, server.URL+path)
		if status == 0 && err == nil || status != 0 && (err != nil || got.Status != status) {
			t.Errorf("%s: %+v: %v", path, got, err)
		}
	}
	if _, err := FetchDocument(t.Context(), DocumentLab{Roots: lab.Roots}, server.URL+"/client.json"); err == nil {
		t.Error("a document on loopback was fetched")
	}
	if _, err := FetchDocument(t.Context(), lab, strings.Replace(server.URL, "https", "http", 1)+"/client.json"); err == nil {
		t.Error("a document was fetched in the clear")
	}
}

package reference

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/reference/variant"
)

func TestTLSVariant(t *testing.T) {
	s := start(t, Options{Variants: []variant.Variant{variant.TLS}})
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.Roots(), MinVersion: tls.VersionTLS12}}}
	defer trusting.CloseIdleConnections()
	for _, address := range []string{s.AuthServer.Issuer() + "/jwks", s.ResourceServer.Endpoint(), s.Upstream.URL()} {
		if !strings.HasPrefix(address, "https://") {
			t.Errorf("%s is not https", address)
		}
		res, err := trusting.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.TLS.Version < tls.VersionTLS12 || res.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: version %x, %v", address, res.TLS.Version, res.Header)
		}
		if _, err := (&http.Client{Transport: &http.Transport{}}).Get(address); err == nil {
			t.Errorf("%s is trusted by everybody", address)
		}
	}
	if start(t, Options{}).Roots() != nil {
		t.Error("a deployment on http has certificates")
	}
}

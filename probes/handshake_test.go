package probes

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/probes/wire"
)

// listenTLS serves handshakes and nothing else.
func listenTLS(t *testing.T, config *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) {
				_ = c.(*tls.Conn).Handshake() // its failure is the client's to notice
				_ = c.Close()
			}(c)
		}
	}()
	return "https://" + l.Addr().String()
}

func TestHandshakes(t *testing.T) {
	authority, err := certs.New()
	if err != nil {
		t.Fatal(err)
	}
	sound, err := authority.Issue("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	named, err := authority.Issue("elsewhere.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config             *tls.Config
		invalid, old, weak bool
	}{
		"sound":        {config: &tls.Config{Certificates: []tls.Certificate{sound}, MinVersion: tls.VersionTLS12}},
		"another name": {config: &tls.Config{Certificates: []tls.Certificate{named}, MinVersion: tls.VersionTLS12}, invalid: true},
		"old":          {config: &tls.Config{Certificates: []tls.Certificate{sound}, MinVersion: tls.VersionTLS10}, old: true},
		"weak": {config: &tls.Config{
			Certificates: []tls.Certificate{sound}, MinVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA},
		}, weak: true},
	} {
		t.Run(name, func(t *testing.T) {
			client := wire.NewClient(wire.Limits{}, &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12})
			defer client.Close()
			d, err := Open(t.Context(), Target{URL: "http://127.0.0.1:1/mcp"}, client, nil)
			if err != nil {
				t.Fatal(err)
			}
			all, err := d.Handshakes(t.Context(), listenTLS(t, c.config), "http://127.0.0.1:1")
			if err != nil || len(all) != 1 {
				t.Fatalf("%+v, %v", all, err)
			}
			if h := all[0]; (h.Invalid != nil) != c.invalid || (h.Old != "") != c.old || (h.Weak != "") != c.weak {
				t.Errorf("%+v", h)
			}
		})
	}
}

func TestNobodyToShakeHandsWith(t *testing.T) {
	client := wire.NewClient(wire.Limits{}, nil)
	defer client.Close()
	d, err := Open(context.Background(), Target{URL: "http://127.0.0.1:1/mcp"}, client, nil)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := d.Handshakes(t.Context(), "https://127.0.0.1:1"); err == nil {
		t.Errorf("%+v", all)
	}
	if got := hostsOf([]string{"https://a.example/x", "https://a.example:443", "http://b.example", "https://[::1]:8443"}); !slices.Equal(got, []string{"a.example:443", "[::1]:8443"}) {
		t.Errorf("hosts: %q", got)
	}
}

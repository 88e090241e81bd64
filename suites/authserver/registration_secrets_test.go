package authserver

import (
	"testing"

	"github.com/mcpassay/mcpassay/probes"
)

func TestEntropy(t *testing.T) {
	for _, c := range []struct {
		name     string
		secrets  []string
		from, to float64
	}{
		{"43 characters of base64url", []string{"Zm9vYmFyYmF6cXV4LWZvb2JhcmJhenF1eC0xMjM0NTY", "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k"}, 250, 260},
		{"a UUID", []string{"6f1e0c4b-7a12-4d3e-9b1f-0123456789ab"}, 120, 128},
		{"eight hexadecimal digits", []string{"6f1e0c4b", "0a9b8c7d"}, 32, 32},
		{"a long prefix", []string{"secret_of_this_client_a1b2c3d4", "secret_of_this_client_5e6f7a8b"}, 30, 45},
		{"digits", []string{"12345678901234567890"}, 66, 67},
		{"the same for all", []string{"aB3dE6gH9jK2mN5pQ8sT1vW4yZ7", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"}, 150, 170},
	} {
		var clients []*probes.Client
		for _, s := range c.secrets {
			clients = append(clients, &probes.Client{Secret: s})
		}
		if bits := entropy(clients); bits < c.from || bits > c.to {
			t.Errorf("%s: %.1f bits, want %.0f to %.0f", c.name, bits, c.from, c.to)
		}
	}
}

func TestDerived(t *testing.T) {
	for secret, want := range map[string]bool{
		"6f2268bd1d3d3ebaabb04d6b5d099425":                                   false,
		"098f6bcd4621d373cade4e832627b4f6":                                   true, // MD5
		"x-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": true, // SHA-256, with a prefix
		"n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg":                        true, // SHA-256, base64url
	} {
		if got := derived(&probes.Client{ID: "test", Secret: secret}); got != want {
			t.Errorf("%q made from the id: %v, want %v", secret, got, want)
		}
	}
}

func TestSpellings(t *testing.T) {
	if got := alter("aaaa"); got != "aaba" {
		t.Errorf("alter gives %q", got)
	}
	if bare("Java\tScript:x ") != "javascript:x" {
		t.Errorf("bare gives %q", bare("Java\tScript:x "))
	}
}

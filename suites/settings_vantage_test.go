package suites_test

import (
	"crypto/tls"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
)

func init() {
	secure := reference.Options{Variants: []variant.Variant{variant.TLS}}
	for _, id := range []string{"as-tls-configuration", "as-hsts", "rs-tls-configuration"} {
		settings[id] = secure
	}
}

// trusting is a TLS configuration for the clients of a reference deployment.
func trusting(server *reference.Server) *tls.Config {
	if server.Roots() == nil {
		return nil
	}
	return &tls.Config{RootCAs: server.Roots(), MinVersion: tls.VersionTLS12}
}

package main

import (
	"crypto/tls"

	"github.com/mcpassay/mcpassay/probes"
)

// documents is where the run publishes what the authorization server fetches.
func documents(c *Config) (probes.Documents, error) {
	d := probes.Documents{Listen: c.Documents.Listen, URL: c.Documents.URL}
	if c.Documents.Certificate == "" {
		return d, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.Documents.Certificate, c.Documents.Key)
	if err != nil {
		return d, usagef("documents: %w", err)
	}
	d.Certificate = &certificate
	return d, nil
}

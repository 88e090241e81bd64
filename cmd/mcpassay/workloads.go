package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
)

// A Workload is a program whose platform the authorization server trusts (workload
// identity federation).
type Workload struct {
	Issuer     string `yaml:"issuer" json:"issuer" jsonschema:"the issuer that the authorization server trusts, as iss of assertions names it"`
	Subject    string `yaml:"subject" json:"subject" jsonschema:"the workload, as sub of assertions names it"`
	KeyFile    string `yaml:"private_key_file" json:"private_key_file" jsonschema:"file with the issuer's private key, in PEM or as a JWK with its kid: use a test issuer"`
	SigningAlg string `yaml:"signing_alg" json:"signing_alg,omitempty" jsonschema:"algorithm of assertions; default: the usual one for the key, such as ES256 or RS256"`
	Audience   string `yaml:"audience" json:"audience,omitempty" jsonschema:"audience of assertions; default: the URL of the token endpoint"`
}

func (c *Config) validateWorkloads() error {
	for i, w := range c.Workloads {
		if w.Issuer == "" || w.Subject == "" || w.KeyFile == "" {
			return fmt.Errorf("workloads[%d]: issuer, subject and private_key_file are all needed", i)
		}
	}
	return nil
}

func workloads(c *Config) ([]*probes.Workload, error) {
	resolved := make([]*probes.Workload, 0, len(c.Workloads))
	for _, w := range c.Workloads {
		signer, err := signerFrom(w.KeyFile, w.SigningAlg)
		if err != nil {
			return nil, usagef("the key of workload %s: %w", w.Subject, err)
		}
		resolved = append(resolved, &probes.Workload{Issuer: w.Issuer, Subject: w.Subject, Audience: w.Audience, Signer: signer})
	}
	return resolved, nil
}

// maxKey bounds a file with a private key, in bytes.
const maxKey = 64 << 10

// signerFrom reads a private key.
func signerFrom(file, alg string) (*tokens.Signer, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKey {
		return nil, errors.New("the file is too long for a key")
	}
	return tokens.ParseSigner(data, alg)
}

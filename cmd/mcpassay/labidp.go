package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/mcpassay/mcpassay/reference"
)

// A LabIDP is an identity provider of ours that the authorization server has users
// sign in at.
type LabIDP struct {
	Addr      string `yaml:"addr" json:"addr" jsonschema:"address to listen on, such as 127.0.0.1:9402"`
	Issuer    string `yaml:"issuer" json:"issuer,omitempty" jsonschema:"URL that the authorization server and its users reach it under; default: the address"`
	ClientID  string `yaml:"client_id" json:"client_id,omitempty" jsonschema:"what the authorization server is called there; default: one is made up"`
	SecretEnv string `yaml:"client_secret_env" json:"client_secret_env,omitempty" jsonschema:"name of the environment variable that holds its secret there"`
}

func (l *LabIDP) validate() error {
	switch {
	case l.Addr == "" && *l != LabIDP{}:
		return errors.New("lab_idp: addr is missing")
	case (l.SecretEnv == "") != (l.ClientID == ""):
		return errors.New("lab_idp: client_id and client_secret_env go together")
	}
	return nil
}

// startProvider starts an identity provider for the authorization server under
// test, and says what that has to be told.
func (v *vantage) startProvider(s *scene, c *Config, to io.Writer) error {
	o := reference.ProviderOptions{Addr: v.LabIDP.addr, Issuer: strings.TrimSuffix(v.LabIDPIssuer, "/"), ClientID: c.LabIDP.ClientID}
	made := o.ClientID == ""
	if !made {
		var err error
		if o.Secret, err = secretFrom(c.LabIDP.SecretEnv, ""); err != nil {
			return usagef("the secret of lab_idp: %w", err)
		}
	}
	provider, err := reference.StartProvider(o)
	if err != nil {
		return usagef("--lab-idp: %w", err)
	}
	s.closes = append(s.closes, provider.Close)
	s.target = s.target.WithProvider(provider)
	client := provider.Client()
	shown := "(its secret is in the configuration)"
	if made {
		shown = client.Secret + " (for this run only)"
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Make the authorization server have its users sign in at this identity provider:\n")            //nolint:errcheck // reported by Flush
	fmt.Fprintf(w, "  issuer\t%s\n  client, with any redirect URI\t%s\t%s\n", provider.Issuer(), client.ID, shown) //nolint:errcheck // reported by Flush
	return w.Flush()
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
)

func TestGrants(t *testing.T) {
	issuer, err := tokens.NewIssuer("https://idp.example")
	if err != nil {
		t.Fatal(err)
	}
	private, err := issuer.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "idp.jwk")
	if err := os.WriteFile(key, private, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GRANTS_SECRET", "a-secret")
	c, err := parseConfig([]byte(`
enterprise: {issuer: "https://idp.example", key_file: ` + key + `, subject: 00u1, client: {client_id: a, client_secret_env: GRANTS_SECRET}}
chaining: {audience: "https://as.example", client: {client_id: b, client_secret_env: GRANTS_SECRET}}
exchange: {resource: "https://rs.example", client: {client_id: c, client_secret_env: GRANTS_SECRET}}
introspection: {client_id: d, client_secret_env: GRANTS_SECRET}`))
	if err != nil {
		t.Fatal(err)
	}
	var target probes.Target
	if err := grants(c, &target); err != nil {
		t.Fatal(err)
	}
	if target.Enterprise.Provider.URL != "https://idp.example" || target.Enterprise.Client.Secret != "a-secret" || target.Enterprise.Other != nil {
		t.Errorf("enterprise: %+v", target.Enterprise)
	}
	if target.Chaining.Client.ID != "b" || target.Exchange.Client.ID != "c" || target.Exchange.Next != nil || target.Introspector.ID != "d" {
		t.Errorf("%+v %+v %+v", target.Chaining, target.Exchange, target.Introspector)
	}

	var none probes.Target
	if err := grants(&Config{}, &none); err != nil || none.Enterprise != nil || none.Chaining != nil || none.Exchange != nil || none.Introspector != nil {
		t.Errorf("nothing is configured: %+v, %v", none, err)
	}
	c.Enterprise.KeyFile = key + ".gone"
	c.Introspection.SecretEnv = "GRANTS_UNSET"
	if err := grants(c, &target); err == nil || !strings.Contains(err.Error(), "GRANTS_UNSET") || !strings.Contains(err.Error(), "idp.jwk.gone") {
		t.Errorf("a key and a secret are missing: %v", err)
	}
}

func TestGrantsIncomplete(t *testing.T) {
	for text, want := range map[string]string{
		`enterprise: {issuer: "https://idp.example"}`: "enterprise: issuer, key_file, subject and client are needed",
		`enterprise: {other_issuer: "https://x"}`:     "enterprise: other_issuer and other_key_file go together",
		`chaining: {audience: "https://as.example"}`:  "chaining: audience and client are needed",
		`exchange: {resource: "https://rs.example"}`:  "exchange: resource and client are needed",
		`exchange: {next: {client_id: a}}`:            "exchange: next and next_resource go together",
	} {
		if _, err := parseConfig([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

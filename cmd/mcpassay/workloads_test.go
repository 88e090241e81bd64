package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfiguredKeys shows that clients and workloads get the keys of their files,
// and that clients which act for themselves stay apart from those of users.
func TestConfiguredKeys(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig([]byte("clients: [{client_id: a, private_key_file: " + file + "}, " +
		"{client_id: b, private_key_file: " + file + ", signing_alg: PS256, grant: client_credentials}]\n" +
		"workloads: [{issuer: i, subject: s, private_key_file: " + file + "}]"))
	if err != nil {
		t.Fatal(err)
	}
	users, err := clients(c, false)
	if err != nil || len(users) != 1 || users[0].ID != "a" || users[0].Signer.Algorithm() != "RS256" {
		t.Errorf("clients of users: %+v, %v", users, err)
	}
	machines, err := clients(c, true)
	if err != nil || len(machines) != 1 || machines[0].ID != "b" || machines[0].Signer.Algorithm() != "PS256" {
		t.Errorf("clients that act for themselves: %+v, %v", machines, err)
	}
	known, err := workloads(c)
	if err != nil || len(known) != 1 || known[0].Signer == nil {
		t.Errorf("workloads: %+v, %v", known, err)
	}
}

// TestBadKeys shows that what cannot be a key is said to be none.
func TestBadKeys(t *testing.T) {
	for text, want := range map[string]string{
		"clients: [{client_id: a, signing_alg: ES256}]":                        "private_key_file",
		"clients: [{client_id: a, private_key_file: x, client_secret_env: Y}]": "no secret",
		"clients: [{client_id: a, auth_method: private_key_jwt}]":              "private_key_file",
		"clients: [{client_id: a, grant: password}]":                           "client_credentials",
		"workloads: [{issuer: a, subject: b}]":                                 "private_key_file",
	} {
		if _, err := parseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + ".gone"} {
		if _, err := signerFrom(name, ""); err == nil {
			t.Errorf("%s is read as a key", name)
		}
	}
}

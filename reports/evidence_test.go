package reports

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEvidence(t *testing.T) {
	dir := t.TempDir()
	if err := Evidence(dir, sample()); err != nil {
		t.Fatal(err)
	}
	text := read(t, dir, "evidence", "rs-audience-validated.txt")
	for _, part := range []string{"1/3  09:00:00.000  +3 ms  client  control", "2/3", "client  attack", "browser: typed the user name", "> Authorization: Bearer ‹jwt 512 bytes #deadbeef›",
		`< {"result":{}}`, "--data-raw", "whatever host it was issued for: a token"} {
		if !strings.Contains(text, part) {
			t.Errorf("the evidence lacks %q:\n%s", part, text)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "evidence", "as-dcr-policy.txt")); !os.IsNotExist(err) {
		t.Errorf("a check without exchanges has a file (%v)", err)
	}
}

func TestEvidenceReplacesEarlierRun(t *testing.T) {
	dir := t.TempDir()
	if err := Evidence(dir, sample()); err != nil {
		t.Fatal(err)
	}
	notes := filepath.Join(dir, "evidence", "notes.txt")
	if err := os.WriteFile(notes, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Evidence(dir, &Report{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "evidence", "rs-audience-validated.txt")); !os.IsNotExist(err) {
		t.Errorf("stale evidence is left (%v)", err)
	}
	if read(t, notes) != "mine" {
		t.Error("somebody else's file was touched")
	}
}

func TestEvidenceHostile(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "out")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Evidence(dir, hostile()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "evidence", "*"))
	if err != nil || len(files) != len(Outcomes) {
		t.Fatalf("files: %q (%v)", files, err)
	}
	for _, name := range files {
		text := read(t, name)
		if r := unsafe(text); r != 0 {
			t.Errorf("%s holds %U", name, r)
		}
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 1 {
		t.Errorf("a file escaped: %v", entries)
	}
}

func TestEvidenceFollowsNoLink(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "evidence")); err != nil {
		t.Skip(err)
	}
	if err := Evidence(dir, sample()); err == nil {
		t.Error("evidence was written through a link out of the folder")
	}
	if entries, _ := os.ReadDir(elsewhere); len(entries) != 0 {
		t.Errorf("written elsewhere: %v", entries)
	}
}

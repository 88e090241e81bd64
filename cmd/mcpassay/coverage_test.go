package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/requirements"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

func TestCoverageIsCurrent(t *testing.T) {
	var b bytes.Buffer
	if err := writeCoverage(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "coverage.md", b.Bytes())
}

// TestCoversExist shows that checks cover rows that exist, testable ones, of
// their own role.
func TestCoversExist(t *testing.T) {
	rows := map[string]requirements.Row{}
	for _, row := range requirements.Rows() {
		rows[row.ID] = row
	}
	exist := func(check, role string, covers []string) {
		for _, id := range covers {
			switch row, ok := rows[id]; {
			case !ok:
				t.Errorf("%s covers %s, which is in no catalogue", check, id)
			case row.Untestable != "":
				t.Errorf("%s covers %s, which is said to be untestable", check, id)
			case row.Role != role:
				t.Errorf("%s is a check of the %s and covers %s, a duty of the %s", check, role, id, row.Role)
			}
		}
	}
	for _, c := range suites.Catalogue() {
		exist(c.ID, string(c.Role), c.Covers)
	}
	for _, c := range client.Catalogue() {
		exist(c.ID, "client", c.Covers)
	}
}

// TestEveryCheckExplainsItself explains them all.
func TestEveryCheckExplainsItself(t *testing.T) {
	for _, c := range suites.Catalogue() {
		var b bytes.Buffer
		if err := explainCheck(&b, c); err != nil {
			t.Errorf("%s: %v", c.ID, err)
		}
		if len(needs(c)) != len(c.Needs) {
			t.Errorf("%s does not say all it needs: %q", c.ID, needs(c))
		}
	}
	for _, c := range client.Catalogue() {
		var b bytes.Buffer
		if err := explainClientCheck(&b, c); err != nil || !strings.Contains(b.String(), "a client that ") {
			t.Errorf("%s: %v\n%s", c.ID, err, &b)
		}
	}
}

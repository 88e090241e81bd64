package main

import (
	"bytes"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/requirements"
	"github.com/mcpassay/mcpassay/suites"
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
	for _, c := range suites.Catalogue() {
		for _, id := range c.Covers {
			switch row, ok := rows[id]; {
			case !ok:
				t.Errorf("%s covers %s, which is in no catalogue", c.ID, id)
			case row.Untestable != "":
				t.Errorf("%s covers %s, which is said to be untestable", c.ID, id)
			case row.Role != string(c.Role):
				t.Errorf("%s is a check of the %s and covers %s, a duty of the %s", c.ID, c.Role, id, row.Role)
			}
		}
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
}

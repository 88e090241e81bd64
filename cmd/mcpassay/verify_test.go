package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

// signedStatement is a statement as a run writes it, of the checks and situations
// named.
func signedStatement(t *testing.T, signer *tokens.Signer, change func(*reports.Statement)) string {
	t.Helper()
	s := reports.Situation{ID: "sound", Title: "is sound", Expected: reports.CellWorks, Cell: reports.CellWorks}
	s.Record(nil)
	statement, err := reports.State(&reports.Report{
		Tool: "mcpassay test", Revision: "2026-07-28", Start: time.Now(), Situations: []reports.Situation{s},
		Results: []reports.Result{{ID: "client-x", Title: "X", Level: "MUST", Outcome: reports.Pass}},
	}, reports.NamedClient{Name: "ferry"})
	if err != nil {
		t.Fatal(err)
	}
	change(statement)
	text, err := statement.JSON()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := signer.Seal(reports.StatementType, text)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// TestVerifyExitCodes shows that what is not verified is told from what cannot be
// read.
func TestVerifyExitCodes(t *testing.T) {
	signer, err := tokens.NewSigner("ES256")
	if err != nil {
		t.Fatal(err)
	}
	other, err := tokens.NewSigner("RS256")
	if err != nil {
		t.Fatal(err)
	}
	good := signedStatement(t, signer, func(*reports.Statement) {})
	parts := strings.Split(good, ".")
	notOurs, err := signer.Seal(reports.StatementType, []byte(`{"checks":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	otherType, err := signer.Seal("JWT", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	public := func(name string, s *tokens.Signer) string {
		key, err := s.PublicJWK()
		if err != nil {
			t.Fatal(err)
		}
		return write(name, string(key))
	}
	mine, theirs := public("mine.jwk", signer), public("theirs.jwk", other)
	tests := map[string]struct {
		text string
		args []string
		code int
		says string
	}{
		"good":                   {good, nil, 0, "VERIFIED"},
		"good, with a line feed": {good + "\r\n", nil, 0, "VERIFIED"},
		"good, by a known key":   {good, []string{"--key", mine}, 0, "the key that you gave"},
		"by a foreign key":       {good, []string{"--key", theirs}, 1, "not made with the key"},
		"another's statement":    {signedStatement(t, other, func(*reports.Statement) {}), []string{"--key", mine}, 1, "not made with the key"},
		"tampered payload":       {parts[0] + "." + parts[1][:40] + "A" + parts[1][41:] + "." + parts[2], nil, 1, "does not verify"},
		"tampered header":        {strings.Split(otherType, ".")[0] + "." + parts[1] + "." + parts[2], nil, 1, "its type is"},
		"truncated signature":    {good[:len(good)-10], nil, 1, "does not verify"},
		"no signature":           {parts[0] + "." + parts[1] + ".", nil, 1, "no signature"},
		"alg none":               {"eyJhbGciOiJub25lIn0." + parts[1] + ".", nil, 1, `algorithm is "none"`},
		"not a statement":        {notOurs, nil, 1, "read the statement"},
		"wrong digest":           {signedStatement(t, signer, func(s *reports.Statement) { s.Set.SHA256 = strings.Repeat("0", 64) }), nil, 1, "scenario set has digest"},
		"a check added": {signedStatement(t, signer, func(s *reports.Statement) {
			s.Checks = append(s.Checks, reports.StatedCheck{ID: "client-y", Outcome: "pass"})
		}), nil, 1, "scenario set has digest"},
		"truncated payload": {good[:len(parts[0])+30], nil, 2, "not a signed document"},
		"empty":             {"", nil, 2, "not a signed document"},
		"a page":            {"<html>\x1b[31m", nil, 2, "not a signed document"},
		"enormous":          {strings.Repeat("A", maxStatementFile+1), nil, 2, "longer than"},
		"no such key":       {good, []string{"--key", filepath.Join(dir, "none")}, 2, "the key: open"},
		"no such report":    {good, []string{"--report", filepath.Join(dir, "none")}, 2, "the report: open"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := execute(append([]string{"verify", write("s.jws", tt.text)}, tt.args...), &stdout, &stderr)
			said := strings.Join(strings.Fields(stdout.String()+stderr.String()), " ")
			if code != tt.code || !strings.Contains(said, tt.says) || strings.Contains(said, "VERIFIED") != (code == 0) || strings.Contains(said, "\x1b") {
				t.Errorf("exit code %d, want %d and %q\n%s%s", code, tt.code, tt.says, stdout.String(), stderr.String())
			}
		})
	}
}

// TestStatementNamesProgram shows that no more of a command line is made public
// than what it starts.
func TestStatementNamesProgram(t *testing.T) {
	for line, want := range map[string]string{
		"/opt/ferry --token s3cret": "ferry", "API_KEY=s3cret ferry": "ferry", "'ferry' 's3cret'": "ferry", "": "client", "A=b": "client",
	} {
		if got := program(line); got != want {
			t.Errorf("%q is called %q, want %q", line, got, want)
		}
	}
}

// TestStatementOfWholeSet shows that a run of every check has the set that this
// version says it judges.
func TestStatementOfWholeSet(t *testing.T) {
	report, _, err := client.Run(t.Context(), client.Options{Client: &command{line: "true", timeout: time.Minute}, Name: "true", Revision: suites.V20260728, Concurrency: 4, Tool: "mcpassay test"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := report.Scenarios(), client.Scenarios(suites.V20260728); got != want {
		t.Errorf("judged %+v, of %+v", got, want)
	}
	if other := client.Scenarios(suites.V20251125); other == report.Scenarios() {
		t.Error("two revisions have the same set")
	}
	if report.CountCell(reports.CellNotReached) != len(report.Situations) || report.Has(reports.Pass) {
		t.Error("a client that does nothing got somewhere")
	}
}

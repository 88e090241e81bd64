package reports

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/jstemmer/go-junit-report/v2/junit"
)

func writeJUnit(t *testing.T, r *Report, strict bool) (string, testsuites) {
	t.Helper()
	var b strings.Builder
	if err := WriteJUnit(&b, r, strict); err != nil {
		t.Fatal(err)
	}
	var parsed testsuites
	if err := xml.Unmarshal([]byte(b.String()), &parsed); err != nil {
		t.Fatalf("what was written cannot be read: %v", err)
	}
	return b.String(), parsed
}

func find(t *testing.T, all testsuites, id string) (testsuite, testcase) {
	t.Helper()
	for _, s := range all.Suites {
		for _, c := range s.Testcases {
			if strings.HasPrefix(c.Name, id+": ") {
				return s, c
			}
		}
	}
	t.Fatalf("no case for %s", id)
	return testsuite{}, testcase{}
}

func TestJUnit(t *testing.T) {
	text, all := writeJUnit(t, sample(), false)
	if !strings.HasPrefix(text, xml.Header) {
		t.Error("no XML declaration")
	}
	if all.Tests != 8 || all.Failures != 1 || all.Errors != 3 || all.Skipped != 3 {
		t.Errorf("totals: %d tests, %d failures, %d errors, %d skipped", all.Tests, all.Failures, all.Errors, all.Skipped)
	}
	suite, failed := find(t, all, "rs-audience-validated")
	if suite.Name != "rs.token-use" || failed.Classname != "rs.token-use" || suite.Time != "0.005" || failed.Time != "0.005" {
		t.Errorf("suite %q (%s), class %q (%s)", suite.Name, suite.Time, failed.Classname, failed.Time)
	}
	if failed.Failure == nil || failed.Failure.Type != "must" || failed.Failure.Message != "a token for https://elsewhere.example was accepted" {
		t.Errorf("failure: %+v", failed.Failure)
	}
	for _, part := range []string{
		"whatever host it was issued for: a token for", "owner: resource server", "fix: Compare aud", "sources: RFC 9068 §4; MCP", "note: the answer had no",
		"> POST http://127.0.0.1:7001/mcp", "< 200 OK", `-H 'Authorization: Bearer '"$jwt_deadbeef"`, "all 3 exchanges, in full in evidence/rs-audience-validated.txt",
	} {
		if !strings.Contains(failed.Failure.Data, part) {
			t.Errorf("the body lacks %q:\n%s", part, failed.Failure.Data)
		}
	}
	for _, want := range []junit.Property{
		{Name: "cite", Value: "RFC 9068 §4"}, {Name: "level", Value: "MUST"}, {Name: "severity", Value: "critical"}, {Name: "revision", Value: "2026-07-28"},
		{Name: "owner", Value: "resource server"}, {Name: "evidence", Value: "evidence/rs-audience-validated.txt"},
	} {
		if !slices.Contains(failed.Properties, want) {
			t.Errorf("properties lack %v: %v", want, failed.Properties)
		}
	}
}

func TestJUnitOutcomes(t *testing.T) {
	_, plain := writeJUnit(t, sample(), false)
	_, strict := writeJUnit(t, sample(), true)
	if _, c := find(t, plain, "rs-challenge-scope"); c.Skipped == nil || c.Skipped.Type != "should" || c.Skipped.Message != "the challenge has no scope" || c.Failure != nil {
		t.Errorf("warn: %+v", c)
	}
	if _, c := find(t, strict, "rs-challenge-scope"); c.Failure == nil || c.Failure.Type != "should" || c.Skipped != nil {
		t.Errorf("warn, strict: %+v", c)
	}
	if _, c := find(t, plain, "as-consent-look"); c.Skipped == nil || c.Skipped.Type != "review" {
		t.Errorf("review: %+v", c)
	}
	if _, c := find(t, plain, "as-dcr-policy"); c.Skipped == nil || c.Skipped.Type != "not applicable" || c.Skipped.Message != "needs a registration endpoint" {
		t.Errorf("not applicable: %+v", c)
	}
	if _, c := find(t, plain, "as-refresh-reuse"); c.Error == nil || c.Error.Type != "inconclusive" || c.Error.Message != "blocked by as-refresh-issued" {
		t.Errorf("inconclusive: %+v", c)
	}
	if _, c := find(t, plain, "rs-challenge-present"); c.Error != nil || c.Failure != nil || c.Skipped != nil {
		t.Errorf("pass: %+v", c)
	}
}

func TestJUnitStopped(t *testing.T) {
	_, all := writeJUnit(t, &Report{Stopped: &Stop{Owner: Configuration, Message: "the password of alice was refused", Remedy: "set it"}}, false)
	if len(all.Suites) != 1 || all.Errors != 1 || all.Tests != 1 {
		t.Fatalf("suites: %+v", all)
	}
	c := all.Suites[0].Testcases[0]
	if all.Suites[0].Name != "preflight" || c.Error == nil || c.Error.Type != "configuration" || c.Error.Message != "the password of alice was refused" || !strings.Contains(c.Error.Data, "fix: set it") {
		t.Errorf("case: %+v", c)
	}
}

// TestJUnitHostile reads the file as strictly as Go can, token by token.
func TestJUnitHostile(t *testing.T) {
	text, _ := writeJUnit(t, hostile(), true)
	if r := unsafe(text); r != 0 {
		t.Errorf("the file holds %U", r)
	}
	if strings.Contains(text, "<script>alert") && !strings.Contains(text, "<![CDATA[") {
		t.Error("markup is neither escaped nor CDATA")
	}
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "script" {
			t.Fatal("hostile markup became an element")
		}
	}
	if len(text) > 4<<20 {
		t.Errorf("the file has %d bytes", len(text))
	}
}

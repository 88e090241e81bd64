package reports

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// clientSample is a report on a client, with a situation of each kind.
func clientSample() *Report {
	r := sample()
	r.Target = "./client"
	exchanges := r.Results[0].Evidence
	facet := func(o Outcome, situation, message string) Facet {
		return Facet{Title: "before it", Outcome: o, Situation: situation, Message: message}
	}
	r.Results = []Result{
		{ID: "client-iss-compared", Title: "Another iss is not taken", Area: "issuer", Role: "client", Level: "MUST", Severity: "high", Cites: []Cite{{"RFC 9207", "2.4"}},
			Outcome: Fail, Owner: Client, Message: "redeemed the code", Facets: []Facet{facet(Fail, "iss-wrong", "redeemed the code")}, Evidence: exchanges},
		{ID: "client-pkce-fresh", Title: "Each request has a challenge of its own", Area: "pkce", Role: "client", Level: "MUST", Cites: []Cite{{"OAuth 2.1", "4.1.1"}},
			Outcome: Pass, Facets: []Facet{facet(Pass, "sound", ""), facet(Inconclusive, "openid-only", "made no request")}, Evidence: exchanges},
		{ID: "client-scope-least", Title: "No more is asked for than needed", Area: "scope", Role: "client", Level: "SHOULD",
			Outcome: Warn, Message: "asks for everything", Facets: []Facet{facet(Warn, "sound", "asks for everything"), facet(NotApplicable, "openid-only", "names no scopes")}},
		{ID: "client-migrates", Title: "Registers anew", Area: "registration", Role: "client", Level: "MUST",
			Outcome: Inconclusive, Message: "never came there", Facets: []Facet{facet(Inconclusive, "migration", "never came there")}},
	}
	for _, s := range []Situation{
		{ID: "iss-wrong", Title: "answers with the issuer of somebody else, whom nobody knows, in a response that is otherwise sound", Expected: CellRefuses, Cell: CellProceeds, Scenario: "auth/iss-wrong-issuer"},
		{ID: "migration", Title: "moves", Expected: CellWorks, Cell: CellNotReached, Ended: "with exit code 1"},
		{ID: "openid-only", Title: "publishes only OpenID Connect discovery", Expected: CellWorks, Cell: CellGivesUp},
		{ID: "resource-other", Title: "names another resource", Expected: CellRefuses, Cell: CellRefuses},
		{ID: "sound", Title: "is like any other", Expected: CellWorks, Cell: CellWorks, Took: time.Second},
	} {
		s.Record(exchanges)
		r.Situations = append(r.Situations, s)
	}
	return r
}

// hostileClient is a report whose every text about a client came from an enemy.
func hostileClient() *Report {
	r := hostile()
	for _, id := range []string{"a", "../../escape", hostileText} {
		s := Situation{ID: id, Title: hostileText, Expected: Cell(hostileText), Cell: Cell(hostileText), Scenario: hostileText, Ended: hostileText}
		s.Record(r.Results[0].Evidence)
		r.Situations = append(r.Situations, s)
	}
	for i := range r.Results {
		for j := range r.Results[i].Facets {
			r.Results[i].Facets[j].Situation = "a"
		}
	}
	return r
}

func grid(t *testing.T, r *Report, style Style) string {
	t.Helper()
	var b strings.Builder
	if err := WriteGrid(&b, r, style); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, file), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestGrid(t *testing.T) {
	got := grid(t, clientSample(), Style{Width: 90})
	golden(t, "grid.txt", got)
	if strings.Contains(got, "\x1b") {
		t.Error("a plain grid has escape sequences")
	}
	coloured := grid(t, clientSample(), Style{Width: 90, Color: true})
	if !strings.Contains(coloured, "\x1b[1;31mproceeds although it must not\x1b[0m") || strings.Count(coloured, "\x1b[") != 2*strings.Count(coloured, "\x1b[0m") {
		t.Errorf("what is wrong is not red, or a style is not ended:\n%q", coloured)
	}
	if text := grid(t, sample(), Style{}); text != "" {
		t.Errorf("a report on a deployment has a grid: %q", text)
	}
	if r := unsafe(grid(t, hostileClient(), Style{})); r != 0 {
		t.Errorf("the grid holds %U", r)
	}
}

// TestFolderOfClient shows what lies beside the report on a client, and that the
// transcripts are what the digests are of.
func TestFolderOfClient(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFolder(dir, hostileClient(), false); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"transcripts/a.txt", "checks/a/checks.json"} {
		if r := unsafe(read(t, filepath.Join(dir, file))); r != 0 {
			t.Errorf("%s holds %U", file, r)
		}
	}
	foreign := filepath.Join(dir, "checks", "theirs", "checks.json")
	if err := os.MkdirAll(filepath.Dir(foreign), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(foreign, []byte(`[{"id":"x"}]`), 0o644); err != nil {
		t.Fatal(err)
	}
	want := clientSample()
	if err := WriteFolder(dir, want, false); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"transcripts/a.txt", "checks/a"} {
		if _, err := os.Stat(filepath.Join(dir, gone)); !os.IsNotExist(err) {
			t.Errorf("%s of the earlier run is still there", gone)
		}
	}
	read(t, foreign)
	file, err := os.Open(filepath.Join(dir, JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // nothing is lost
	got, err := ReadJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Situations) != len(want.Situations) {
		t.Fatalf("%d situations were read", len(got.Situations))
	}
	for i, s := range got.Situations {
		text := read(t, filepath.Join(dir, TranscriptPath(&s)))
		if digest([]byte(text)) != s.TranscriptSHA256 || s.Cell != want.Situations[i].Cell || !strings.Contains(text, "> POST http://127.0.0.1:7001/mcp") {
			t.Errorf("%s: %+v\n%s", s.ID, s, text)
		}
	}
	if junit := read(t, filepath.Join(dir, JUnitFile)); strings.Count(junit, `<property name="situation.openid-only" value="fails although it need not">`) != 1 {
		t.Errorf("junit.xml does not name the cell once:\n%s", junit)
	}
}

// TestOfficialChecks shows every outcome in the words of the official tool.
func TestOfficialChecks(t *testing.T) {
	r := clientSample()
	want := map[string]string{
		"iss-wrong client-iss-compared":     "FAILURE redeemed the code",
		"migration client-migrates":         "FAILURE Not testable: never came there",
		"openid-only client-pkce-fresh":     "SKIPPED made no request", // another situation has decided
		"openid-only client-scope-least":    "SKIPPED names no scopes",
		"sound client-pkce-fresh":           "SUCCESS ",
		"sound client-scope-least":          "WARNING asks for everything",
		"iss-wrong mcpassay-situation":      "INFO ",
		"migration mcpassay-situation":      "INFO ",
		"openid-only mcpassay-situation":    "INFO ",
		"sound mcpassay-situation":          "INFO ",
		"resource-other mcpassay-situation": "INFO ",
	}
	got := map[string]string{}
	for i := range r.Situations {
		text, err := officialJSON(officialChecks(r, &r.Situations[i]))
		if err != nil {
			t.Fatal(err)
		}
		var checks []map[string]any
		if err := json.Unmarshal(text, &checks); err != nil {
			t.Fatal(err)
		}
		for _, c := range checks {
			message, _ := c["errorMessage"].(string)
			got[r.Situations[i].ID+" "+c["id"].(string)] = c["status"].(string) + " " + message
			for _, member := range []string{"name", "description", "timestamp"} {
				if text, _ := c[member].(string); text == "" {
					t.Errorf("%s: no %s", c["id"], member)
				}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

// TestTranscriptIsBounded shows that a client that never stops fills no disk.
func TestTranscriptIsBounded(t *testing.T) {
	x := &wire.Exchange{Method: "POST", URL: "http://127.0.0.1/", Request: wire.Message{Body: strings.Repeat("x", 1<<13)}, Status: 200}
	all := make([]*wire.Exchange, 2000)
	for i := range all {
		all[i] = x
	}
	var s Situation
	s.Record(all)
	if len(s.transcript) > maxTranscript+1<<16 || !strings.HasSuffix(s.transcript, " exchanges more\n") || s.Exchanges != len(all) {
		t.Errorf("%d bytes that end with %q", len(s.transcript), s.transcript[len(s.transcript)-40:])
	}
}

package reports

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// schema is the JSON Schema of what WriteJSON writes.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.For[Document](nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "Report of an mcpassay run"
	s.Properties["schema_version"].Const = jsonschema.Ptr[any](SchemaVersion)
	outcomes := make([]any, len(Outcomes))
	for i, o := range Outcomes {
		outcomes[i] = string(o)
	}
	result := s.Properties["results"].Items
	result.Properties["outcome"].Enum = outcomes
	return s
}

func TestSchemaIsCurrent(t *testing.T) {
	want, err := json.MarshalIndent(schema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("report.schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("report.schema.json is not what the types say; run go test ./reports -update (-want +got):\n%s", diff)
	}
}

func TestJSONFollowsSchema(t *testing.T) {
	published, err := os.ReadFile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(published, &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, report := range map[string]*Report{
		"sample": sample(), "hostile": hostile(), "empty": {}, "client": clientSample(), "hostile client": hostileClient(), "stopped": {Stopped: &Stop{Owner: Network, Message: "refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := WriteJSON(&b, report); err != nil {
				t.Fatal(err)
			}
			var instance any
			if err := json.Unmarshal(b.Bytes(), &instance); err != nil {
				t.Fatal(err)
			}
			if err := resolved.Validate(instance); err != nil {
				t.Error(err)
			}
			if r := unsafe(b.String()); r != 0 {
				t.Errorf("the file holds %U", r)
			}
		})
	}
}

func TestJSONIsComplete(t *testing.T) {
	want := sample()
	var b bytes.Buffer
	if err := WriteJSON(&b, want); err != nil {
		t.Fatal(err)
	}
	var doc Document
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Counts[Inconclusive] != 3 || doc.Counts[Fail] != 1 || doc.SchemaVersion != SchemaVersion {
		t.Errorf("version %d, counts %v", doc.SchemaVersion, doc.Counts)
	}
	got, err := ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range want.Results {
		if r.Cites == nil {
			r.Cites = []Cite{}
		}
		if diff := cmp.Diff(&r, got.Find(r.ID)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.ID, diff)
		}
	}
	if first := got.Results[0].ID; first != "as-code-expires" {
		t.Errorf("the first result is %s: not sorted by role, area and id", first)
	}
	if want.Results[0].ID != "rs-audience-validated" {
		t.Error("writing reordered the caller's results")
	}
}

// TestJSONSharesExchanges shows that what two checks rest on is written once, and
// is one exchange again when it is read.
func TestJSONSharesExchanges(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, sample()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), `"purpose":"control"`); n != 1 {
		t.Errorf("the control is written %d times:\n%s", n, b.String())
	}
	if !strings.Contains(b.String(), `"evidence": [1, 2, 3]`) && !strings.Contains(b.String(), `"evidence": [1, 2]`) {
		t.Errorf("a list of exchanges is not on one line:\n%s", b.String())
	}
	got, err := ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if shared := got.Find("rs-challenge-present").Evidence[0]; shared != got.Find("rs-audience-validated").Evidence[0] {
		t.Error("the exchange that two checks share was read as two")
	}
}

func TestReadJSONRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":          "x",
		"another version":  `{"schema_version": 2}`,
		"missing exchange": `{"schema_version": 1, "results": [{"id": "a", "evidence": [7]}]}`,
	} {
		if _, err := ReadJSON(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

// TestJSONKeepsText shows that escaping loses nothing.
func TestJSONKeepsText(t *testing.T) {
	text := "\u202e\x1b\U000e0001\u200b<>&\u2028 ü"
	var b bytes.Buffer
	if err := WriteJSON(&b, &Report{Target: text}); err != nil {
		t.Fatal(err)
	}
	var got Document
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Target != text {
		t.Errorf("%q came back as %q", text, got.Target)
	}
}

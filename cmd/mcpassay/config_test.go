package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the generated documents anew")

// golden compares a generated document with the one in the repository.
func golden(t *testing.T, name string, want []byte) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", name)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("docs/%s is not current; run go test ./cmd/mcpassay -update (-is +should be):\n%s", name, diff)
	}
}

// configSchema is the JSON Schema of a configuration.
func configSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.For[Config](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[time.Duration](): {Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "Configuration of mcpassay"
	method := s.Properties["clients"].Items.Properties["auth_method"]
	method.Enum = []any{"none", "client_secret_basic", "client_secret_post", "private_key_jwt"}
	return s
}

func TestConfigSchemaIsCurrent(t *testing.T) {
	text, err := json.MarshalIndent(configSchema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "config.schema.json", append(text, '\n'))
}

// TestExampleConfig shows that the example is one, sets every key there is, and
// follows the schema.
func TestExampleConfig(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "config.example.yaml")
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	unset(t, reflect.ValueOf(*c), "")

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var instance any
	if err := yaml.Unmarshal(text, &instance); err != nil {
		t.Fatal(err)
	}
	resolved, err := configSchema(t).Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := resolved.Validate(instance); err != nil {
		t.Error(err)
	}
}

// unset complains of every key that no value was given for. Of a list it is
// enough that one element has one.
func unset(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			unset(t, v.Field(i), path+"."+v.Type().Field(i).Tag.Get("yaml"))
		}
	case reflect.Slice:
		if v.Len() == 0 {
			t.Errorf("the example does not show %s", path)
			return
		}
		if v.Index(0).Kind() != reflect.Struct {
			return
		}
		for i := range v.Index(0).NumField() {
			shown := false
			for j := range v.Len() {
				shown = shown || !v.Index(j).Field(i).IsZero()
			}
			if !shown {
				t.Errorf("the example does not show %s[].%s", path, v.Index(0).Type().Field(i).Tag.Get("yaml"))
			}
		}
	default:
		if v.IsZero() {
			t.Errorf("the example does not show %s", path)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("url: http://127.0.0.1/mcp\nusers: [{name: a, password_env: B}]\n")
	f.Add("a: &a [*a]")
	f.Add("limits: {timeout: 1s}\nlogin: [{fill: x, value: y}]")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseConfig([]byte(text))
		if err == nil && c == nil {
			t.Error("neither a configuration nor an error")
		}
	})
}

func TestDidYouMean(t *testing.T) {
	for word, want := range map[string]string{"scope": "scopes", "tols": "tool", "": "", "quite-another": ""} {
		got := didYouMean(word, []string{"scopes", "tool", "users"})
		if want != "" {
			want = `; did you mean "` + want + `"?`
		}
		if got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

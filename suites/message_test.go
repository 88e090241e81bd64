package suites

import "testing"

func TestTidy(t *testing.T) {
	tests := map[string]struct{ message, want string }{
		"a list":         {"these got through\nExpected\n    <[]string | len:2, cap:2>: [\n        \"a \\\"b\\\"\",\n        \"c\",\n    ]\nto be empty", `these got through: a "b"; c`},
		"a value":        {"it has no kid\nExpected\n    <bool>: false\nto be true", "it has no kid"},
		"no description": {"Expected\n    <bool>: false\nto be true", "Expected\n    <bool>: false\nto be true"},
		"our own":        {"it was not refused: done", "it was not refused: done"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tidy(tt.message); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

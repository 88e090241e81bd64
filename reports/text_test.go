package reports

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"plain":             {"grüße, 世界 ✓", "grüße, 世界 ✓"},
		"lines and tabs":    {"a\r\nb\tc", "a\nb\tc"},
		"lone return":       {"a\rb", "a\uFFFDb"},
		"escape sequence":   {"\x1b[31mx", "\uFFFD[31mx"},
		"C1 introducer":     {"\u009b31m", "\uFFFD31m"},
		"NUL":               {"\x00", "\uFFFD"},
		"direction":         {"\u202eabc\u2066", "\uFFFDabc\uFFFD"},
		"invisible":         {"pay\u200bpal\u00ad", "pay\uFFFDpal\uFFFD"},
		"line separator":    {"a\u2028b", "a\uFFFDb"},
		"not UTF-8":         {"a\xffb", "a\uFFFDb"},
		"not a character":   {"\ufffe\U0001ffff", "\uFFFD\uFFFD"},
		"the mark survives": {"\uFFFD", "\uFFFD"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := clean(tt.in); got != tt.want {
				t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestLine(t *testing.T) {
	tests := []struct {
		in    string
		limit int
		want  string
	}{
		{"  a \n b\t", 10, "a b"},
		{"abcdef", 3, "abc …"},
		{"äöü", 3, "ä …"},
		{"", 3, ""},
		{strings.Repeat(" ", 100) + "x", 3, " …"},
	}
	for _, tt := range tests {
		if got := line(tt.in, tt.limit); got != tt.want {
			t.Errorf("line(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	got := strings.Join(wrap("one two three https://a.very.long/url four\nfive", 9), "|")
	if want := "one two|three|https://a.very.long/url|four|five"; got != want {
		t.Errorf("wrap: %q, want %q", got, want)
	}
}

func FuzzClean(f *testing.F) {
	f.Add(hostileText[:200])
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{clean(s), paragraph(s, 50), line(s, 50)} {
			if !utf8.ValidString(got) || unsafe(got) != 0 {
				t.Errorf("%q became %q", s, got)
			}
		}
		if got := line(s, 50); strings.Contains(got, "\n") || len(got) > 50+len(" …") {
			t.Errorf("not a line of 50 bytes: %q", got)
		}
	})
}

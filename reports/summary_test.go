package reports

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func summarize(t *testing.T, r *Report, style Style) string {
	t.Helper()
	var b strings.Builder
	if err := Summary(&b, r, style); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSummary(t *testing.T) {
	got := summarize(t, sample(), Style{Width: 80, Folder: "mcpassay-report"})
	golden := filepath.Join("testdata", "summary.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, golden), got); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestSummaryKeepsToWidth(t *testing.T) {
	for _, width := range []int{60, 80, 132} {
		for l := range strings.Lines(summarize(t, sample(), Style{Width: width})) {
			if strings.Contains(l, " passed, ") {
				continue // the totals are one line whatever the width
			}
			if n := utf8.RuneCountInString(strings.TrimSuffix(l, "\n")); n > width {
				t.Errorf("%d columns instead of %d: %q", n, width, l)
			}
		}
	}
}

func TestSummaryColour(t *testing.T) {
	if plain := summarize(t, sample(), Style{}); strings.Contains(plain, "\x1b") {
		t.Error("a plain summary has escape sequences")
	}
	coloured := summarize(t, sample(), Style{Color: true})
	if !strings.Contains(coloured, "\x1b[1;31mFAIL\x1b[0m") {
		t.Error("FAIL is not red")
	}
	if strings.Count(coloured, "\x1b[") != 2*strings.Count(coloured, "\x1b[0m") {
		t.Error("a style is not ended")
	}
}

func TestSummaryStopped(t *testing.T) {
	got := summarize(t, &Report{Target: "http://127.0.0.1:1/mcp", Stopped: &Stop{Network, "nothing listens at 127.0.0.1:1", "start the server"}}, Style{})
	for _, part := range []string{"STOPPED no check was run", "because   nothing listens", "owner     network", "fix       start the server", "0 passed, 0 failed"} {
		if !strings.Contains(got, part) {
			t.Errorf("lacks %q:\n%s", part, got)
		}
	}
}

func TestSummaryHostile(t *testing.T) {
	for _, style := range []Style{{}, {Width: 1}} {
		got := summarize(t, hostile(), style)
		if r := unsafe(got); r != 0 {
			t.Errorf("the summary holds %U", r)
		}
		if len(got) > 200<<10 {
			t.Errorf("the summary has %d bytes", len(got))
		}
		for l := range strings.Lines(got) {
			if strings.HasPrefix(l, "::") {
				t.Errorf("a line reads as a workflow command: %.80q", l)
			}
		}
	}
}

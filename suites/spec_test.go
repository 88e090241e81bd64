package suites_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/requirements"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// held sets the revision that a run is for.
func held(revision suites.Revision) func(*probes.Target) {
	return func(t *probes.Target) { t.Spec = string(revision) }
}

// soundIn is the sound reference for a revision: clients of the oldest one start
// from the server's base URL.
func soundIn(revision suites.Revision) reference.Options {
	if revision == suites.V20250326 {
		return reference.Options{BaseURL: reference.BaseURLMetadata}
	}
	return reference.Options{}
}

// TestSpecs holds the sound reference to every revision: nothing is wrong with it
// in any, and what binds only in others is said not to apply.
func TestSpecs(t *testing.T) {
	digests := map[string]bool{}
	for _, revision := range suites.Revisions {
		t.Run(string(revision), func(t *testing.T) {
			report := against(t, soundIn(revision), "", held(revision))
			if report.Stopped != nil {
				t.Fatalf("stopped: %+v", report.Stopped)
			}
			if report.Revision != string(revision) {
				t.Errorf("the report says %s", report.Revision)
			}
			set := requirements.SetFor(string(revision))
			if r := report.Requirements; r == nil || r.SHA256 != set.SHA256 || r.Rows != len(set.Rows) || !strings.Contains(r.ID, string(revision)) {
				t.Errorf("held to %+v", r)
			}
			if digests[set.SHA256] {
				t.Error("another revision has the same digest")
			}
			digests[set.SHA256] = true
			for i := range report.Results {
				r := &report.Results[i]
				c := suites.Find(r.ID)
				binds := c.Since <= revision && (c.Until == "" || revision < c.Until)
				switch {
				case r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable:
					t.Error(describe(r))
				case !binds && (r.Outcome != reports.NotApplicable || !strings.HasPrefix(r.Message, "binds ")):
					t.Errorf("does not bind in %s\n%s", revision, describe(r))
				}
			}
			for i := range report.Results {
				for _, x := range report.Results[i].Evidence {
					said := x.Request.Header.Get("MCP-Protocol-Version")
					if x.Purpose == "control" && said != "" && (said == string(suites.V20260728)) != (revision == suites.V20260728) {
						t.Errorf("%s: a control says %s", report.Results[i].ID, said)
					}
				}
			}
		})
	}
}

// TestSpecNotSpoken shows that a server is not held to what it does not speak.
func TestSpecNotSpoken(t *testing.T) {
	o := reference.Options{Variants: []variant.Variant{variant.ModernOnly}}
	for _, revision := range suites.Revisions[:3] {
		report := against(t, o, "", held(revision))
		if s := report.Stopped; s == nil || s.Owner != reports.Configuration || !strings.Contains(s.Message, string(revision)) {
			t.Errorf("%s: %+v", revision, s)
		}
		if len(report.Results) > 0 {
			t.Errorf("%s: %d results", revision, len(report.Results))
		}
	}
	if report := against(t, o, "rs-session-id-unpredictable || rs-server-discover", held(suites.V20260728)); report.Stopped != nil {
		t.Errorf("stopped: %+v", report.Stopped)
	}
	if !slices.IsSorted(suites.Revisions) {
		t.Error("the revisions are out of order")
	}
}

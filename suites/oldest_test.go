package suites_test

import (
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// TestOldestRevision shows which servers are held to what binds in 2025-03-26
// alone: those that a run is for, and those that can be of no newer revision.
func TestOldestRevision(t *testing.T) {
	alone := reference.Options{BaseURL: reference.BaseURLMetadata}
	unpublished := alone
	unpublished.Faults = []fault.Fault{fault.MetadataMissing}
	silent := reference.Options{Faults: []fault.Fault{fault.MetadataMissing}}
	for _, c := range []struct {
		name string
		o    reference.Options
		spec suites.Revision
		want reports.Outcome
	}{
		{"by evidence", unpublished, "", reports.Pass},
		{"it publishes resource metadata", alone, "", reports.NotApplicable},
		{"nothing is known of it", silent, "", reports.NotApplicable},
		{"a run for it", alone, suites.V20250326, reports.Pass},
		{"a run for it, without base URL", reference.Options{}, suites.V20250326, reports.Fail},
		{"a run for a newer one", reference.Options{}, suites.V20250618, reports.NotApplicable},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := against(t, c.o, "as-base-url-discovery", held(c.spec)).Find("as-base-url-discovery")
			if r == nil || r.Outcome != c.want {
				t.Errorf("want %s: %s", c.want, describe(r))
			}
		})
	}
}

// TestThirdPartySession shows what is said of a server that cannot see that its
// identity provider has ended something, since it lets JWTs be verified.
func TestThirdPartySession(t *testing.T) {
	const id = "as-third-party-session"
	o := settings[id]
	o.Variants = []variant.Variant{variant.Proxy}
	r := against(t, o, id).Find(id)
	if r == nil || r.Outcome != reports.Warn || !strings.Contains(r.Message, "a JWT") {
		t.Errorf("with JWTs: %s", describe(r))
	}
	for _, f := range r.Facets {
		if strings.Contains(f.Title, "refresh") && f.Outcome != reports.Pass {
			t.Errorf("with JWTs: %s: %s", f.Title, f.Message)
		}
	}
	foreign := func(target *probes.Target) { target.Provider = nil }
	if r = against(t, settings[id], id, foreign).Find(id); r == nil || r.Outcome != reports.NotApplicable || !strings.Contains(r.Message, "--lab-idp") {
		t.Errorf("behind another's identity provider: %s", describe(r))
	}
	o.Variants = nil
	if r = against(t, o, id).Find(id); r == nil || r.Outcome != reports.NotApplicable {
		t.Errorf("without any: %s", describe(r))
	}
}

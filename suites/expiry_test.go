package suites_test

import (
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
)

// TestExpiredTokenWithoutKey shows how an expired token is seen to be refused
// where no key is there to sign one: by waiting. What is still accepted when the
// wait is over may yet be refused, so that nothing is said of it.
func TestExpiredTokenWithoutKey(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for tokens to expire")
	}
	for _, c := range []struct {
		name   string
		faults []fault.Fault
		wait   time.Duration
		want   reports.Outcome
	}{
		{"refused in time", nil, 15 * time.Second, reports.Pass},
		{"accepted to the end", []fault.Fault{fault.AcceptExpired}, 2 * time.Second, reports.NotApplicable},
		{"lives too long", nil, time.Millisecond, reports.NotApplicable},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := reference.Options{AccessTokenLifetime: time.Second, Faults: c.faults}
			report := against(t, o, "rs-401-expired-token", func(target *probes.Target) {
				target.Lab, target.Wait = nil, c.wait
			})
			if r := report.Find("rs-401-expired-token"); r == nil || r.Outcome != c.want {
				t.Errorf("want %s: %+v", c.want, r)
			}
		})
	}
}

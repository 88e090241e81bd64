package suites_test

import (
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
	"github.com/mcpassay/mcpassay/reports"
)

// TestRealProxy judges an authorization server that has an identity provider sign
// users in, both written by others, by the checks on such proxies. All else about
// that server is judged where it signs users in itself.
func TestRealProxy(t *testing.T) {
	report := onReal(t, trial{deployment: deployments.WorkersProxy}, "/^as-proxy/ || as-code-flow")
	remembersNothing := map[string]bool{"as-proxy-consent-cookie-bound": true, "as-proxy-consent-cookie-flags": true}
	for i := range report.Results {
		r := &report.Results[i]
		want := reports.Pass
		if remembersNothing[r.ID] {
			want = reports.NotApplicable
		}
		if r.Outcome != want {
			t.Error(describe(r))
		}
	}
	if len(report.Results) < 10 {
		t.Errorf("only %d results", len(report.Results))
	}
}

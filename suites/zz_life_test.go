package suites_test

import "testing"

func TestZZ(t *testing.T) {
	for _, which := range trials {
		which.browser = false
		r := onReal(t, which, "as-race-code || as-race-refresh || as-race-refresh-benign || as-race-revocation || as-refresh-ends || as-refresh-expired-refused || as-client-secret-expires || rs-revoked-token-refused")
		t.Log(which.deployment.Name, r.Took)
		for i := range r.Results {
			t.Log(describe(&r.Results[i]), r.Results[i].Notes)
		}
	}
}

package visits

import (
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

// TestSoundClient shows that a sound client passes in every situation that is
// served, at names of their own with TLS and at ports, and that the report agrees.
func TestSoundClient(t *testing.T) {
	for name, named := range map[string]bool{"names": true, "ports": false} {
		t.Run(name, func(t *testing.T) {
			b := run(t, named, nil)
			for _, revision := range []suites.Revision{suites.V20251125, suites.V20260728} {
				to := b.arriveAs(t, "Ferry", revision)
				for _, in := range b.grounds.Situations(revision) {
					now := b.take(t, to, in).look()
					want := map[client.Ending]reports.Cell{client.Works: reports.CellWorks, client.Refuses: reports.CellRefuses}[in.Ends]
					if now.cell != want {
						t.Errorf("%s: %s: %q, want %q\n%v", revision, in.ID, now.cell, want, now.Lines)
					}
					for _, c := range now.Checks {
						if c.Mark != markGood && c.outcome != reports.NotApplicable && !(onScreen[c.ID] && c.outcome == reports.Review) {
							t.Errorf("%s: %s: %s %s: %s", revision, in.ID, c.ID, c.Word, c.Said)
						}
					}
				}
				for _, r := range to.report().Results {
					if r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable && !elsewhere[r.ID] && !(onScreen[r.ID] && r.Outcome == reports.Review) {
						t.Errorf("%s: %s: %s: %s", revision, r.ID, r.Outcome, r.Message)
					}
				}
			}
		})
	}
}

// onScreen are checks on what a client shows, which its user has to look at.
var onScreen = map[string]bool{
	"client-dcr-rejection-surfaced": true, "client-iss-on-error-responses": true, "client-prereg-mismatch-error": true,
}

// elsewhere are checks on situations that are not served.
var elsewhere = map[string]bool{}

// TestDefects shows that clients are judged as on the command line: by what a
// defective one sent.
func TestDefects(t *testing.T) {
	b := run(t, true, nil)
	to := b.arriveAs(t, "Ferry", suites.V20260728)
	for _, x := range []struct {
		situation string
		defect    testclient.Defect
		check     string
		cell      reports.Cell
	}{
		{"sound", testclient.NoPKCE, "client-pkce-s256", reports.CellGivesUp},
		{"sound", testclient.DoesNothing, "", reports.CellNotReached},
		{"iss-foreign", testclient.IssUnchecked, "client-rejects-iss-mismatch", reports.CellProceeds},
		{"call-redirected", testclient.TokenFollows, "client-token-not-sent-elsewhere", reports.CellProceeds},
		{"mix-up", testclient.IssUnchecked, "client-mix-up-fails", reports.CellProceeds},
	} {
		now := b.take(t, to, find(t, x.situation), x.defect).look()
		if now.cell != x.cell {
			t.Errorf("%s, a client that %s: %q, want %q", x.situation, x.defect.Doc, now.cell, x.cell)
		}
		failed := x.check == ""
		for _, c := range now.Checks {
			failed = failed || c.ID == x.check && c.outcome == reports.Fail
			if x.check == "" && c.outcome == reports.Pass {
				t.Errorf("%s passes a client that does nothing", c.ID)
			}
		}
		if !failed {
			t.Errorf("%s: %s does not notice a client that %s: %+v", x.situation, x.check, x.defect.Doc, now.Checks)
		}
	}
}

// find finds a situation by its id.
func find(t *testing.T, id string) *client.Situation {
	t.Helper()
	for _, in := range client.Situations() {
		if in.ID == id {
			return in
		}
	}
	t.Fatalf("there is no situation %q", id)
	return nil
}

// ordinary is a situation without anything special about it.
func ordinary(t *testing.T) *client.Situation { return find(t, "sound") }

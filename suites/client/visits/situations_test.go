package visits

import (
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

// TestSoundClient shows that a sound client passes in every situation that is
// served, wherever the servers are reached, and that the report agrees.
func TestSoundClient(t *testing.T) {
	both := []suites.Revision{suites.V20251125, suites.V20260728}
	for _, x := range []struct {
		name          string
		named, remote bool
		attended      bool
		revisions     []suites.Revision
	}{
		{"names", true, true, false, both}, {"ports", false, false, false, both[1:]},
		{"ports of a public host", false, true, false, both[1:]}, {"names, attended", true, true, true, both[1:]},
	} {
		t.Run(x.name, func(t *testing.T) {
			b := serve(t, x.named, x.remote, nil)
			for _, revision := range x.revisions {
				to := b.arriveAs(t, "Ferry", revision)
				if x.attended {
					to = b.arriveAttending(t, revision)
				}
				for _, in := range b.grounds.Situations(revision) {
					now := b.take(t, to, in).look()
					want := map[client.Ending]reports.Cell{client.Works: reports.CellWorks, client.Refuses: reports.CellRefuses}[in.Ends]
					if now.cell != want {
						t.Errorf("%s: %s: %q, want %q\n%v", revision, in.ID, now.cell, want, now.Lines)
					}
					for _, c := range now.Checks {
						// What is undecided here may be decided elsewhere, which the report has to show.
						bad := c.Mark != markGood && c.outcome != reports.NotApplicable && c.outcome != reports.Inconclusive
						if bad && (!onScreen[c.ID] || c.outcome != reports.Review) {
							t.Errorf("%s: %s: %s %s: %s", revision, in.ID, c.ID, c.Word, c.Said)
						}
					}
				}
				for _, r := range to.report().Results {
					if elsewhere[r.ID] && r.Outcome == reports.Inconclusive {
						continue
					}
					if r.Outcome != reports.Pass && r.Outcome != reports.NotApplicable && (!onScreen[r.ID] || r.Outcome != reports.Review) {
						t.Errorf("%s: %s: %s: %s", revision, r.ID, r.Outcome, r.Message)
					}
				}
			}
		})
	}
}

// onScreen are checks on what a client shows, which its user has to look at.
var onScreen = map[string]bool{
	"client-wif-failure-handling": true, "client-dcr-rejection-surfaced": true, "client-iss-on-error-responses": true, "client-prereg-mismatch-error": true,
}

// elsewhere are checks on what only a client shows that was started here: it cannot
// be served, or what the client does on its machine would have to be seen.
var elsewhere = map[string]bool{
	"client-authz-url-no-shell": true, "client-authz-url-scheme-allowlist": true, "client-callback-escapes": true,
	"client-callback-own-response": true, "client-elicitation-url-consent": true, "client-external-user-agent": true,
	"client-https-and-certificates": true, "client-icons-without-credentials": true, "client-no-open-redirector": true,
	"client-opener-schemes": true, "client-ssrf-https-only": true, "client-ssrf-private-addresses": true,
	"client-ssrf-redirects": true, "client-token-request-https": true,
}

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

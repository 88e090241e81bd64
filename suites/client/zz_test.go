package client
import ("testing";"github.com/mcpassay/mcpassay/suites";"strings")
func TestZZ(t *testing.T) {
	for _, rev := range []suites.Revision{suites.V20250326, suites.V20250618, suites.V20251125, suites.V20260728} {
		report, grid := judge(t, rev)
		for i := range report.Results {
			r := &report.Results[i]
			for _, f := range r.Facets {
				if f.Outcome != "pass" { t.Logf("%s %s: %s %s: %s", rev, r.ID, f.Situation, f.Outcome, f.Message) }
			}
		}
		var odd []string
		for id, c := range grid { if c != CellWorks && c != CellRefuses { odd = append(odd, id+"="+string(c)) } }
		t.Log(rev, len(grid), strings.Join(odd, ","))
	}
}

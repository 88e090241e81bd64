package main

import (
	"strings"

	"github.com/mcpassay/mcpassay/reports"
)

// confirm judges again, in the browser, what failed or warned: no finding rests
// on a user agent that only fills in forms. Where the browser comes to another
// verdict, that one holds.
func confirm(report *reports.Report, inBrowser func(filter string) (*reports.Report, error)) error {
	var ids []string
	for _, r := range report.Results {
		if r.Outcome == reports.Fail || r.Outcome == reports.Warn {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	again, err := inBrowser(strings.Join(ids, " || "))
	if err != nil {
		return err
	}
	for _, id := range ids {
		first := report.Find(id)
		if second := again.Find(id); second != nil {
			if second.Outcome != first.Outcome {
				second.Notes = append(second.Notes, "without a browser the verdict was: "+string(first.Outcome))
			}
			*first = *second
			continue
		}
		first.Outcome, first.Owner, first.Message = reports.Inconclusive, reports.Mcpassay, "a finding of the forms user agent that could not be confirmed in a browser"
		if again.Stopped != nil {
			first.Owner = again.Stopped.Owner
			first.Message += ": " + again.Stopped.Message
		}
	}
	report.Took += again.Took
	report.Chain += again.Chain
	report.Interrupted = report.Interrupted || again.Interrupted
	report.Residue = append(report.Residue, again.Residue...)
	report.Budget.Spent = again.Budget.Spent // the client counts both runs
	report.Budget.Registrations += again.Budget.Registrations
	report.Budget.Flows += again.Budget.Flows
	return nil
}

package suites

import (
	"errors"
	"fmt"

	"github.com/onsi/ginkgo/v2"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reports"
)

// outcomeEntry is the report entry that overrides what a failure or skip means.
const outcomeEntry = "outcome"

// NotApplicable ends an assertion that turned out not to apply, for a positive reason.
func NotApplicable(format string, args ...any) {
	ginkgo.Skip(fmt.Sprintf(format, args...), 1)
}

// Warn ends an assertion of a MUST with a warning: legal but risky, or contested.
func Warn(format string, args ...any) {
	ginkgo.AddReportEntry(outcomeEntry, reports.Warn, ginkgo.ReportEntryVisibilityNever)
	ginkgo.Fail(fmt.Sprintf(format, args...), 1)
}

// Review ends an assertion that a person has to decide.
func Review(format string, args ...any) {
	ginkgo.AddReportEntry(outcomeEntry, reports.Review, ginkgo.ReportEntryVisibilityNever)
	ginkgo.Skip(fmt.Sprintf(format, args...), 1)
}

// Undecided ends an assertion that cannot be decided, and says why.
func Undecided(d *probes.Deployment, owner reports.Owner, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	d.File(&probes.Blocked{Owner: owner, Err: errors.New(message)})
	ginkgo.Fail(message, 1)
}

// BlockedBy ends an assertion that waits for what another check judges.
func BlockedBy(d *probes.Deployment, b *probes.Blocked) {
	d.File(b)
	ginkgo.Fail(b.Error(), 1)
}

// LeaveTo ends an assertion that another check has to judge first.
func LeaveTo(d *probes.Deployment, id string, owner reports.Owner, format string, args ...any) {
	BlockedBy(d, &probes.Blocked{By: id, Owner: owner, Err: fmt.Errorf(format, args...)})
}

// Hindered ends an assertion about several attempts of which one could not be
// made.
func Hindered(d *probes.Deployment, attempt string, err error) {
	t := probes.Trouble(err)
	BlockedBy(d, &probes.Blocked{By: t.By, Owner: t.Owner, Err: fmt.Errorf("%s: %w", attempt, t.Err)})
}

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

package suites

import (
	"fmt"
	"strings"

	"github.com/onsi/ginkgo/v2/types"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reports"
)

// facet is the verdict on one assertion: the state of its spec and the trouble
// of its probes decide.
func facet(j *judged, s types.SpecReport, t *probes.Blocked, r Revision) reports.Facet {
	f := reports.Facet{Title: s.LeafNodeText, Message: j.view.Redact(tidy(s.Failure.Message))}
	override, overridden := overriding(s)
	switch s.State {
	case types.SpecStatePassed:
		f.Outcome, f.Message = reports.Pass, ""
	case types.SpecStateSkipped, types.SpecStatePending:
		f.Outcome = reports.NotApplicable
		if f.Message == "" { // nobody skipped it: Ginkgo does so with what is left after an interruption
			f.Outcome, f.Message = reports.Inconclusive, "the run ended before this was judged"
		}
	case types.SpecStateFailed:
		switch {
		case t != nil && t.By == j.check.ID: // what fell is what this check judges
			f.Outcome, f.Message = failing(j.check.LevelIn(r)), j.view.Redact(t.Err.Error())
		case t != nil:
			f.Outcome, f.Message = reports.Inconclusive, j.view.Redact(t.Error())
		default:
			f.Outcome = failing(j.check.LevelIn(r))
		}
	default: // panicked, timed out, interrupted, aborted
		f.Outcome = reports.Inconclusive
		if s.State == types.SpecStatePanicked {
			f.Message = "mcpassay panicked: " + j.view.Redact(s.Failure.ForwardedPanic)
		}
	}
	if overridden && (f.Outcome == reports.Fail || f.Outcome == reports.Warn || f.Outcome == reports.NotApplicable) {
		f.Outcome = override
	}
	return f
}

func failing(l Level) reports.Outcome {
	if l == Must {
		return reports.Fail
	}
	return reports.Warn
}

func overriding(s types.SpecReport) (reports.Outcome, bool) {
	for _, entry := range s.ReportEntries {
		if entry.Name == outcomeEntry {
			outcome, ok := entry.GetRawValue().(reports.Outcome)
			return outcome, ok
		}
	}
	return "", false
}

// precedence orders the outcomes of assertions into that of their check.
var precedence = []reports.Outcome{
	reports.Fail, reports.Warn, reports.Review, reports.Inconclusive, reports.Pass, reports.NotApplicable,
}

// result is the verdict on a check.
func (j *judged) result(r Revision) reports.Result {
	c := j.check
	result := reports.Result{
		ID: c.ID, Title: c.Title, Area: string(c.Area), Role: string(c.Role), Level: string(c.LevelIn(r)),
		Severity: string(c.Severity), Since: string(c.Since), Cites: c.Cites, Covers: c.Covers, Remedy: c.Remedy,
		Facets: j.facets, Notes: j.view.Notes(), Took: j.view.Chain(), Evidence: j.view.Evidence(),
	}
	for _, o := range precedence {
		for i, f := range j.facets {
			if f.Outcome != o {
				continue
			}
			result.Outcome = o
			result.Message, _, _ = strings.Cut(f.Message, "\n")
			result.Owner, result.BlockedBy = j.owner(o, i)
			j.doubtEdge(&result)
			return result
		}
	}
	result.Outcome, result.Owner, result.Message = reports.Inconclusive, reports.Mcpassay, "no assertion was reached"
	return result
}

// doubtEdge takes a pass back that rests on refusals of a firewall: the server was
// not asked.
func (j *judged) doubtEdge(result *reports.Result) {
	if result.Outcome != reports.Pass {
		return
	}
	if n := j.view.AtEdge(result.Evidence); n > 0 {
		result.Outcome, result.Owner, result.BlockedBy = reports.Inconclusive, reports.Edge, "firewall"
		result.Message = fmt.Sprintf("%d of the attacks were answered by something before the server, as it answers any that looks like one: what the server would have said is not known", n)
	}
}

// owner is whose trouble an outcome is.
func (j *judged) owner(o reports.Outcome, facet int) (owner reports.Owner, blockedBy string) {
	switch o {
	case reports.Fail, reports.Warn, reports.Review:
		if j.check.Role == RS {
			return reports.ResourceServer, ""
		}
		return reports.AuthServer, ""
	case reports.Inconclusive:
		if t := j.troubles[facet]; t != nil {
			return t.Owner, t.By
		}
		return reports.Mcpassay, ""
	}
	return "", ""
}

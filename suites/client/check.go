package client

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// A Check is one requirement on clients, judged by what a client did in one or
// more situations.
type Check struct {
	ID, Title    string
	Area         suites.Area
	Level        suites.Level
	Severity     suites.Severity
	Cites        []suites.Cite
	Since, Until suites.Revision
	Covers       []string // rows of the requirement catalogues
	Remedy       string
	Defects      []testclient.Defect // what it must catch
	In           []*Situation        // nil: every situation in which a client is to get through
	Beside       []*Situation        // that Judge looks at as well, with Trace.in
	Judge        func(*Trace) Verdict

	// Tolerance says that the check fails only on clients that refuse what they
	// need not. Those may declare that they do so on purpose.
	Tolerance bool
	// Consequence says that whatever else went wrong in a situation makes this
	// check fail there as well: then it is blocked by that.
	Consequence bool
}

// A Verdict is what a check says of a client in one situation.
type Verdict struct {
	Outcome   reports.Outcome
	Message   string
	blockedBy string // the check that this one depends on
}

func passes() Verdict { return Verdict{Outcome: reports.Pass} }

func fails(format string, args ...any) Verdict {
	return Verdict{Outcome: reports.Fail, Message: fmt.Sprintf(format, args...)}
}

// notReached says that the client never did what the check is about.
func notReached(what string) Verdict { return Verdict{Outcome: reports.Inconclusive, Message: what} }

func notApplicable(why string) Verdict {
	return Verdict{Outcome: reports.NotApplicable, Message: why}
}

var catalogue []*Check

// Register adds a check. It panics on one that is not complete.
func Register(c Check) *Check {
	complete := c.Title != "" && c.Area != "" && c.Level != "" && c.Severity != "" && c.Remedy != "" &&
		len(c.Cites) > 0 && len(c.Defects) > 0 && c.Judge != nil && strings.HasPrefix(c.ID, "client-")
	if !complete || Find(c.ID) != nil {
		panic(fmt.Sprintf("check %q is not complete, or declared twice", c.ID))
	}
	catalogue = append(catalogue, &c)
	return &c
}

// Catalogue returns every check, sorted by id.
func Catalogue() []*Check {
	sorted := slices.Clone(catalogue)
	slices.SortFunc(sorted, func(a, b *Check) int { return strings.Compare(a.ID, b.ID) })
	return sorted
}

// Find returns the check with the id, or nil.
func Find(id string) *Check {
	for _, c := range catalogue {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// situations are those that the check is judged in, in a revision.
func (c *Check) situations(r suites.Revision) []*Situation {
	if c.Since != "" && r < c.Since || c.Until != "" && r > c.Until {
		return nil
	}
	in := c.In
	if in == nil {
		in = slices.DeleteFunc(Situations(), func(s *Situation) bool { return s.Ends != Works || s.Apart })
	}
	return slices.DeleteFunc(slices.Clone(in), func(s *Situation) bool { return !s.binds(r) })
}

package reports

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Summary writes for a person at a terminal what a run found: what is wrong
// first, each finding with its owner, evidence and remedy, and the totals last,
// where the eye rests.
func Summary(w io.Writer, r *Report, style Style) error {
	s := &summary{report: r, style: style, results: inOrder(r.Results)}
	s.header()
	switch {
	case r.Stopped != nil:
		s.stopped()
	default:
		for _, o := range []Outcome{Fail, Warn, Review} {
			for _, result := range byWeight(s.results, o) {
				s.finding(result)
			}
		}
		s.undecided()
		s.notApplicable()
	}
	s.residue()
	s.totals()
	_, err := io.WriteString(w, s.String())
	return err
}

type summary struct {
	strings.Builder
	report  *Report
	style   Style
	results []*Result
}

func (s *summary) printf(format string, args ...any) {
	fmt.Fprintf(&s.Builder, format, args...)
}

func (s *summary) header() {
	r := s.report
	s.printf("\n%s\n", s.style.paint(bold, line(r.Target, 500)))
	if r.Issuer != "" {
		s.field("issuer", line(r.Issuer, 500))
	}
	if r.Revision != "" {
		s.field("revision", "MCP "+line(r.Revision, 60))
	}
	if set := r.Requirements; set != nil {
		s.field("held to", fmt.Sprintf("%s, %s, sha256 %.12s", line(set.ID, 60), count(set.Rows, "requirement"), line(set.SHA256, 64)))
	}
	took := fmt.Sprintf("%s, %s", line(r.Tool, 60), seconds(r.Took))
	if r.Chain > 0 {
		took += fmt.Sprintf(" (the longest chain of requests %s)", seconds(r.Chain))
	}
	if r.UserAgent != "" {
		took += ", user agent " + line(r.UserAgent, 60)
	}
	s.field("run", took)
	s.field("asked", budget(&r.Budget))
	if s.style.Folder != "" {
		s.field("reports", strings.Join([]string{s.file(JUnitFile), s.file(JSONFile), s.file(evidenceFolder)}, ", "))
	}
}

func budget(b *Budget) string {
	asked := fmt.Sprintf("%s, at most %d at once", count(int(b.Requests), "request"), b.Peak)
	if b.Concurrency > 0 {
		asked += fmt.Sprintf(" of %d allowed", b.Concurrency)
	}
	asked += fmt.Sprintf("; %s; %s", count(b.Flows, "authorization"), count(b.Registrations, "registration"))
	if b.MaxRegistrations > 0 {
		asked += fmt.Sprintf(" of %d allowed", b.MaxRegistrations)
	}
	if b.RateLimited > 0 {
		asked += fmt.Sprintf("; %s with 429", count(int(b.RateLimited), "answer"))
	}
	return asked
}

// field writes a labelled text, wrapped, its further lines below its first.
func (s *summary) field(label, text string) {
	const indent = 12
	lines := wrap(paragraph(text, 4000), s.style.width()-indent)
	for i, l := range lines {
		if i > 0 {
			label = ""
		}
		s.printf("  %s %s\n", s.style.paint(dim, fmt.Sprintf("%-9s", label)), l)
	}
}

func (s *summary) title(o Outcome, text string, after ...string) {
	s.printf("\n%s %s", s.style.paint(hue(o), badge(o)), s.style.paint(bold, text))
	if words := line(strings.Join(after, ", "), 100); words != "" {
		s.printf("  %s", s.style.paint(dim, words))
	}
	s.WriteByte('\n')
}

func (s *summary) finding(r *Result) {
	s.title(r.Outcome, r.ID, slices.DeleteFunc([]string{r.Level, r.Severity}, func(w string) bool { return w == "" })...)
	for _, l := range wrap(line(r.Title, 300), s.style.width()-2) {
		s.printf("  %s\n", l)
	}
	s.field("owner", string(r.Owner))
	said, label := findings(r), "found"
	for _, finding := range said {
		if len(said) > 1 {
			finding = "- " + finding
		}
		s.field(label, paragraph(finding, 1500))
		label = ""
	}
	for _, note := range r.Notes {
		s.field("note", line(note, 500))
	}
	s.field("evidence", s.evidence(r))
	if r.Remedy != "" {
		s.field("fix", line(r.Remedy, 1500))
	}
	if cited := sources(r); cited != "" {
		s.field("sources", line(cited, 500))
	}
	if n := len(s.blockedBy(r.ID)); n > 0 {
		s.field("blocks", count(n, "check"))
	}
}

// evidence is the request that decided, its answer, and where to read on.
func (s *summary) evidence(r *Result) string {
	where := EvidencePath(r)
	if where == "" {
		return ""
	}
	where = s.file(where)
	if x := decisive(r); x != nil {
		return gist(x, s.style.width()-20) + "\n" + where
	}
	return where
}

// file is the path of a file of the report, from where the reader is.
func (s *summary) file(name string) string {
	return filepath.Join(s.style.Folder, filepath.FromSlash(name))
}

func (s *summary) blockedBy(cause string) []*Result {
	var blocked []*Result
	for _, r := range s.results {
		if r.BlockedBy == cause {
			blocked = append(blocked, r)
		}
	}
	return blocked
}

// undecided lists what was blocked under its cause, one cause at a time, and
// whatever else could not be decided with its reason.
func (s *summary) undecided() {
	var causes []string
	for _, r := range s.results {
		if r.BlockedBy != "" && !slices.Contains(causes, r.BlockedBy) {
			causes = append(causes, r.BlockedBy)
		}
	}
	for _, cause := range causes {
		blocked := s.blockedBy(cause)
		s.title(Inconclusive, "blocked by "+line(cause, 100), count(len(blocked), "check"))
		if found := s.report.Find(cause); found == nil || (found.Outcome != Fail && found.Outcome != Warn) {
			s.field("owner", string(blocked[0].Owner))
			s.field("because", strings.TrimPrefix(line(headline(blocked[0]), 500), "blocked by "+cause+": "))
		}
		s.field("checks", ids(blocked))
	}
	for _, r := range byWeight(s.results, Inconclusive) {
		if r.BlockedBy == "" {
			s.title(Inconclusive, r.ID)
			s.field("owner", string(r.Owner))
			s.field("because", line(headline(r), 500))
			s.field("evidence", s.evidence(r))
		}
	}
}

// notApplicable lists ids under the reason they share.
func (s *summary) notApplicable() {
	var reasons []string
	under := map[string][]*Result{}
	for _, r := range s.results {
		if r.Outcome != NotApplicable || r.BlockedBy != "" {
			continue
		}
		reason := line(headline(r), 300)
		if under[reason] == nil {
			reasons = append(reasons, reason)
		}
		under[reason] = append(under[reason], r)
	}
	if len(reasons) == 0 {
		return
	}
	s.title(NotApplicable, "not applicable", count(s.report.Count(NotApplicable), "check"))
	for _, reason := range reasons {
		for i, l := range wrap(reason+": "+ids(under[reason]), s.style.width()-4) {
			s.printf("  %s%s\n", strings.Repeat("  ", min(i, 1)), s.style.paint(dim, l))
		}
	}
}

func (s *summary) stopped() {
	stop := s.report.Stopped
	s.printf("\n%s %s\n", s.style.paint(red, "STOPPED"), s.style.paint(bold, "no check was run"))
	s.field("because", paragraph(stop.Message, 1500))
	s.field("owner", string(stop.Owner))
	s.field("fix", line(stop.Remedy, 1500))
}

func (s *summary) residue() {
	if len(s.report.Residue) == 0 {
		return
	}
	s.printf("\n%s %s\n", s.style.paint(yellow, "LEFT BEHIND"), s.style.paint(bold, "could not be removed; please do"))
	for _, left := range s.report.Residue {
		s.field(line(left.Kind, 9), line(left.Name, 200)+": "+line(left.Why, 300))
	}
}

// totals is the last line.
func (s *summary) totals() {
	r := s.report
	var parts []string
	for _, total := range []struct {
		outcome Outcome
		text    string
		always  bool
	}{
		{Pass, "passed", true}, {Fail, "failed", true}, {Warn, "warned", true}, {Review, "to review", false},
		{Inconclusive, "undecided", true}, {NotApplicable, "not applicable", false},
	} {
		n := r.Count(total.outcome)
		text := fmt.Sprintf("%d %s", n, total.text)
		switch {
		case n > 0:
			parts = append(parts, s.style.paint(hue(total.outcome), text))
		case total.always:
			parts = append(parts, text)
		}
	}
	if r.Interrupted {
		parts = append(parts, s.style.paint(red, "interrupted"))
	}
	s.printf("\n%s\n", strings.Join(parts, ", "))
}

func ids(results []*Result) string {
	ids := make([]string, len(results))
	for i, r := range results {
		ids[i] = line(r.ID, 100)
	}
	return strings.Join(ids, ", ")
}

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// elapsed writes the time since start in whole seconds.
func elapsed(start, now time.Time) string {
	return now.Sub(start).Truncate(time.Second).String()
}

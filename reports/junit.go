package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"
)

// The junit types know no properties of a test case. The fields below lie
// shallower than those they shadow, so encoding/xml writes them in their stead;
// the embedded types still count.
type (
	testcase struct {
		Properties []junit.Property `xml:"properties>property,omitempty"`
		junit.Testcase
	}
	testsuite struct {
		junit.Testsuite
		Testcases []testcase `xml:"testcase,omitempty"`
	}
	testsuites struct {
		junit.Testsuites
		Suites []testsuite `xml:"testsuite,omitempty"`
	}
)

// WriteJUnit writes a suite per area and a case per check. With strict, a warning
// is a failure.
func WriteJUnit(w io.Writer, r *Report, strict bool) error {
	all := testsuites{}
	all.Name, all.Time = line(r.Tool, 100), xmlSeconds(r.Took)
	if r.Stopped != nil {
		all.add(preflight(r))
	}
	var current *testsuite
	var took time.Duration
	finish := func() {
		if current != nil {
			current.Time = xmlSeconds(took)
			all.add(*current)
		}
	}
	for _, result := range inOrder(r.Results) {
		if name := class(result); current == nil || current.Name != name {
			finish()
			current, took = newSuite(r, name, len(all.Suites)), 0
		}
		took += result.Took
		current.add(newCase(result, r, strict))
	}
	finish()

	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.EncodeElement(all, xml.StartElement{Name: xml.Name{Local: "testsuites"}}); err != nil {
		return fmt.Errorf("write the report as JUnit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (t *testsuites) add(s testsuite) {
	t.AddSuite(s.Testsuite)
	t.Suites = append(t.Suites, s)
}

func (s *testsuite) add(c testcase) {
	s.AddTestcase(c.Testcase)
	s.Testcases = append(s.Testcases, c)
}

// class is the role and area of a check: its suite, and its class name.
func class(r *Result) string { return line(r.Role, 100) + "." + line(r.Area, 100) }

func newSuite(r *Report, name string, id int) *testsuite {
	s := &testsuite{}
	s.Name, s.ID = name, id
	s.SetTimestamp(r.Start.UTC())
	if target, err := url.Parse(r.Target); err == nil {
		s.Hostname = line(target.Hostname(), 255)
	}
	for _, p := range [][2]string{{"tool", r.Tool}, {"target", r.Target}, {"issuer", r.Issuer}, {"revision", r.Revision}, {"user_agent", r.UserAgent}} {
		if p[1] != "" {
			s.AddProperty(p[0], line(p[1], 1000))
		}
	}
	if set := r.Requirements; set != nil {
		s.AddProperty("requirements", line(set.ID, 100))
		s.AddProperty("requirements_sha256", line(set.SHA256, 100))
	}
	if r.Interrupted {
		s.AddProperty("interrupted", "true")
	}
	if id == 0 { // once is enough
		for _, in := range r.Situations {
			s.AddProperty("situation."+line(in.ID, 100), line(string(in.Cell), 100))
		}
	}
	return s
}

// preflight is the suite of a run that ended before its first check.
func preflight(r *Report) testsuite {
	s := newSuite(r, "preflight", 0)
	s.Time = xmlSeconds(r.Took)
	body := fmt.Sprintf("%s\n\nowner: %s\nfix: %s\n", r.Stopped.Message, r.Stopped.Owner, r.Stopped.Remedy)
	s.add(testcase{
		Properties: []junit.Property{{Name: "owner", Value: string(r.Stopped.Owner)}},
		Testcase: junit.Testcase{
			Name: "preflight: the deployment can be tested", Classname: "preflight", Time: s.Time, Status: string(Inconclusive),
			Error: &junit.Result{Type: string(r.Stopped.Owner), Message: line(r.Stopped.Message, messageLimit), Data: paragraph(body, bodyLimit)},
		},
	})
	return *s
}

const (
	messageLimit = 500      // bytes of a message, which is shown on one line
	bodyLimit    = 64 << 10 // bytes of what follows it
	curlLimit    = 8 << 10  // bytes of a command within
	listed       = 30       // exchanges named within
)

func newCase(r *Result, report *Report, strict bool) testcase {
	c := testcase{
		Properties: caseProperties(r, report),
		Testcase: junit.Testcase{
			Name: line(r.ID+": "+r.Title, 500), Classname: class(r), Time: xmlSeconds(r.Took), Status: string(r.Outcome),
		},
	}
	if r.ID == LedgerCheck {
		c.SystemOut = &junit.Output{Data: paragraph(ledgerText(report.Ledger), bodyLimit)}
	}
	said := &junit.Result{Type: strings.ToLower(r.Level), Message: line(firstLine(headline(r)), messageLimit)}
	switch {
	case r.Outcome == Pass:
	case r.Outcome == Fail, r.Outcome == Warn && strict:
		said.Data = caseBody(r)
		c.Failure = said
	case r.Outcome == Inconclusive:
		said.Type, said.Data = string(Inconclusive), caseBody(r)
		c.Error = said
	case r.Outcome == Warn:
		said.Data = caseBody(r)
		c.Skipped = said
	case r.Outcome == NotApplicable:
		said.Type = string(r.Outcome) // and the message says why
		c.Skipped = said
	default:
		said.Type, said.Data = string(r.Outcome), caseBody(r)
		c.Skipped = said
	}
	return c
}

// ledgerText is the identity ledger, a spelling on a line.
func ledgerText(entries []Entry) string {
	var b strings.Builder
	for _, of := range []string{"resource", "issuer", "client"} {
		for _, e := range entries {
			if e.Of != of {
				continue
			}
			fmt.Fprintf(&b, "%-9s %-26s %s\n", e.Of, line(e.Where, 100), line(e.Value, 500))
			if e.ComparedBy != "" {
				fmt.Fprintf(&b, "%-36s compared by %s\n", "", e.ComparedBy)
			}
			if e.Differs != "" {
				fmt.Fprintf(&b, "%-36s differs: %s\n", "", line(e.Differs, 500))
			}
		}
	}
	return b.String()
}

// headline is the message of a check; if it has none, that of the first facet
// that did not pass.
func headline(r *Result) string {
	if strings.TrimSpace(r.Message) != "" {
		return r.Message
	}
	for _, said := range findings(r) {
		return said
	}
	if r.BlockedBy != "" {
		return "blocked by " + r.BlockedBy
	}
	return string(r.Outcome)
}

func caseProperties(r *Result, report *Report) []junit.Property {
	var properties []junit.Property
	add := func(name, value string) {
		if value != "" {
			properties = append(properties, junit.Property{Name: name, Value: line(value, 1000)})
		}
	}
	for _, c := range r.Cites {
		add("cite", c.String())
	}
	add("level", r.Level)
	add("severity", r.Severity)
	add("revision", report.Revision)
	add("since", r.Since)
	if r.Outcome != Pass {
		add("owner", string(r.Owner))
		add("blocked_by", r.BlockedBy)
	}
	add("evidence", EvidencePath(r))
	return properties
}

// caseBody makes sense to somebody who sees nothing else of the report.
func caseBody(r *Result) string {
	var b strings.Builder
	for _, said := range findings(r) {
		fmt.Fprintf(&b, "%s\n", paragraph(said, bodyLimit/8))
	}
	b.WriteString("\n")
	remedy := r.Remedy
	if r.BlockedBy != "" {
		remedy = "" // that of what blocks it
	}
	for _, item := range [][2]string{{"owner", string(r.Owner)}, {"blocked by", r.BlockedBy}, {"fix", remedy}, {"sources", sources(r)}} {
		if item[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", item[0], line(item[1], 2000))
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", line(note, 1000))
	}
	if r.BlockedBy == "" {
		caseTranscript(&b, r)
	}
	return paragraph(b.String(), bodyLimit)
}

func caseTranscript(b *strings.Builder, r *Result) {
	x := decisive(r)
	if x == nil {
		return
	}
	b.WriteString("\n")
	transcript(b, x)
	if command := curl(x); command != "" {
		fmt.Fprintf(b, "\n%s\n", paragraph(command, curlLimit))
	}
	fmt.Fprintf(b, "\nall %d exchanges, in full in %s:\n", len(r.Evidence), EvidencePath(r))
	late := r.Evidence // what decides comes late
	if more := len(late) - listed; more > 0 {
		fmt.Fprintf(b, "  … %d before these\n", more)
		late = late[more:]
	}
	for _, x := range late {
		if x != nil {
			fmt.Fprintf(b, "  %s\n", gist(x, 200))
		}
	}
}

func sources(r *Result) string {
	cited := make([]string, len(r.Cites))
	for i, c := range r.Cites {
		cited[i] = c.String()
	}
	return strings.Join(cited, "; ")
}

func xmlSeconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

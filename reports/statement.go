package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// StatementType is the JOSE typ of a signed statement.
const StatementType = "mcpassay-statement+json"

// StatementVersion is raised when a member of a statement changes its meaning.
const StatementVersion = 1

// Bounds of a statement that somebody else wrote.
const (
	maxStated     = 2000 // checks, and situations
	statedText    = 300  // bytes of a text in it
	statedClaimed = 4 << 20
)

// A Statement says what a client was put through, and what came of it. It is made
// to be signed: it says all that a reader needs to compare it with a report.
type Statement struct {
	Version  int         `json:"statement_version"`
	Tool     string      `json:"tool"` // mcpassay and its version
	Client   NamedClient `json:"client"`
	Revision string      `json:"revision"` // of MCP
	Date     time.Time   `json:"date"`
	Set      ScenarioSet `json:"scenario_set"`

	Checks     []StatedCheck     `json:"checks"`
	Situations []StatedSituation `json:"situations"`
}

// A NamedClient is a client as its makers name it.
type NamedClient struct {
	Name         string `json:"name"`
	Version      string `json:"version,omitempty"`
	Organisation string `json:"organisation,omitempty"`
}

// String is the client's name and version.
func (c NamedClient) String() string {
	return strings.TrimSpace(line(c.Name, statedText) + " " + line(c.Version, statedText))
}

// A ScenarioSet names the checks and situations of a run. Runs with the same
// digest judged the same.
type ScenarioSet struct {
	SHA256     string `json:"sha256"` // of ids, titles, levels and endings
	Checks     int    `json:"checks"`
	Situations int    `json:"situations"`
}

// A StatedCheck is a check and what came of it.
type StatedCheck struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Level   string  `json:"level"`
	Outcome Outcome `json:"outcome"`
}

// A StatedSituation is a situation, how far the client got, and what they said to
// each other.
type StatedSituation struct {
	ID               string `json:"id"`
	Title            string `json:"title"`
	Expected         Cell   `json:"expected"`
	Cell             Cell   `json:"cell"`
	TranscriptSHA256 string `json:"transcript_sha256"`
}

// State makes a statement of a report on a client. One that was interrupted, or
// that judged nothing, states nothing.
func State(r *Report, c NamedClient) (*Statement, error) {
	switch {
	case r.Interrupted || r.Stopped != nil:
		return nil, errors.New("no statement is made of a run that did not end")
	case len(r.Results) == 0 || len(r.Situations) == 0:
		return nil, errors.New("no statement is made of a run that judged nothing")
	}
	if c.Name == "" {
		return nil, errors.New("no statement is made of a client without a name")
	}
	c = NamedClient{line(c.Name, statedText), line(c.Version, statedText), line(c.Organisation, statedText)}
	checks, situations := stated(r)
	return &Statement{
		Version: StatementVersion, Tool: r.Tool, Client: c, Revision: r.Revision, Date: r.Start.UTC().Truncate(time.Second),
		Set: r.Scenarios(), Checks: checks, Situations: situations,
	}, nil
}

// stated are the checks and situations of a report, by id.
func stated(r *Report) ([]StatedCheck, []StatedSituation) {
	checks := make([]StatedCheck, 0, len(r.Results))
	for i := range r.Results {
		x := &r.Results[i]
		checks = append(checks, StatedCheck{x.ID, x.Title, x.Level, x.Outcome})
	}
	situations := make([]StatedSituation, 0, len(r.Situations))
	for i := range r.Situations {
		x := &r.Situations[i]
		situations = append(situations, StatedSituation{x.ID, x.Title, x.Expected, x.Cell, x.TranscriptSHA256})
	}
	slices.SortFunc(checks, func(a, b StatedCheck) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(situations, func(a, b StatedSituation) int { return strings.Compare(a.ID, b.ID) })
	return checks, situations
}

// Scenarios is the set of checks and situations of the report.
func (r *Report) Scenarios() ScenarioSet {
	checks, situations := stated(r)
	return scenarios(r.Revision, checks, situations)
}

// scenarios is a set with its digest: that of a JSON array whose every element is
// an array of strings, so that nothing reads in two ways.
func scenarios(revision string, checks []StatedCheck, situations []StatedSituation) ScenarioSet {
	rows := [][]string{{"revision", revision}}
	for _, c := range checks {
		rows = append(rows, []string{"check", c.ID, c.Title, c.Level})
	}
	for _, s := range situations {
		rows = append(rows, []string{"situation", s.ID, s.Title, string(s.Expected)})
	}
	text, err := json.Marshal(rows)
	if err != nil { // strings can always be encoded
		panic(err)
	}
	return ScenarioSet{SHA256: digest(text), Checks: len(checks), Situations: len(situations)}
}

// Count returns how many checks have the outcome.
func (s *Statement) Count(o Outcome) int {
	n := 0
	for _, c := range s.Checks {
		if c.Outcome == o {
			n++
		}
	}
	return n
}

// JSON is the statement as it is signed.
func (s *Statement) JSON() ([]byte, error) { return json.Marshal(s) }

// ReadStatement reads what somebody signed. It believes nothing: see Check.
func ReadStatement(data []byte) (*Statement, error) {
	if len(data) > statedClaimed {
		return nil, errors.New("the statement is too long")
	}
	var s Statement
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields() // nothing is signed that is not shown
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("read the statement: %s", line(err.Error(), statedText))
	}
	if s.Version != StatementVersion {
		return nil, fmt.Errorf("read the statement: it has version %d, not %d", s.Version, StatementVersion)
	}
	if again, err := s.JSON(); err != nil || string(again) != string(data) { // so that it has exactly one reading
		return nil, errors.New("read the statement: not in the form in which statements are written")
	}
	return &s, nil
}

// Check tells whether the statement agrees with itself: its digest with the checks
// and situations it lists, and these with what there is.
func (s *Statement) Check() error {
	if len(s.Checks) == 0 || len(s.Situations) == 0 || len(s.Checks) > maxStated || len(s.Situations) > maxStated {
		return errors.New("it lists no checks or situations, or too many")
	}
	for i, c := range s.Checks {
		switch {
		case i > 0 && s.Checks[i-1].ID >= c.ID:
			return fmt.Errorf("check %q is listed twice, or out of order", line(c.ID, 100))
		case !slices.Contains(Outcomes, c.Outcome):
			return fmt.Errorf("check %q has no outcome that there is", line(c.ID, 100))
		}
	}
	for i, x := range s.Situations {
		switch {
		case i > 0 && s.Situations[i-1].ID >= x.ID:
			return fmt.Errorf("situation %q is listed twice, or out of order", line(x.ID, 100))
		case !slices.Contains(Cells, x.Cell):
			return fmt.Errorf("situation %q has no ending that there is", line(x.ID, 100))
		}
	}
	if got := scenarios(s.Revision, s.Checks, s.Situations); got != s.Set {
		return fmt.Errorf("its scenario set has digest %s, and it says %s", got.SHA256, line(s.Set.SHA256, 64))
	}
	return nil
}

// A TranscriptReader returns the transcript of a situation; its error is for one
// that cannot be read.
type TranscriptReader func(s *Situation) ([]byte, error)

// Against compares the statement with the report it is said to be of, and with
// the transcripts that lie beside it. The error names what first differs.
func (s *Statement) Against(r *Report, transcript TranscriptReader) error {
	differs := func(what, theirs, ours string) error {
		return fmt.Errorf("%s is %q in the report, and the statement says %q", what, line(theirs, statedText), line(ours, statedText))
	}
	checks, situations := stated(r)
	if len(checks) != len(s.Checks) || len(situations) != len(s.Situations) {
		return fmt.Errorf("the report has %d checks and %d situations, and the statement %d and %d",
			len(checks), len(situations), len(s.Checks), len(s.Situations))
	}
	for _, x := range [][3]string{
		{"the revision", r.Revision, s.Revision}, {"the version of mcpassay", r.Tool, s.Tool},
		{"the date", r.Start.UTC().Format(time.RFC3339), s.Date.Format(time.RFC3339)},
	} {
		if x[1] != x[2] {
			return differs(x[0], x[1], x[2])
		}
	}
	for i, c := range checks {
		if c != s.Checks[i] {
			return differs("check "+line(c.ID, 100), string(c.Outcome)+" of "+c.ID, string(s.Checks[i].Outcome)+" of "+s.Checks[i].ID)
		}
	}
	for i, x := range situations {
		if x != s.Situations[i] {
			return differs("situation "+line(x.ID, 100), string(x.Cell)+", transcript "+x.TranscriptSHA256,
				string(s.Situations[i].Cell)+", transcript "+s.Situations[i].TranscriptSHA256)
		}
	}
	for i := range r.Situations {
		x := &r.Situations[i]
		text, err := transcript(x)
		if err != nil {
			return fmt.Errorf("the transcript of %s: %w", line(x.ID, 100), err)
		}
		if got := digest(text); got != x.TranscriptSHA256 {
			return fmt.Errorf("the transcript of %s has digest %s, and the statement says %s", line(x.ID, 100), got, x.TranscriptSHA256)
		}
	}
	return nil
}

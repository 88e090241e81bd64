package reports

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func statement(t *testing.T, r *Report, c NamedClient) *Statement {
	t.Helper()
	s, err := State(r, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reread is what a reader of the signed statement has.
func reread(t *testing.T, s *Statement) *Statement {
	t.Helper()
	text, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadStatement(text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func transcripts(r *Report) TranscriptReader {
	return func(s *Situation) ([]byte, error) {
		for i := range r.Situations {
			if r.Situations[i].ID == s.ID {
				return []byte(r.Situations[i].transcript), nil
			}
		}
		return nil, errors.New("there is none")
	}
}

func TestStatement(t *testing.T) {
	r := clientSample()
	s := reread(t, statement(t, r, NamedClient{"Ferry", "1.2", "Harbour"}))
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if err := s.Against(r, transcripts(r)); err != nil {
		t.Error(err)
	}
	if s.Set.Checks != 4 || s.Set.Situations != 5 || s.Count(Fail) != 1 || s.Set != r.Scenarios() {
		t.Errorf("%+v", s.Set)
	}
	var b strings.Builder
	if err := WriteStatement(&b, &Signed{Statement: s, Algorithm: "ES256", Thumbprint: "abc"}, Style{Width: 90}); err != nil {
		t.Fatal(err)
	}
	golden(t, "statement.txt", b.String())
	if _, err := State(r, NamedClient{}); err == nil {
		t.Error("a client without a name is stated")
	}
}

// TestScenarioSet shows what the digest of the set depends on: what was asked, and
// not what came of it.
func TestScenarioSet(t *testing.T) {
	want := clientSample().Scenarios()
	same := clientSample()
	same.Results[0], same.Results[1] = same.Results[1], same.Results[0]
	same.Results[0].Outcome, same.Situations[0].Cell = Pass, CellRefuses
	if got := same.Scenarios(); got != want {
		t.Errorf("the digest depends on order or outcome: %v, %v", got, want)
	}
	for name, change := range map[string]func(*Report){
		"revision":         func(r *Report) { r.Revision = "2025-11-25" },
		"id":               func(r *Report) { r.Results[0].ID = "x" },
		"title":            func(r *Report) { r.Results[0].Title = "x" },
		"level":            func(r *Report) { r.Results[0].Level = "MAY" },
		"check less":       func(r *Report) { r.Results = r.Results[1:] },
		"situation":        func(r *Report) { r.Situations[0].ID = "x" },
		"situation's text": func(r *Report) { r.Situations[0].Title = "x" },
		"ending":           func(r *Report) { r.Situations[0].Expected = CellWorks },
		"situation less":   func(r *Report) { r.Situations = r.Situations[1:] },
	} {
		r := clientSample()
		change(r)
		if r.Scenarios().SHA256 == want.SHA256 {
			t.Errorf("%s: the digest does not change", name)
		}
	}
}

func TestStateRefuses(t *testing.T) {
	for name, change := range map[string]func(*Report){
		"interrupted":   func(r *Report) { r.Interrupted = true },
		"stopped":       func(r *Report) { r.Stopped = &Stop{} },
		"no checks":     func(r *Report) { r.Results = nil },
		"no situations": func(r *Report) { r.Situations = nil },
	} {
		r := clientSample()
		change(r)
		if _, err := State(r, NamedClient{Name: "x"}); err == nil {
			t.Errorf("%s: stated", name)
		}
	}
}

// TestStatementAgainst shows that a report that says anything else is noticed.
func TestStatementAgainst(t *testing.T) {
	signed := statement(t, clientSample(), NamedClient{Name: "x"})
	for name, change := range map[string]func(*Report){
		"revision":   func(r *Report) { r.Revision = "x" },
		"version":    func(r *Report) { r.Tool = "x" },
		"date":       func(r *Report) { r.Start = r.Start.AddDate(0, 0, 1) },
		"outcome":    func(r *Report) { r.Results[0].Outcome = Pass },
		"check less": func(r *Report) { r.Results = r.Results[1:] },
		"cell":       func(r *Report) { r.Situations[0].Cell = CellRefuses },
		"digest":     func(r *Report) { r.Situations[0].TranscriptSHA256 = strings.Repeat("0", 64) },
		"transcript": func(r *Report) { r.Situations[0].transcript += "x" },
	} {
		r := clientSample()
		change(r)
		if err := signed.Against(r, transcripts(r)); err == nil {
			t.Errorf("%s: nothing is noticed", name)
		}
	}
	if err := signed.Against(clientSample(), func(*Situation) ([]byte, error) { return nil, io.ErrUnexpectedEOF }); err == nil {
		t.Error("a transcript that cannot be read is not noticed")
	}
}

// TestReadStatement shows that a statement with a good signature may still say
// what none of ours does.
func TestReadStatement(t *testing.T) {
	text, err := statement(t, clientSample(), NamedClient{Name: "x"}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"no JSON": "x", "nothing": "", "null": "null", "another version": strings.Replace(string(text), `"statement_version":1`, `"statement_version":2`, 1),
		"unknown member": strings.Replace(string(text), `{`, `{"x":1,`, 1), "something after it": string(text) + "{}", "a member twice": strings.Replace(string(text), `{`, `{"tool":"x",`, 1),
		"another case": strings.Replace(string(text), `"tool"`, `"Tool"`, 1), "another type": strings.Replace(string(text), `"checks":[`, `"checks":[7,`, 1), "white space": string(text) + " ",
		"too long": strings.Repeat(" ", statedClaimed+1),
	} {
		if _, err := ReadStatement([]byte(bad)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	for name, change := range map[string]func(*Statement){
		"no checks":            func(s *Statement) { s.Checks = nil },
		"no situations":        func(s *Statement) { s.Situations = nil },
		"too many checks":      func(s *Statement) { s.Checks = make([]StatedCheck, maxStated+1) },
		"a check twice":        func(s *Statement) { s.Checks[1] = s.Checks[0] },
		"an unknown outcome":   func(s *Statement) { s.Checks[0].Outcome = "splendid" },
		"a situation twice":    func(s *Statement) { s.Situations[1] = s.Situations[0] },
		"an unknown cell":      func(s *Statement) { s.Situations[0].Cell = "splendid" },
		"another title":        func(s *Statement) { s.Checks[0].Title = "x" },
		"another digest":       func(s *Statement) { s.Set.SHA256 = "x" },
		"another total":        func(s *Statement) { s.Set.Checks = 400 },
		"a check left out":     func(s *Statement) { s.Checks = s.Checks[1:] },
		"a situation left out": func(s *Statement) { s.Situations = s.Situations[1:] },
		"another revision":     func(s *Statement) { s.Revision = "x" },
	} {
		s := statement(t, clientSample(), NamedClient{Name: "x"})
		change(s)
		if s.Check() == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// TestStatementHostile shows what somebody else's statement and badge can do to
// whoever looks at them: nothing.
func TestStatementHostile(t *testing.T) {
	s := statement(t, hostileClient(), NamedClient{hostileText, hostileText, hostileText})
	s.Client = NamedClient{hostileText, hostileText, hostileText} // as a stranger writes it
	s.Set.SHA256 = hostileText
	var b strings.Builder
	if err := WriteStatement(&b, &Signed{Statement: s, Algorithm: "ES256", Thumbprint: hostileText}, Style{}); err != nil {
		t.Fatal(err)
	}
	if r := unsafe(b.String()); r != 0 || b.Len() > 100<<10 {
		t.Errorf("the text holds %U, and has %d bytes", r, b.Len())
	}
	badge := badgeOf(t, s)
	if r := unsafe(badge); r != 0 || len(badge) > 8<<10 {
		t.Errorf("the badge holds %U, and has %d bytes", r, len(badge))
	}
}

// badgeOf is the badge, which is sound XML of the elements that it is made of.
func badgeOf(t *testing.T, s *Statement) string {
	t.Helper()
	var b strings.Builder
	if err := WriteBadge(&b, s); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		if e, ok := token.(xml.StartElement); ok && !slices.Contains([]string{"svg", "title", "clipPath", "rect", "g", "text"}, e.Name.Local) {
			t.Errorf("the badge has an element %s", e.Name.Local)
		}
	}
}

func TestBadge(t *testing.T) {
	s := statement(t, clientSample(), NamedClient{Name: "Ferry <&\"'>", Version: "1.2"})
	got := badgeOf(t, s)
	golden(t, "badge.svg", got)
	for outcomes, colour := range map[[2]Outcome]string{
		{Pass, Pass}: "#1b6e35", {Pass, Warn}: "#8a5a00", {Pass, NotApplicable}: "#1b6e35", {Inconclusive, Pass}: "#8a5a00",
		{Warn, Fail}: "#b3261e", {NotApplicable, NotApplicable}: "#8a5a00",
	} {
		s.Checks = []StatedCheck{{Outcome: outcomes[0]}, {Outcome: outcomes[1]}}
		if !strings.Contains(badgeOf(t, s), colour) {
			t.Errorf("%v is not %s", outcomes, colour)
		}
	}
}

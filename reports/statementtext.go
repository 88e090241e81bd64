package reports

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A Signed is a statement whose signature verifies, and by whom it was signed.
type Signed struct {
	*Statement
	Algorithm, Thumbprint string
	Known                 bool // the reader named the key

	Whole    bool // the set is all that this version judges
	Compared bool // with the report
}

// WriteStatement says for a person what is proven, and what is claimed.
func WriteStatement(w io.Writer, s *Signed, style Style) error {
	t := &summary{style: style}
	t.printf("\n%s %s\n", style.paint(green, "VERIFIED"), style.paint(bold, "the signature is good, and the digests agree"))
	t.field("signed", s.Algorithm+", key "+line(s.Thumbprint, 64))
	if s.Known {
		t.field("by", "the holder of the key that you gave")
	} else {
		t.field("by", "whoever made the key that came with it: nothing was changed since, and nothing is proven about who signed. "+
			"Get the signer's key from the signer, and give it with --key.")
	}
	if s.Compared {
		t.field("report", "says the same, and its transcripts are those that were signed")
	} else {
		t.field("report", "not compared: give it with --report")
	}
	t.printf("\n%s\n", style.paint(bold, "It claims"))
	t.field("client", claimed(s.Client.String()))
	t.field("from", line(s.Client.Organisation, statedText))
	t.field("judged by", claimed(line(s.Tool, 100))+" on "+s.Date.UTC().Format(time.RFC3339))
	t.field("revision", "MCP "+line(s.Revision, 60))
	part := "not all that this mcpassay judges, or another version's"
	if s.Whole {
		part = "all that this mcpassay judges"
	}
	t.field("set", fmt.Sprintf("%s before %s: %s; sha256 %s", count(s.Set.Checks, "check"), count(s.Set.Situations, "situation"), part, line(s.Set.SHA256, 64)))
	t.stated(s.Statement)
	_, err := io.WriteString(w, t.String())
	return err
}

func claimed(text string) string {
	if text == "" {
		return "(nothing)"
	}
	return text
}

// stated lists the checks under their outcomes, and the totals.
func (s *summary) stated(t *Statement) {
	var totals []string
	for _, o := range Outcomes {
		var with []*Result
		for _, c := range t.Checks {
			if c.Outcome == o {
				with = append(with, &Result{ID: c.ID})
			}
		}
		if len(with) == 0 {
			continue
		}
		s.title(o, count(len(with), "check"))
		for _, l := range wrap(ids(with), s.style.width()-2) {
			s.printf("  %s\n", l)
		}
		totals = append(totals, s.style.paint(hue(o), fmt.Sprintf("%d %s", len(with), o)))
	}
	s.printf("\n%s\n", strings.Join(totals, ", "))
}

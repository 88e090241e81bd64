package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// A Cell is how far a client got in a situation.
type Cell string

// The cells of the grid.
const (
	CellWorks      Cell = "works"
	CellRefuses    Cell = "refuses correctly"
	CellProceeds   Cell = "proceeds although it must not"
	CellGivesUp    Cell = "fails although it need not"
	CellNotReached Cell = "not reached"
)

// Cells are all of them, the good ones first.
var Cells = []Cell{CellWorks, CellRefuses, CellProceeds, CellGivesUp, CellNotReached}

// A Situation is one deployment that a client was put in front of.
type Situation struct {
	ID       string `json:"id"`
	Title    string `json:"title"`              // completes "a deployment that …"
	Profile  string `json:"profile,omitempty"`  // shape of deployments that it is about
	Expected Cell   `json:"expected"`           // of a client that keeps the rules
	Scenario string `json:"scenario,omitempty"` // name by which the client was told of it
	Cell     Cell   `json:"cell"`
	Ended    string `json:"ended,omitempty"` // how the client did

	Quirks []string `json:"quirks,omitempty"` // ids of what chance drew

	Took             time.Duration `json:"took_ns"`
	Exchanges        int           `json:"exchanges"`
	TranscriptSHA256 string        `json:"transcript_sha256,omitempty" jsonschema:"of the file of the situation in the folder transcripts"`

	transcript string
}

// Record keeps what the client and its deployment said to each other, and its
// digest. Secrets in it are marks already.
func (s *Situation) Record(exchanges []*wire.Exchange) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\na deployment that %s\n\nexpected  %s\ncame out  %s\n", transcriptTitle, line(s.ID, 100), line(s.Title, 300), s.Expected, s.Cell)
	if s.Ended != "" {
		fmt.Fprintf(&b, "ended     %s\n", line(s.Ended, 300))
	}
	if len(s.Quirks) > 0 {
		fmt.Fprintf(&b, "quirks    %s\n", line(strings.Join(s.Quirks, ", "), 300))
	}
	for i, x := range exchanges {
		if x == nil {
			continue
		}
		if b.Len() > maxTranscript {
			fmt.Fprintf(&b, "\n… %s more\n", count(len(exchanges)-i, "exchange"))
			break
		}
		fmt.Fprintf(&b, "\n──── %d/%d  %s  %s\n", i+1, len(exchanges), x.At.UTC().Format("2006-01-02 15:04:05.000"), line(x.Purpose, 100))
		transcript(&b, x)
	}
	s.Exchanges, s.transcript = len(exchanges), b.String()
	s.TranscriptSHA256 = digest([]byte(s.transcript))
}

// maxTranscript bounds what is kept of a client that never stops, in bytes.
const maxTranscript = 2 << 20

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// hue is the style of a cell.
func (c Cell) hue() string {
	switch c {
	case CellWorks, CellRefuses:
		return green
	case CellProceeds, CellGivesUp:
		return red
	}
	return yellow
}

// WriteGrid writes for a person at a terminal how far a client got in each
// situation, a situation on a line, and nothing if there are none. Deployments of
// real shapes follow those with a single fault or oddity.
func WriteGrid(w io.Writer, r *Report, style Style) error {
	if len(r.Situations) == 0 {
		return nil
	}
	g := newGridTable(r, style)
	var single, profiled []*Situation
	for i := range r.Situations {
		if s := &r.Situations[i]; s.Profile == "" {
			single = append(single, s)
		} else {
			profiled = append(profiled, s)
		}
	}
	slices.SortStableFunc(profiled, func(a, b *Situation) int { return strings.Compare(a.Profile, b.Profile) })
	g.group("situation", single)
	g.group("shape", profiled)
	var parts []string
	for _, c := range Cells {
		if n := r.CountCell(c); n > 0 {
			parts = append(parts, style.paint(c.hue(), fmt.Sprintf("%d %s", n, gridTotals[c])))
		}
	}
	fmt.Fprintf(&g.b, "\n%s: %s\n", count(len(r.Situations), "situation"), strings.Join(parts, ", "))
	if slices.ContainsFunc(profiled, func(s *Situation) bool { return len(s.Quirks) > 0 }) {
		fmt.Fprintf(&g.b, "chance drew quirks from the seed %d; --seed %[1]d draws the same\n", r.Seed)
	}
	_, err := io.WriteString(w, g.b.String())
	return err
}

// A gridTable is the grid while it is written.
type gridTable struct {
	b                  strings.Builder
	style              Style
	idWidth, cellWidth int
}

const gridCell, gridTitle = "the client", "before a deployment that"

func newGridTable(r *Report, style Style) *gridTable {
	g := &gridTable{style: style, idWidth: len("situation"), cellWidth: len(gridCell)}
	for _, s := range r.Situations {
		g.idWidth = max(g.idWidth, utf8.RuneCountInString(line(s.ID, gridID)))
		g.cellWidth = max(g.cellWidth, utf8.RuneCountInString(line(string(s.Cell), gridID)))
	}
	return g
}

// group writes situations under a heading.
func (g *gridTable) group(heading string, situations []*Situation) {
	if len(situations) == 0 {
		return
	}
	room := g.style.width() - g.idWidth - g.cellWidth - 4
	fmt.Fprintf(&g.b, "\n%s\n", g.style.paint(bold, fmt.Sprintf("%-*s  %-*s  %s", g.idWidth, heading, g.cellWidth, gridCell, gridTitle)))
	for _, s := range situations {
		cell := line(string(s.Cell), gridID)
		pad := strings.Repeat(" ", g.cellWidth-utf8.RuneCountInString(cell))
		told := s.Title
		if len(s.Quirks) > 0 {
			told += " (" + strings.Join(s.Quirks, ", ") + ")"
		}
		fmt.Fprintf(&g.b, "%-*s  %s%s", g.idWidth, line(s.ID, gridID), g.style.paint(s.Cell.hue(), cell), pad)
		for i, l := range wrap(line(told, 300), max(room, 20)) {
			if i > 0 {
				fmt.Fprintf(&g.b, "\n%*s", g.idWidth+g.cellWidth+2, "")
			}
			g.b.WriteString("  " + g.style.paint(dim, l))
		}
		g.b.WriteByte('\n')
	}
}

const gridID = 60 // bytes of an id in the grid

// gridTotals is what a cell reads like after a number.
var gridTotals = map[Cell]string{
	CellWorks: "worked", CellRefuses: "refused correctly", CellProceeds: "went on although it must not",
	CellGivesUp: "failed although it need not", CellNotReached: "not reached",
}

// CountCell returns how many situations came out so.
func (r *Report) CountCell(c Cell) int {
	n := 0
	for i := range r.Situations {
		if r.Situations[i].Cell == c {
			n++
		}
	}
	return n
}

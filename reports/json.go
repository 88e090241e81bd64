package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// SchemaVersion is raised when a member of the JSON report changes its meaning
// or goes away. A new member does not raise it.
const SchemaVersion = 1

// A Document is the report as written in JSON. report.schema.json describes it.
// Many checks rest on the same exchanges, so these stand once, at the end.
type Document struct {
	SchemaVersion int `json:"schema_version" jsonschema:"version of this schema; raised when a member changes its meaning or goes away"`
	Report
	Counts    map[Outcome]int    `json:"counts" jsonschema:"how many results have each outcome"`
	Results   []DocumentResult   `json:"results"`
	Exchanges []DocumentExchange `json:"exchanges,omitempty" jsonschema:"every exchange that a result rests on, in the order they began"`
}

// A DocumentResult is a result that names its exchanges.
type DocumentResult struct {
	Result
	Evidence []int `json:"evidence,omitempty" jsonschema:"ids of exchanges"`
}

// A DocumentExchange is an exchange that results name. Of long bodies only the
// beginning is kept, and less if all those results are passes: the evidence files
// hold more.
type DocumentExchange struct {
	ID int `json:"id" jsonschema:"what the evidence of results calls it"`
	wire.Exchange
}

// WriteJSON writes everything the report knows, its results in a stable order and
// its exchanges one on a line. What could disturb a terminal that shows the file
// is escaped.
func WriteJSON(w io.Writer, r *Report) error {
	doc := document(r)
	exchanges := doc.Exchanges
	doc.Exchanges = nil
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // the file is no page, and holds many
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(doc); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	text := numbers.ReplaceAllFunc(b.Bytes(), joinLines)
	if len(exchanges) > 0 {
		text = append(bytes.TrimSuffix(text, []byte("\n}\n")), ",\n  \"exchanges\": [\n"...)
		for i := range exchanges {
			line, err := oneLine(&exchanges[i])
			if err != nil {
				return fmt.Errorf("write the report as JSON: %w", err)
			}
			text = append(append(text, "    "...), line...)
			if i < len(exchanges)-1 {
				text = append(text, ',')
			}
			text = append(text, '\n')
		}
		text = append(text, "  ]\n}\n"...)
	}
	_, err := w.Write(escape(text))
	return err
}

func document(r *Report) *Document {
	doc := &Document{SchemaVersion: SchemaVersion, Report: *r, Counts: map[Outcome]int{}}
	for _, o := range Outcomes {
		doc.Counts[o] = r.Count(o)
	}
	exchanges, telling := shared(r)
	ids := make(map[*wire.Exchange]int, len(exchanges))
	for i, x := range exchanges {
		limit := brief
		if telling[x] {
			limit = bodyKept
		}
		kept := *x
		kept.Request, kept.Answer = excerpt(x.Request, limit), excerpt(x.Answer, limit)
		ids[x] = i + 1
		doc.Exchanges = append(doc.Exchanges, DocumentExchange{i + 1, kept})
	}
	doc.Results = make([]DocumentResult, 0, len(r.Results))
	for _, result := range inOrder(r.Results) {
		listed := DocumentResult{Result: *result}
		if listed.Cites == nil {
			listed.Cites = []Cite{}
		}
		for _, x := range result.Evidence {
			if x != nil {
				listed.Evidence = append(listed.Evidence, ids[x])
			}
		}
		doc.Results = append(doc.Results, listed)
	}
	return doc
}

// shared are the exchanges that any result rests on, each once, in the order they
// began. Those are telling that a result other than a pass rests on.
func shared(r *Report) (all []*wire.Exchange, telling map[*wire.Exchange]bool) {
	seen := map[*wire.Exchange]bool{nil: true}
	telling = map[*wire.Exchange]bool{}
	for i := range r.Results {
		result := &r.Results[i]
		for _, x := range result.Evidence {
			if !seen[x] {
				seen[x] = true
				all = append(all, x)
			}
			if result.Outcome != Pass {
				telling[x] = true
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *wire.Exchange) int { return a.At.Compare(b.At) })
	return all, telling
}

// ReadJSON reads a report that WriteJSON wrote. Results that rest on the same
// exchange share it again.
func ReadJSON(r io.Reader) (*Report, error) {
	var doc Document
	if err := json.NewDecoder(r).Decode(&doc); err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	if doc.SchemaVersion != SchemaVersion {
		return nil, fmt.Errorf("read the report: its schema has version %d, not %d", doc.SchemaVersion, SchemaVersion)
	}
	exchanges := map[int]*wire.Exchange{}
	for i := range doc.Exchanges {
		exchanges[doc.Exchanges[i].ID] = &doc.Exchanges[i].Exchange
	}
	report := doc.Report
	for _, listed := range doc.Results {
		result := listed.Result
		for _, id := range listed.Evidence {
			x := exchanges[id]
			if x == nil {
				return nil, fmt.Errorf("read the report: %s rests on exchange %d, which is not there", result.ID, id)
			}
			result.Evidence = append(result.Evidence, x)
		}
		report.Results = append(report.Results, result)
	}
	return &report, nil
}

// numbers finds a list of numbers with one on a line. No string looks like it:
// strings hold no line feed.
var numbers = regexp.MustCompile(`\[\n +\d+(,\n +\d+)*\n +\]`)

func joinLines(list []byte) []byte {
	return bytes.ReplaceAll(bytes.Join(bytes.Fields(list), nil), []byte(","), []byte(", "))
}

func oneLine(x *DocumentExchange) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(x)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// escape spells out the runes of a JSON text that do more than show themselves
// and that encoding/json leaves alone. They can only be part of strings.
func escape(text []byte) []byte {
	escaped := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r < utf8.RuneSelf || readable(r):
			escaped = append(escaped, text[:n]...)
		case r > 0xFFFF:
			high, low := (r-0x10000)>>10+0xD800, (r-0x10000)&0x3FF+0xDC00
			escaped = fmt.Appendf(escaped, `\u%04x\u%04x`, high, low)
		default:
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		}
		text = text[n:]
	}
	return escaped
}

package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// SchemaVersion is raised when a member of the JSON report changes its meaning
// or goes away. A new member does not raise it.
const SchemaVersion = 1

// A Document is the report as written in JSON. report.schema.json describes it.
type Document struct {
	SchemaVersion int `json:"schema_version" jsonschema:"version of this schema; raised when a member changes its meaning or goes away"`
	Report
	Counts map[Outcome]int `json:"counts" jsonschema:"how many results have each outcome"`
}

// WriteJSON writes everything the report knows, its results in a stable order.
// What could disturb a terminal that shows the file is escaped.
func WriteJSON(w io.Writer, r *Report) error {
	doc := Document{SchemaVersion: SchemaVersion, Report: *r, Counts: map[Outcome]int{}}
	for _, o := range Outcomes {
		doc.Counts[o] = r.Count(o)
	}
	doc.Results = make([]Result, 0, len(r.Results))
	for _, result := range inOrder(r.Results) {
		if result.Cites == nil {
			copied := *result
			copied.Cites = []Cite{}
			result = &copied
		}
		doc.Results = append(doc.Results, *result)
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(doc); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	_, err := w.Write(escape(buffer.Bytes()))
	return err
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

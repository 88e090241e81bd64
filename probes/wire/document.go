package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
)

// A Document is a JSON object whose members stay raw, since absent, null and of
// the wrong type are three different things.
type Document struct {
	Members   map[string]json.RawMessage
	Names     []string // in the order they stand
	Duplicate []string // names that stand more than once; the last value is kept
}

// ParseDocument parses a JSON object. It accepts nothing before or after it.
func ParseDocument(body []byte) (*Document, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if token != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	doc := &Document{Members: map[string]json.RawMessage{}}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		name := token.(string) // the decoder lets nothing else stand here
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("member %q: %w", name, err)
		}
		if _, twice := doc.Members[name]; twice {
			doc.Duplicate = append(doc.Duplicate, name)
		} else {
			doc.Names = append(doc.Names, name)
		}
		doc.Members[name] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return doc, nil
}

// Has tells whether the member is there, null included.
func (d *Document) Has(name string) bool {
	if d == nil {
		return false
	}
	_, ok := d.Members[name]
	return ok
}

// String returns the member if it is a string.
func (d *Document) String(name string) (string, bool) {
	var s *string
	if !d.Has(name) || json.Unmarshal(d.Members[name], &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// Strings returns the member if it is an array of strings.
func (d *Document) Strings(name string) ([]string, bool) {
	var list []*string
	if !d.Has(name) || json.Unmarshal(d.Members[name], &list) != nil || list == nil || slices.Contains(list, nil) {
		return nil, false
	}
	values := make([]string, len(list))
	for i, s := range list {
		values[i] = *s
	}
	return values, true
}

// Number returns the member if it is a number.
func (d *Document) Number(name string) (float64, bool) {
	var n *float64
	if !d.Has(name) || json.Unmarshal(d.Members[name], &n) != nil || n == nil {
		return 0, false
	}
	return *n, true
}

// Bool returns the member if it is true or false.
func (d *Document) Bool(name string) (value, ok bool) {
	var b *bool
	if !d.Has(name) || json.Unmarshal(d.Members[name], &b) != nil || b == nil {
		return false, false
	}
	return *b, true
}

// MediaType is the media type of an answer, without parameters, in lower case.
func (r *Response) MediaType() string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

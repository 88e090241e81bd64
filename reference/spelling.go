package reference

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// respell makes a body readable that the guard would refuse, for the faults that
// let guard and transport read different messages. What the transport is to run
// is kept in a header that nobody else can set.
func (e *endpoint) respell(r *http.Request) {
	r.Header.Del(runsHeader)
	if !e.faults.Has(fault.ScopeFirstMember) && !e.faults.Has(fault.ScopeExactMember) || r.Method != http.MethodPost {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var last map[string]any
	if json.Unmarshal(body, &last) != nil {
		return
	}
	seen := body
	var run []byte
	if e.faults.Has(fault.ScopeFirstMember) {
		var first any
		if first, err = firstMembers(json.NewDecoder(bytes.NewReader(body))); err != nil {
			return
		}
		seen, _ = json.Marshal(first)
		run, _ = json.Marshal(last)
	} else {
		run, _ = json.Marshal(memberFolded(last))
	}
	if !bytes.Equal(seen, run) {
		r.Body = io.NopCloser(bytes.NewReader(seen))
		r.Header.Set(runsHeader, string(run))
	}
}

const runsHeader = "X-Reference-Runs"

// misread hands the transport another message than the guard has read.
func (e *endpoint) misread(r *http.Request, m messages) {
	run := r.Header.Get(runsHeader)
	if run == "" || len(m) == 0 {
		return
	}
	r.Header.Del(runsHeader)
	actual, err := readMessage([]byte(run))
	if err != nil {
		return
	}
	m[0].runs = actual.tool
	r.Body = io.NopCloser(strings.NewReader(run))
	if r.Header.Get("Mcp-Method") != "" {
		r.Header.Set("Mcp-Method", actual.method)
		r.Header.Set("Mcp-Name", actual.tool)
	}
}

// firstMembers reads a JSON value, and of members of one name the first.
func firstMembers(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		object := map[string]any{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := firstMembers(d)
			if err != nil {
				return nil, err
			}
			if key, _ := name.(string); object[key] == nil {
				object[key] = value
			}
		}
		_, err = d.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := firstMembers(d)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = d.Token()
		return list, err
	}
	return t, nil
}

// memberFolded spells the members of a request, and of its parameters, in lower case.
func memberFolded(request map[string]any) map[string]any {
	object := map[string]any{}
	for name, value := range request {
		if inner, ok := value.(map[string]any); ok && strings.EqualFold(name, "params") {
			params := map[string]any{}
			for n, v := range inner {
				if strings.EqualFold(n, "name") || strings.EqualFold(n, "arguments") {
					n = strings.ToLower(n)
				}
				params[n] = v
			}
			value = params
		}
		object[strings.ToLower(name)] = value
	}
	return object
}

package reference

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// serviceKey is what a resource server with fault.ServiceKeyUpstream calls upstream with.
const serviceKey = "reference-service-key-00000000"

// A notebook keeps one note for each caller, so that the effect of a call, and
// whose it was, can be seen from outside.
type notebook struct {
	mu    sync.Mutex
	notes map[string]string
}

const maxNote = 4096

func (n *notebook) read(who *caller) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.notes[who.identity()]
}

func (n *notebook) write(who *caller, text string) error {
	_, err := n.change(who, func(string) string { return text })
	return err
}

// change replaces a note by a function of it, in one step.
func (n *notebook) change(who *caller, change func(string) string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := change(n.notes[who.identity()])
	if len(text) > maxNote {
		return "", errors.New("the note is too long")
	}
	if _, known := n.notes[who.identity()]; !known && len(n.notes) >= maxRemembered {
		return "", errors.New("the notebook is full")
	}
	n.notes[who.identity()] = text
	return text, nil
}

type (
	nothing struct{}
	noteIn  struct {
		Text string `json:"text" jsonschema:"the text of the note"`
	}
)

// addTool adds a tool that needs the scopes. Its result is one text. A tool
// without arguments only reads.
func addTool[In any](e *endpoint, name, description string, scopes []string, run func(context.Context, *caller, In) (string, error)) {
	e.scopes[name] = scopes
	_, reads := any(*new(In)).(nothing)
	mcp.AddTool(e.server, &mcp.Tool{Name: name, Description: description, Annotations: &mcp.ToolAnnotations{ReadOnlyHint: reads}},
		func(ctx context.Context, req *mcp.CallToolRequest, in In) (*mcp.CallToolResult, any, error) {
			who, err := admittedTo(req, name)
			if err != nil {
				return nil, nil, err
			}
			text, err := run(ctx, who, in)
			if err != nil {
				return nil, nil, err
			}
			return textResult(text), nil, nil
		})
}

// admittedTo is who calls a tool, if the guard has let this call of it pass.
func admittedTo(req *mcp.CallToolRequest, name string) (*caller, error) {
	admitted, ok := req.Extra.TokenInfo.Extra["admission"].(*admission)
	if !ok || !slices.Contains(admitted.tools, name) {
		return nil, errors.New("not admitted")
	}
	return admitted.who, nil
}

// addNoteTools adds the tools that every endpoint has.
func (e *endpoint) addNoteTools() {
	notes := &notebook{notes: map[string]string{}}
	addTool(e, "whoami", "Says whom the access token speaks for.", nil,
		func(_ context.Context, who *caller, _ nothing) (string, error) {
			said, err := json.Marshal(map[string]any{"sub": who.Subject, "client_id": who.Client, "scopes": who.Scopes})
			if e.faults.Has(fault.CallerTokenShown) {
				return string(said) + " " + who.token, err
			}
			return string(said), err
		})
	addTool(e, "read_note", "Reads your note.", []string{scopeRead},
		func(_ context.Context, who *caller, _ nothing) (string, error) { return e.readNote(notes, who), nil })
	addTool(e, "write_note", "Replaces your note.", []string{scopeWrite},
		func(_ context.Context, who *caller, in noteIn) (string, error) {
			return "noted", notes.write(who, in.Text)
		})
	addTool(e, "append_note", "Adds to your note and reads it back.", []string{scopeRead, scopeWrite},
		func(_ context.Context, who *caller, in noteIn) (string, error) {
			return notes.change(who, func(note string) string { return note + in.Text })
		})
}

// addUpstreamTool adds the tool that calls the API behind.
func (e *endpoint) addUpstreamTool() {
	addTool(e, "upstream_profile", "Reads your profile from the upstream API.", []string{scopeUpstream},
		func(ctx context.Context, who *caller, _ nothing) (string, error) {
			return e.askUpstream(ctx, who)
		})
}

// askUpstream calls the upstream API for the caller, with a token of the
// caller's that is meant for it. The token the caller sent stays here: forwarding
// it would make the upstream trust a token it was not issued for (MCP 2026-07-28,
// Security Best Practices, Token Passthrough).
func (e *endpoint) askUpstream(ctx context.Context, who *caller) (string, error) {
	exchanged, err := e.upstreamToken(ctx, who)
	if err != nil {
		return "", errors.New("the upstream API cannot be reached for you") // why is for the operator
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.upstreamURL, nil)
	if err != nil {
		return "", errors.New("the upstream API cannot be reached")
	}
	req.Header.Set("Authorization", "Bearer "+exchanged)
	if e.faults.Has(fault.CallerTokenInQuery) {
		req.URL.RawQuery = url.Values{"user_token": {who.token}}.Encode()
	}
	if e.faults.Has(fault.CallerTokenEncoded) {
		req.Header.Set("X-User-Context", base64.StdEncoding.EncodeToString([]byte(who.token)))
	}
	res, err := e.authority.http.Do(req)
	if err != nil {
		return "", errors.New("the upstream API cannot be reached")
	}
	defer res.Body.Close() //nolint:errcheck // read to its end or given up
	profile, err := io.ReadAll(io.LimitReader(res.Body, maxDocument))
	if err != nil || res.StatusCode != http.StatusOK {
		return "", errors.New("the upstream API refused")
	}
	if e.faults.Has(fault.CallerTokenInAnswer) {
		return string(profile) + " for " + who.token, nil
	}
	if e.faults.Has(fault.UpstreamTokenLeaked) {
		return string(profile) + " " + exchanged, nil
	}
	return string(profile), nil
}

func (e *endpoint) upstreamToken(ctx context.Context, who *caller) (string, error) {
	switch {
	case e.faults.Has(fault.CallerTokenForwarded):
		return who.token, nil
	case e.faults.Has(fault.ServiceKeyUpstream):
		return serviceKey, nil
	}
	return e.authority.exchange(ctx, who.token, e.upstreamURL, scopeUpstream)
}

// An Operation is a call of a tool that changes nothing.
type Operation struct {
	Tool      string
	Arguments map[string]any
	Scopes    []string // all that it needs
}

// Operations are calls that need different scopes.
func (rs *ResourceServer) Operations() []Operation {
	return []Operation{
		{Tool: "read_note", Scopes: []string{scopeRead}},
		{Tool: "append_note", Arguments: map[string]any{"text": ""}, Scopes: []string{scopeRead, scopeWrite}},
		{Tool: "upstream_profile", Scopes: []string{scopeUpstream}},
	}
}

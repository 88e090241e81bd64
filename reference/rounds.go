package reference

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// A round is what the server has to remember between asking the user something
// and hearing the answer. It travels through the client as requestState, so it
// comes back from an attacker as well as from the client it was given to: it is
// sealed, says for whom, for which call and until when it is good, and is
// believed in nothing else (MCP 2026-07-28, Multi Round-Trip Requests, Server
// Requirements).
type round struct {
	User      string `json:"user"`
	Tool      string `json:"tool"`
	Arguments string `json:"arguments"` // a digest
	Expires   int64  `json:"expires"`   // milliseconds since 1970
}

var errRequestState = errors.New("this answers no question of ours")

// A sealer makes and checks requestState.
type sealer struct {
	key      []byte
	lifetime time.Duration
	faults   fault.Set
}

func newSealer(lifetime time.Duration, faults fault.Set) *sealer {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails, since Go 1.24
	return &sealer{key: key, lifetime: lifetime, faults: faults}
}

func (s *sealer) mac(payload string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (s *sealer) seal(who *caller, tool string, arguments json.RawMessage) (string, error) {
	r := round{User: who.identity(), Tool: tool, Arguments: digest(string(arguments)), Expires: time.Now().Add(s.lifetime).UnixMilli()}
	said, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	payload := base64.RawURLEncoding.EncodeToString(said)
	return payload + "." + s.mac(payload), nil
}

func (s *sealer) check(state string, who *caller, tool string, arguments json.RawMessage) error {
	payload, mac, _ := strings.Cut(state, ".")
	if !hmac.Equal([]byte(mac), []byte(s.mac(payload))) && !s.faults.Has(fault.RequestStateUnsigned) {
		return errRequestState
	}
	said, err := base64.RawURLEncoding.DecodeString(payload)
	var r round
	if err != nil || json.Unmarshal(said, &r) != nil {
		return errRequestState
	}
	switch {
	case r.User != who.identity() && !s.faults.Has(fault.RequestStateForAnyone),
		(r.Tool != tool || r.Arguments != digest(string(arguments))) && !s.faults.Has(fault.RequestStateForAnything),
		time.Now().UnixMilli() >= r.Expires && !s.faults.Has(fault.RequestStateForever):
		return errRequestState
	}
	return nil
}

type shareIn struct {
	With string `json:"with" jsonschema:"who may read your note"`
}

// addRoundTool adds a tool that asks the user before it does anything.
func (e *endpoint) addRoundTool() {
	const name = "share_note"
	e.scopes[name] = nil
	mcp.AddTool(e.server, &mcp.Tool{Name: name, Description: "Shares your note, once you have confirmed it."},
		func(_ context.Context, req *mcp.CallToolRequest, in shareIn) (*mcp.CallToolResult, any, error) {
			who, err := admittedTo(req, name)
			if err != nil {
				return nil, nil, err
			}
			answer, asked := req.Params.InputResponses["confirm"].(*mcp.ElicitResult)
			switch {
			case asked:
				if err := e.sealer.check(req.Params.RequestState, who, name, req.Params.Arguments); err != nil {
					return nil, nil, err
				}
				if answer.Action != "accept" || answer.Content["confirm"] != true {
					return nil, nil, errors.New("not confirmed")
				}
				return textResult(fmt.Sprintf("shared with %.100s", in.With)), nil, nil
			case !canBeAsked(req):
				return nil, nil, errors.New("this needs a client that can ask you")
			}
			state, err := e.sealer.seal(who, name, req.Params.Arguments)
			if err != nil {
				return nil, nil, err
			}
			return &mcp.CallToolResult{RequestState: state, InputRequests: mcp.InputRequestMap{"confirm": &mcp.ElicitParams{
				Mode: "form", Message: fmt.Sprintf("Share your note with %.100s?", in.With),
				RequestedSchema: e.confirmation(),
			}}}, nil, nil
		})
}

// confirmation is the form that asks. Secrets are never asked for in forms: those
// pass through the client and its model (MCP 2026-07-28, Elicitation).
func (e *endpoint) confirmation() json.RawMessage {
	if e.faults.Has(fault.AsksForPassword) {
		return json.RawMessage(`{"type":"object","properties":{"confirm":{"type":"boolean","title":"Share it"},` +
			`"password":{"type":"string","title":"Your password"}},"required":["confirm","password"]}`)
	}
	return json.RawMessage(`{"type":"object","properties":{"confirm":{"type":"boolean","title":"Share it"}},"required":["confirm"]}`)
}

// canBeAsked tells whether the client of this request can show its user a form.
func canBeAsked(req *mcp.CallToolRequest) bool {
	params := req.Session.InitializeParams()
	return params != nil && params.Capabilities != nil && params.Capabilities.Elicitation != nil
}

func textResult(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

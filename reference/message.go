package reference

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
)

// maxBody bounds what a request may send.
const maxBody = 1 << 20

// Methods of MCP that authorization or routing knows by name.
const (
	methodInitialize = "initialize"
	methodDiscover   = "server/discover"
	methodCallTool   = "tools/call"
)

// JSON-RPC error codes.
const (
	rpcInvalidRequest     = -32600
	rpcMethodNotFound     = -32601
	rpcUnauthorized       = -32001
	rpcUnsupportedVersion = -32022
)

var (
	errBadMessage = &refusal{status: http.StatusBadRequest, description: "the body is not one JSON-RPC message"}
	errTooLarge   = &refusal{status: http.StatusRequestEntityTooLarge, description: "the body is too large"}
)

// A message is what the guard has to know of a JSON-RPC message.
type message struct {
	id           json.RawMessage
	method       string
	tool         string // of tools/call
	version      string // of the protocol, in _meta; only from 2026-07-28 on
	client       string // what the client calls itself
	task         bool   // a call that asks to become a task; only up to 2025-11-25
	notification bool
	params       json.RawMessage
	runs         string // a tool that is run although it was not looked at; only with faults
}

// messages are the messages of one request: one, or several in the revision that
// had batches, or none.
type messages []message

// first is the only message of a request, or its first.
func (m messages) first() message {
	if len(m) == 0 {
		return message{}
	}
	return m[0]
}

// readMessages reads the messages of a request and leaves its body as it was. A
// body that can be read in two ways is refused: what is authorized here has to be
// what is run later.
func readMessages(w http.ResponseWriter, r *http.Request) (messages, error) {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || mediaType != "application/json" {
		return nil, nil // the transport refuses these without looking at the body
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, errBadMessage
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	parts := []json.RawMessage{body}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		parts = nil // else the first part would be written over the body itself
		if err := json.Unmarshal(body, &parts); err != nil {
			return nil, errBadMessage
		}
	}
	var all messages
	for _, part := range parts {
		m, err := readMessage(part)
		if err != nil {
			return nil, errBadMessage
		}
		all = append(all, m)
	}
	return all, nil
}

func readMessage(data json.RawMessage) (message, error) {
	members, err := tokens.ParseObject(data)
	if err != nil {
		return message{}, err
	}
	var params struct {
		Name       json.RawMessage            `json:"name"`
		Meta       map[string]json.RawMessage `json:"_meta"`
		ClientInfo struct{ Name string }      `json:"clientInfo"`
		Task       map[string]json.RawMessage `json:"task"`
	}
	if raw, ok := members["params"]; ok {
		_ = json.Unmarshal(raw, &params) // what is wrong with it, the transport says
	}
	var client struct{ Name string }
	_ = json.Unmarshal(params.Meta["io.modelcontextprotocol/clientInfo"], &client)
	m := message{id: members["id"], client: params.ClientInfo.Name + client.Name}
	m.method = stringOf(members["method"])
	m.version = stringOf(params.Meta["io.modelcontextprotocol/protocolVersion"])
	m.params, m.task = members["params"], params.Task != nil
	m.notification = m.method != "" && m.id == nil
	if m.method == methodCallTool {
		m.tool = stringOf(params.Name)
	}
	return m, nil
}

func stringOf(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// rpcError is the error member of a JSON-RPC response.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// writeRPCError answers with a JSON-RPC error without an id, as for a request
// that was not looked into.
func writeRPCError(w http.ResponseWriter, status int, e rpcError) {
	writeRPC(w, status, map[string]any{"jsonrpc": "2.0", "error": e})
}

// answerRPC answers one request with a JSON-RPC error.
func answerRPC(w http.ResponseWriter, status int, id json.RawMessage, e rpcError) {
	writeRPC(w, status, map[string]any{"jsonrpc": "2.0", "id": id, "error": e})
}

// writeToolError answers 200 with a result that says a tool failed.
func writeToolError(w http.ResponseWriter, r *http.Request, text string) {
	m, err := readMessages(w, r)
	if err != nil {
		return
	}
	writeRPC(w, http.StatusOK, map[string]any{"jsonrpc": "2.0", "id": m.first().id, "result": map[string]any{
		"content": []any{map[string]any{"type": "text", "text": text}}, "isError": true, "resultType": "complete",
	}})
}

func writeRPC(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone: nothing to do
}

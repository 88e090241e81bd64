package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
)

func isEventStream(h http.Header) bool {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && media == "text/event-stream"
}

// readEvents reads a stream of server-sent events up to the first JSON-RPC
// response in it (MCP, Streamable HTTP) or to its end.
func readEvents(stream io.Reader) ([]byte, error) {
	var read, data bytes.Buffer
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		read.Write(line)
		line = bytes.TrimRight(line, "\r\n")
		switch value, isData := bytes.CutPrefix(line, []byte("data:")); {
		case isData:
			data.Write(bytes.TrimPrefix(value, []byte(" ")))
		case len(line) == 0 && data.Len() > 0:
			if isResponse(data.Bytes()) {
				return read.Bytes(), nil
			}
			data.Reset()
		}
		if err != nil {
			return read.Bytes(), nil //nolint:nilerr // what was read is what there is
		}
	}
}

// isResponse tells a JSON-RPC response from a request or a notification.
func isResponse(message []byte) bool {
	var m struct {
		Method string          `json:"method"`
		ID     json.RawMessage `json:"id"`
	}
	return json.Unmarshal(message, &m) == nil && m.Method == "" && len(m.ID) > 0
}

// Message is the JSON of an answer: its body or, in an event stream, the data of
// the last event.
func (r *Response) Message() []byte {
	if !isEventStream(r.Header) {
		return r.Body
	}
	var last, data []byte
	for line := range bytes.Lines(r.Body) {
		line = bytes.TrimRight(line, "\r\n")
		if value, isData := bytes.CutPrefix(line, []byte("data:")); isData {
			data = append(data, bytes.TrimPrefix(value, []byte(" "))...)
		} else if len(line) == 0 && len(data) > 0 {
			last, data = data, nil
		}
	}
	if len(data) > 0 {
		return data
	}
	return last
}

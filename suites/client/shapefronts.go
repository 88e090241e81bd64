package client

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"

	"github.com/mcpassay/mcpassay/reference"
)

// stand puts a further front before those that are there.
func (l *Lab) stand(outer front) {
	inner := l.Front
	l.Front = func(s *Stage, party reference.Party, next http.Handler) http.Handler {
		if inner != nil {
			next = inner(s, party, next)
		}
		return outer(s, party, next)
	}
}

// at handles what arrives at one path of a party.
func at(party reference.Party, path string, handle func(s *Stage, w http.ResponseWriter, r *http.Request, next http.Handler)) front {
	return func(s *Stage, p reference.Party, next http.Handler) http.Handler {
		if p != party {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.Lab.Layout.Usual(party, r.URL.Path) == path {
				handle(s, w, r, next)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// reword changes the refusals of the MCP server before they are sent.
func reword(change func(r *http.Request, refusal *refusal)) front {
	return at(reference.PartyResourceServer, "/mcp", func(_ *Stage, w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&rewording{ResponseWriter: w, change: func(x *refusal) { change(r, x) }}, r)
	})
}

// A refusal is an answer with status 401 or 403.
type refusal struct {
	Status     int
	Challenges []string
}

// pointer is the URL of the metadata that the first challenge names.
func (x *refusal) pointer() string {
	if len(x.Challenges) == 0 {
		return ""
	}
	if found := pointed.FindStringSubmatch(x.Challenges[0]); found != nil {
		return found[1]
	}
	return ""
}

var pointed = regexp.MustCompile(`resource_metadata="([^"]*)"`)

// rewording is an answer of which refusals are changed.
type rewording struct {
	http.ResponseWriter
	change func(*refusal)
	begun  bool
}

func (w *rewording) WriteHeader(status int) {
	if !w.begun && (status == http.StatusUnauthorized || status == http.StatusForbidden) {
		x := &refusal{status, w.Header().Values("WWW-Authenticate")}
		w.change(x)
		status = x.Status
		w.Header().Del("WWW-Authenticate")
		for _, line := range x.Challenges {
			w.Header().Add("WWW-Authenticate", line)
		}
	}
	w.begun = w.begun || status >= http.StatusOK
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets handlers flush.
func (w *rewording) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush lets handlers that ask for http.Flusher flush.
func (w *rewording) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// recorded changes whole answers before they are sent. It is not for streams.
func recorded(next http.Handler, w http.ResponseWriter, r *http.Request, change func(*httptest.ResponseRecorder)) {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	change(answer)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client has gone: nobody to tell
}

package client

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/mcpassay/mcpassay/reference"
)

// A front answers in a party's stead, or tampers with what it says.
type front = func(s *Stage, party reference.Party, next http.Handler) http.Handler

// isCall tells whether a request to the resource server is a message to the MCP
// server, and holds its body.
func isCall(r *http.Request) (body []byte, ok bool) {
	if r.URL.Path != "/mcp" && r.URL.Path != "/" || r.Method != http.MethodPost {
		return nil, false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err == nil
}

// methodOf is the method of a message.
func methodOf(body []byte) string {
	var m struct {
		Method string `json:"method"`
	}
	_ = json.Unmarshal(body, &m) // "" if it is none
	return m.Method
}

// onCall handles messages of a method itself where first says so.
func onCall(method string, handle func(s *Stage, w http.ResponseWriter, r *http.Request, next http.Handler)) front {
	return func(s *Stage, party reference.Party, next http.Handler) http.Handler {
		if party != reference.PartyResourceServer {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if body, ok := isCall(r); ok && methodOf(body) == method && r.Header.Get("Authorization") != "" {
				handle(s, w, r, next)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// firstTokenDies refuses the first token that a tool is called with from then on.
func firstTokenDies() front {
	var mu sync.Mutex
	dead := ""
	return func(_ *Stage, party reference.Party, next http.Handler) http.Handler {
		if party != reference.PartyResourceServer {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			credentials := r.Header.Get("Authorization")
			body, ok := isCall(r)
			mu.Lock()
			if ok && dead == "" && credentials != "" && methodOf(body) == "tools/call" {
				dead = credentials
			}
			refused := dead != "" && credentials == dead
			mu.Unlock()
			if refused && ok {
				r.Header.Set("Authorization", "Bearer expired-in-the-meantime")
			}
			next.ServeHTTP(w, r)
		})
	}
}

// rewrite changes JSON documents that a party answers GET of a path with.
func rewrite(party reference.Party, path string, change func(s *Stage, document map[string]any)) front {
	return rewriteAnswers(party, http.MethodGet, path, change)
}

// rewriteAnswers changes JSON documents that a party answers a path with.
func rewriteAnswers(party reference.Party, method, path string, change func(s *Stage, document map[string]any)) front {
	return func(s *Stage, p reference.Party, next http.Handler) http.Handler {
		if p != party {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != method || !strings.Contains(r.URL.Path, path) || r.Header.Get("User-Agent") == reference.UserAgent {
				next.ServeHTTP(w, r)
				return
			}
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			var document map[string]any
			if answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &document) != nil {
				maps.Copy(w.Header(), answer.Header())
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes()) // as below
				return
			}
			change(s, document)
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(document) // the client has gone: nobody to tell
		})
	}
}

// secondIssuer adds another server's iss to authorization responses.
func secondIssuer(_ *Stage, party reference.Party, next http.Handler) http.Handler {
	if party != reference.PartyAuthServer {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		if to := w.Header().Get("Location"); strings.Contains(to, "iss=") {
			w.Header().Set("Location", to+"&iss=https%3A%2F%2Fupstream-idp.example")
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the client has gone: nobody to tell
	})
}

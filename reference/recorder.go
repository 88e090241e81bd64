package reference

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxReceived bounds how many credentials an upstream remembers.
const maxReceived = 1000

// A Credential is something an upstream API was sent that could be a token.
type Credential struct {
	Token string
	In    string // "header Authorization", "query user_token", "path", "body"
	At    time.Time
}

// A recorder remembers whatever an API was sent.
type recorder struct {
	mu       sync.Mutex
	received []Credential
}

// Received returns what could be credentials, in the order of arrival.
func (u *recorder) Received() []Credential {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.received)
}

// Reset forgets what was received.
func (u *recorder) Reset() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.received = nil
}

// shortestToken is less than any token could be.
const shortestToken = 16

// note remembers everything in the request that could hold a credential: header
// lines other than a client's usual ones, the path, query parameters, and the
// body.
func (u *recorder) note(r *http.Request) {
	var found []Credential
	add := func(in, value string) {
		if len(found) < 100 && value != "" {
			found = append(found, Credential{Token: value, In: in, At: time.Now()})
		}
	}
	if path := strings.Trim(r.URL.Path, "/"); len(path) >= shortestToken {
		add("path", path)
	}
	for name, values := range r.Header {
		for _, value := range values {
			switch name {
			case "Accept", "Accept-Encoding", "User-Agent", "Content-Length", "Content-Type", "Connection":
			case "Authorization", "Proxy-Authorization":
				_, token, found := strings.Cut(value, " ")
				if !found {
					token = value
				}
				add("header "+name, strings.TrimSpace(token))
			default:
				add("header "+name, value)
			}
		}
	}
	for name, values := range r.URL.Query() {
		for _, value := range values {
			add("query "+name, value)
		}
	}
	if body, err := io.ReadAll(io.LimitReader(r.Body, maxBody)); err == nil {
		add("body", string(body))
	}
	slices.SortFunc(found, func(a, b Credential) int { return strings.Compare(a.In, b.In) })
	u.mu.Lock()
	defer u.mu.Unlock()
	u.received = append(u.received, found...)
	if extra := len(u.received) - maxReceived; extra > 0 {
		u.received = slices.Delete(u.received, 0, extra)
	}
}

package wire

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A Redactor replaces secrets by a mark that keeps their kind and length and a
// keyed hash: equal secrets stay recognisably equal within a run, and the mark
// is worth nothing outside it.
type Redactor struct {
	key   []byte
	mu    sync.Mutex
	known map[string]string // secret to mark

	// Replacing is one pass for the many secrets that were built into it, and
	// one for each of the few learned since.
	replacer *strings.Replacer
	recent   []spelling
}

// A spelling is a way in which a secret may stand in a text.
type spelling struct{ text, mark string }

// mostRecent is how many spellings are kept out of the replacer, in which each
// addition would mean building it anew.
const mostRecent = 64

// NewRedactor makes a redactor with a key of its own.
func NewRedactor() *Redactor {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	return &Redactor{key: key, known: map[string]string{}}
}

// secretNames are the parameters and members whose values are secrets.
var secretNames = map[string]bool{
	"access_token": true, "refresh_token": true, "id_token": true, "code": true, "code_verifier": true,
	"client_secret": true, "client_assertion": true, "assertion": true, "subject_token": true, "actor_token": true,
	"password": true, "registration_access_token": true, "token": true, "id_token_hint": true, "request_uri": true,
	"device_code": true, "auth_req_id": true, "software_statement": true,
}

const (
	// shortest is the length below which a value is too common to be looked for
	// everywhere; it is still replaced where its name gives it away.
	shortest   = 8
	maxSecrets = 10_000
)

// Learn marks a value as a secret wherever it turns up from now on.
func (r *Redactor) Learn(kind, secret string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if mark, ok := r.known[secret]; ok {
		return mark
	}
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(secret))
	mark := fmt.Sprintf("‹%s %d bytes #%x›", kind, len(secret), mac.Sum(nil)[:4])
	if len(secret) >= shortest && len(r.known) < maxSecrets {
		r.known[secret] = mark
		r.recent = append(r.recent, spelling{secret, mark})
		if escaped := url.QueryEscape(secret); escaped != secret {
			r.recent = append(r.recent, spelling{escaped, mark})
		}
		if len(r.recent) > mostRecent {
			r.build()
		}
	}
	return mark
}

// build makes the replacer anew, the longest spellings first: one secret may be
// part of another.
func (r *Redactor) build() {
	all := make([]spelling, 0, 2*len(r.known))
	for secret, mark := range r.known {
		all = append(all, spelling{secret, mark})
		if escaped := url.QueryEscape(secret); escaped != secret {
			all = append(all, spelling{escaped, mark})
		}
	}
	slices.SortFunc(all, func(a, b spelling) int {
		return cmp.Or(len(b.text)-len(a.text), strings.Compare(a.text, b.text))
	})
	pairs := make([]string, 0, 2*len(all))
	for _, s := range all {
		pairs = append(pairs, s.text, s.mark)
	}
	r.replacer, r.recent = strings.NewReplacer(pairs...), nil
}

// String replaces every known secret in s, raw or percent-encoded.
func (r *Redactor) String(s string) string {
	if len(s) < shortest {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replacer != nil {
		s = r.replacer.Replace(s)
	}
	for _, recent := range r.recent {
		s = strings.ReplaceAll(s, recent.text, recent.mark)
	}
	if !strings.Contains(s, "eyJ") {
		return s
	}
	return jwtLike.ReplaceAllStringFunc(s, func(token string) string {
		mac := hmac.New(sha256.New, r.key)
		mac.Write([]byte(token))
		return fmt.Sprintf("‹jwt %d bytes #%x›", len(token), mac.Sum(nil)[:4])
	})
}

// jwtLike finds tokens that nobody named: three base64url parts, the first a JSON object.
var jwtLike = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)

// Header returns a redacted copy of h. It learns credentials and cookies on the way.
func (r *Redactor) Header(h http.Header) http.Header {
	redacted := make(http.Header, len(h))
	for name, values := range h {
		for _, value := range values {
			redacted[name] = append(redacted[name], r.headerValue(name, value))
		}
	}
	return redacted
}

func (r *Redactor) headerValue(name, value string) string {
	switch http.CanonicalHeaderKey(name) {
	case "Authorization", "Proxy-Authorization":
		scheme, credentials, found := strings.Cut(value, " ")
		if !found {
			return r.Learn("credentials", value)
		}
		return scheme + " " + r.Learn("credentials", strings.TrimSpace(credentials))
	case "Cookie":
		pairs := strings.Split(value, ";")
		for i, pair := range pairs {
			pairs[i] = r.pair("cookie", pair)
		}
		return strings.Join(pairs, ";")
	case "Set-Cookie":
		pair, attributes, found := strings.Cut(value, ";")
		pair = r.pair("cookie", pair)
		if found {
			pair += ";" + attributes
		}
		return pair
	case "Location", "Referer", "Refresh", "Content-Location", "Link":
		return r.URL(value)
	}
	return r.String(value)
}

func (r *Redactor) pair(kind, pair string) string {
	name, value, found := strings.Cut(pair, "=")
	if !found || value == "" {
		return pair
	}
	return name + "=" + r.Learn(kind, value)
}

// parameter finds name=value in a query, a fragment or a form.
var parameter = regexp.MustCompile(`([?&#;]|^)([A-Za-z_]+)=([^&#;\s"'<>]+)`)

// URL redacts the secret parameters of a URL or a form-encoded body, spelt in
// whatever way, and every known secret.
func (r *Redactor) URL(raw string) string {
	return r.String(parameter.ReplaceAllStringFunc(raw, func(match string) string {
		parts := parameter.FindStringSubmatch(match)
		if !secretNames[strings.ToLower(parts[2])] {
			return match
		}
		value, err := url.QueryUnescape(parts[3])
		if err != nil {
			value = parts[3]
		}
		return parts[1] + parts[2] + "=" + r.Learn(parts[2], value)
	}))
}

// Body redacts a body by its media type.
func (r *Redactor) Body(contentType string, body []byte) string {
	trimmed := bytes.TrimSpace(body)
	switch {
	case strings.Contains(contentType, "x-www-form-urlencoded"):
		return r.URL(string(body))
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '['):
		r.learnMembers(trimmed)
	}
	return r.String(memberLike.ReplaceAllStringFunc(string(body), func(match string) string {
		parts := memberLike.FindStringSubmatch(match)
		if !secretMember(parts[1]) {
			return match
		}
		return strings.Replace(match, parts[2], r.Learn(parts[1], parts[2]), 1)
	}))
}

// memberLike finds secret members also in JSON that is cut off or malformed.
var memberLike = regexp.MustCompile(`"([a-z_]+)"\s*:\s*"([^"\\]+)"`)

// learnMembers learns the secret members of a JSON value, at any depth.
func (r *Redactor) learnMembers(body []byte) {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return // cut off or malformed: memberLike finds what there is
	}
	var walk func(name string, value any)
	walk = func(name string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, member := range value {
				walk(name, member)
			}
		case []any:
			for _, element := range value {
				walk(name, element)
			}
		case string:
			if secretMember(name) && value != "" {
				r.Learn(name, value)
			}
		}
	}
	walk("", value)
}

// secretMember is for JSON, where code names an error more often than a secret.
func secretMember(name string) bool {
	name = strings.ToLower(name)
	return name != "code" && secretNames[name]
}

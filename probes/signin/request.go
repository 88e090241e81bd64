package signin

import (
	"mime"
	"net/url"
	"slices"
	"strings"
)

// Request puts a request into words: method, URL, and for a form the names of
// its fields, but never what is in them.
func Request(method, target, contentType string, body []byte) string {
	said := method + " " + target
	form, ok := Form(contentType, body)
	if !ok || len(form) == 0 {
		return said
	}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	return said + " with " + strings.Join(names, ", ")
}

// Form reads the body of a submitted form, as far as it can be read. It tells
// whether the body is one.
func Form(contentType string, body []byte) (url.Values, bool) {
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/x-www-form-urlencoded" {
		return nil, false
	}
	form, _ := url.ParseQuery(string(body))
	return form, true
}

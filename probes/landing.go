package probes

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Spelt is Redirect as the server spelt it, if it did so in a header field.
// Parsing a URL loses the case of its scheme, and what user agents strip.
func (l *Landing) Spelt() string {
	for _, step := range slices.Backward(l.Steps) {
		if location := step.Header.Get("Location"); location != "" {
			if u, err := url.Parse(AsBrowsersRead(location)); err == nil && u.IsAbs() && u.ResolveReference(u).String() == l.Redirect.String() {
				return location
			}
			break
		}
	}
	return l.Redirect.String()
}

// answersAt tells whether an authorization response went to a registered URI:
// nothing but the query differs, the registered query is still there, and
// nothing in it or behind it comes from the URI that was asked for.
func answersAt(landed, registered, asked string) bool {
	landedBase, landedQuery, landedFragment := apart(landed)
	base, query, _ := apart(registered)
	_, askedQuery, askedFragment := apart(asked)
	if landedBase != base || askedFragment && landedFragment {
		return false
	}
	within := func(wanted, got url.Values) bool {
		for name, values := range wanted {
			for _, value := range values {
				if !slices.Contains(got[name], value) {
					return false
				}
			}
		}
		return true
	}
	for name := range query {
		askedQuery.Del(name)
	}
	return within(query, landedQuery) && (len(askedQuery) == 0 || !within(askedQuery, landedQuery))
}

// loopbackPort finds the port that a native application may choose (RFC 8252,
// section 7.3), and the name localhost with it.
var loopbackPort = regexp.MustCompile(`^(http://(?:127\.0\.0\.1|\[::1\]|localhost)):[0-9]{1,5}`)

// anyPort is a URI without the port that does not count.
func anyPort(uri string) string { return loopbackPort.ReplaceAllString(uri, "$1") }

// apart takes a URI apart without reading more into it than its query.
func apart(uri string) (base string, query url.Values, fragment bool) {
	uri, _, fragment = strings.Cut(uri, "#")
	base, raw, _ := strings.Cut(uri, "?")
	query, _ = url.ParseQuery(raw) // what can be read of it
	return base, query, fragment
}

// samePlace tells whether the user agent went where it was asked to be sent, as
// far as browsers are concerned: host and path are what counts.
func samePlace(landed *url.URL, asked string) bool {
	want, err := url.Parse(AsBrowsersRead(asked))
	if err != nil || want.Host == "" && want.Path == "" {
		return false
	}
	return (want.Scheme == "" || want.Scheme == landed.Scheme) &&
		strings.EqualFold(want.Host, landed.Host) && want.EscapedPath() == landed.EscapedPath()
}

// AnsweredAt tells whether the answer went to the redirect URI.
func (a *Authorization) AnsweredAt(uri string) bool {
	return a.Redirected() && answersAt(a.Landing.Spelt(), uri, uri)
}

// ofOAuth matches what an authorization server says about a request, and a
// firewall does not.
var ofOAuth = regexp.MustCompile(`(?i)redirect|invalid_[a-z]+|unauthorized_client|client_id|application`)

// blockPage tells whether the refusal looks like that of a firewall: a bare
// status and no word of OAuth, other than the server itself answers a redirect
// URI that it does not know.
func blockPage(a, usual *Authorization) bool {
	page := a.Landing.Page
	if a.Redirected() || page == nil {
		return false
	}
	switch page.Status {
	case http.StatusForbidden, http.StatusNotAcceptable, http.StatusTooManyRequests:
	default:
		return false
	}
	if p := usual.Landing.Page; p != nil && p.Status == page.Status && p.Title == page.Title {
		return false
	}
	return !ofOAuth.MatchString(page.Title + " " + page.Text)
}

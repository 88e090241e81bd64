package probes

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// Origin is the origin of a URL as RFC 6454, section 6.2, spells it, without
// the port where it is the scheme's own. For a scheme that has no origins, as
// native applications register them, it is the scheme and a colon.
func Origin(u *url.URL) string {
	scheme := strings.ToLower(u.Scheme)
	port := u.Port()
	switch scheme {
	case "http", "https":
	default:
		return scheme + ":"
	}
	host := strings.ToLower(u.Hostname())
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[scheme] {
		return scheme + "://" + net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return scheme + "://" + host
}

// Inside tells whether a user agent may send a request to u: whether it belongs
// to the deployment. The origin of the authorization request always does.
func (v *Visit) Inside(u *url.URL) bool {
	origin := Origin(u)
	if origin == v.Outside {
		return false
	}
	same := func(raw string) bool {
		known, err := url.Parse(raw)
		return err == nil && Origin(known) == origin
	}
	return strings.HasPrefix(origin, "http") && (same(v.URL) || slices.ContainsFunc(v.Origins, same))
}

// Leaves tells whether going to u ends the visit: because u lies outside the
// deployment, or because it is the redirect URI, which may lie inside. A client
// on loopback is always outside, so that the freedom of RFC 8252, section 7.3,
// to use any port needs no rule here.
func (v *Visit) Leaves(u *url.URL) bool {
	switch strings.ToLower(u.Scheme) {
	case "", "about", "blob", "chrome-error", "data", "filesystem", "javascript":
		return false // these stay within the page
	}
	return !v.Inside(u) || v.answers(u)
}

// Answers tells whether u is the redirect URI, whatever its query and fragment.
// On loopback the port may differ.
func (v *Visit) Answers(u *url.URL) bool {
	if v.answers(u) {
		return true
	}
	want, err := url.Parse(v.RedirectURI)
	if err != nil || v.Inside(u) || !loopback(want) {
		return false
	}
	return strings.EqualFold(u.Scheme, want.Scheme) && u.Hostname() == want.Hostname() && path(u) == path(want)
}

// answers compares scheme, host, port and path.
func (v *Visit) answers(u *url.URL) bool {
	want, err := url.Parse(v.RedirectURI)
	if err != nil || v.RedirectURI == "" || Origin(u) != Origin(want) {
		return false
	}
	hasOrigin := strings.HasPrefix(Origin(u), "http") // which names the host
	return (hasOrigin || strings.EqualFold(u.Host, want.Host)) && path(u) == path(want)
}

// path is the path of u, or what stands for it in a URL such as app:callback.
func path(u *url.URL) string {
	switch {
	case u.Opaque != "":
		return u.Opaque
	case u.Path == "":
		return "/"
	}
	return u.EscapedPath()
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// AsBrowsersRead undoes what browsers forgive in a URL (URL Standard, section
// 4.4): white space around it, tabs and line breaks within, and backslashes
// where slashes belong.
func AsBrowsersRead(raw string) string {
	raw = strings.TrimFunc(raw, func(c rune) bool { return c <= ' ' })
	raw = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(raw)
	before, query, found := strings.Cut(raw, "?")
	scheme, _, absolute := strings.Cut(strings.ToLower(before), ":")
	if !absolute || scheme == "http" || scheme == "https" {
		before = strings.ReplaceAll(before, `\`, "/")
	}
	if found {
		return before + "?" + query
	}
	return before
}

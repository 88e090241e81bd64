package reference

import (
	"net/netip"
	"net/url"
	"strings"
)

// redirectFor decides where the answer to an authorization request goes, or ""
// if the request names no redirect URI of the client. It may be left out if
// exactly one is registered (OAuth 2.1, section 4.1.1).
func (s *AuthServer) redirectFor(client *Client, asked string) string {
	if asked == "" {
		if len(client.RedirectURIs) == 1 {
			return client.RedirectURIs[0]
		}
		return ""
	}
	for _, registered := range client.RedirectURIs {
		if s.redirectMatches(asked, registered) {
			return asked
		}
	}
	return ""
}

// redirectMatches compares a redirect URI with a registered one, character by
// character (RFC 9700, section 4.1.3; RFC 3986, section 6.2.1). Only the port of
// a loopback http URI is free, since a native application takes the port it
// gets (RFC 8252, section 7.3).
func (s *AuthServer) redirectMatches(asked, registered string) bool {
	return asked == registered || s.differsInLoopbackPort(asked, registered)
}

// differsInLoopbackPort cuts the port out of both strings and compares the rest
// character by character, so that no other freedom comes with it.
func (s *AuthServer) differsInLoopbackPort(asked, registered string) bool {
	a, ok := withoutLoopbackPort(asked)
	if !ok {
		return false
	}
	b, ok := withoutLoopbackPort(registered)
	return ok && a == b
}

// loopbackHosts are the hosts whose port is free. RFC 9700, section 2.1, counts
// the name localhost among them, and clients in the field rely on it. They
// remain three different hosts.
var loopbackHosts = []string{"http://127.0.0.1", "http://[::1]", "http://localhost"}

// withoutLoopbackPort returns uri without its port if it is an http URI of a
// loopback host, spelt plainly.
func withoutLoopbackPort(uri string) (string, bool) {
	for _, host := range loopbackHosts {
		rest, ok := strings.CutPrefix(uri, host)
		if !ok {
			continue
		}
		if port, ok := strings.CutPrefix(rest, ":"); ok {
			digits := len(port) - len(strings.TrimLeft(port, "0123456789"))
			if digits == 0 || digits > 5 {
				return "", false
			}
			rest = port[digits:]
		}
		if rest == "" || rest[0] == '/' || rest[0] == '?' {
			return host + rest, true
		}
	}
	return "", false
}

// loopback tells whether a parsed URL is http on a loopback host.
func loopback(u *url.URL) bool {
	if u.Scheme != "http" || u.User != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && (addr == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || addr == netip.IPv6Loopback())
}

// responseURL adds response parameters to a redirect URI, whose own query stays
// as it is (OAuth 2.1, section 2.3).
func responseURL(redirectURI string, response url.Values) string {
	separator := "?"
	if strings.Contains(redirectURI, "?") {
		separator = "&"
	}
	return redirectURI + separator + response.Encode()
}

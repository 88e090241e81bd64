package reference

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// redirectFor decides where the answer to an authorization request goes, or ""
// if the request names no redirect URI of the client. It may be left out if
// exactly one is registered (OAuth 2.1, section 4.1.1).
func (s *AuthServer) redirectFor(client *Client, asked string) string {
	if asked == "" {
		if len(client.RedirectURIs) == 1 || len(client.RedirectURIs) > 1 && s.faults.Has(fault.RedirectMissing) {
			return client.RedirectURIs[0]
		}
		return ""
	}
	for _, registered := range s.redirectsOf(client) {
		if s.redirectMatches(asked, registered) && !s.documentPortFixed(client, asked, registered) {
			return asked
		}
	}
	if client.anyRedirect || client.host != "" && s.faults.Has(fault.DocumentRedirectAny) {
		return asked
	}
	return ""
}

// redirectsOf are the redirect URIs that count for a client: its own.
func (s *AuthServer) redirectsOf(client *Client) []string {
	uris := client.RedirectURIs
	if s.faults.Has(fault.RedirectOtherClient) {
		for _, other := range s.clients.values {
			uris = append(uris[:len(uris):len(uris)], other.value.RedirectURIs...)
		}
	}
	return uris
}

// redirectMatches compares a redirect URI with a registered one, character by
// character (RFC 9700, section 4.1.3; RFC 3986, section 6.2.1). Only the port of
// a loopback http URI is free, since a native application takes the port it
// gets (RFC 8252, section 7.3).
func (s *AuthServer) redirectMatches(asked, registered string) bool {
	return asked == registered || s.differsInLoopbackPort(asked, registered) || s.mismatchOverlooked(asked, registered)
}

// differsInLoopbackPort cuts the port out of both strings and compares the rest
// character by character, so that no other freedom comes with it.
func (s *AuthServer) differsInLoopbackPort(asked, registered string) bool {
	a, ok := withoutLoopbackPort(asked)
	if !ok {
		return false
	}
	b, ok := withoutLoopbackPort(registered)
	return ok && a == b && !s.portFixed(registered, b)
}

// portFixed holds the faults that deny applications the port they got.
func (s *AuthServer) portFixed(registered, portless string) bool {
	return s.faults.Has(fault.LoopbackPortFixed) ||
		s.faults.Has(fault.LoopbackPortRegistered) && registered != portless ||
		s.faults.Has(fault.LoopbackIPv6Fixed) && strings.HasPrefix(registered, "http://[::1]") ||
		s.faults.Has(fault.LoopbackNameFixed) && strings.HasPrefix(registered, "http://localhost")
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

// loopbackURI tells whether uri is an http URI of a loopback host.
func loopbackURI(uri string) bool {
	_, ok := withoutLoopbackPort(uri)
	return ok
}

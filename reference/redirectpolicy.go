package reference

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// maxRedirectURIs bounds what one client may register.
const maxRedirectURIs = 20

// redirectURIsAllowed is the policy for redirect URIs that anybody may register.
func (s *AuthServer) redirectURIsAllowed(client *Client) *denial {
	switch client.ApplicationType {
	case "", "native", "web":
	default:
		return refuse(invalidMetadata, "application_type has to be native or web")
	}
	if len(client.RedirectURIs) == 0 && !contains(client.GrantTypes, grantCode) {
		return nil // only with fault.RegisterPrivilegedGrant
	}
	if n := len(client.RedirectURIs); n == 0 && !s.faults.Has(fault.RegisterNone) ||
		n > maxRedirectURIs && !s.faults.Has(fault.RegisterUnbounded) {
		return refuse(invalidRedirectURI, "between 1 and %d redirect_uris are required", maxRedirectURIs)
	}
	kind := client.ApplicationType
	if kind == "" && s.faults.Has(fault.RegisterWebByDefault) {
		kind = "web"
	}
	for _, uri := range client.RedirectURIs {
		if problem := s.redirectURIAllowed(uri, kind); problem != nil {
			return problem
		}
	}
	return nil
}

// redirectURIAllowed decides on one redirect URI: https anywhere, http on
// loopback, and private-use schemes for native applications. Which of them is
// always decided on the parsed URI, never on how its text begins.
//
// OpenID Connect registration takes an absent application_type for web, which
// may not use loopback. Many MCP clients run on the user's machine and leave it
// out, so here it may be either; private-use schemes have to be asked for.
func (s *AuthServer) redirectURIAllowed(uri, applicationType string) *denial {
	if s.policyOverlooked(uri) {
		return nil
	}
	if !s.plainText(uri) {
		return refuse(invalidRedirectURI, "redirect_uri holds characters that a URI does not have")
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return refuse(invalidRedirectURI, "redirect_uri is not an absolute URI")
	case u.Hostname() == "localhost" && s.variants.Has(variant.LocalhostRefused):
		return refuse(invalidRedirectURI, "redirect_uri names localhost: use 127.0.0.1 or [::1]")
	case strings.Contains(uri, "#") && !s.faults.Has(fault.RegisterFragment):
		return refuse(invalidRedirectURI, "redirect_uri has a fragment")
	case holdsResponse(u) && !s.faults.Has(fault.IssFromRedirect):
		return refuse(invalidRedirectURI, "redirect_uri holds parameters of an authorization response")
	}
	switch u.Scheme {
	case "https":
		return s.httpsAllowed(u)
	case "http":
		return s.httpAllowed(u, applicationType)
	}
	return s.privateSchemeAllowed(u, applicationType)
}

// plainText refuses what browsers and servers read differently: white space,
// control characters, backslashes, anything beyond ASCII, and asterisks, which
// somebody may mean as a pattern.
func (s *AuthServer) plainText(uri string) bool {
	for _, c := range []byte(uri) {
		switch {
		case c == '*' && s.faults.Has(fault.RedirectWildcard):
		case (c <= ' ' || c == 0x7f) && s.faults.Has(fault.RegisterCharacters):
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"<>^`{|}*", c) >= 0:
			return false
		}
	}
	return true
}

// holdsResponse tells whether the query would be taken for part of our answer.
func holdsResponse(u *url.URL) bool {
	query := u.Query()
	for _, name := range []string{"code", "state", "iss", "error", "error_description", "error_uri", "response", "access_token", "id_token"} {
		if query.Has(name) {
			return true
		}
	}
	return false
}

// hostSyntax is a host name or address with an optional port, and nothing that
// only looks like one.
var hostSyntax = regexp.MustCompile(`^(` + label + `(\.` + label + `)*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

const label = `[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?`

func (s *AuthServer) httpsAllowed(u *url.URL) *denial {
	switch {
	case u.User != nil && !s.faults.Has(fault.RegisterUserinfo):
		return refuse(invalidRedirectURI, "redirect_uri has user information")
	case s.faults.Has(fault.RedirectWildcard) && strings.HasPrefix(u.Host, "*."):
	case !hostSyntax.MatchString(u.Host):
		return refuse(invalidRedirectURI, "redirect_uri has no plain host")
	}
	return nil
}

// httpAllowed lets a native application be answered on its own machine (RFC 8252,
// section 7.3). Everything else would send the code in the clear.
func (s *AuthServer) httpAllowed(u *url.URL, applicationType string) *denial {
	switch {
	case s.faults.Has(fault.RegisterCleartext) && u.Host != "",
		s.faults.Has(fault.RegisterUnspecified) && u.Hostname() == "0.0.0.0":
		return nil
	case !hostSyntax.MatchString(u.Host) || !loopback(u) || s.faults.Has(fault.RegisterLoopbackRefused):
		return refuse(invalidRedirectURI, "http redirect_uris are for 127.0.0.1, [::1] and localhost")
	case applicationType == "web":
		return refuse(invalidRedirectURI, "a web application is not on the user's machine")
	}
	return nil
}

// privateScheme is a domain name of the application's author, in reverse: at
// least one dot (RFC 8252, section 7.1), which no scheme that browsers act upon has.
var privateScheme = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$`)

func (s *AuthServer) privateSchemeAllowed(u *url.URL, applicationType string) *denial {
	switch {
	case s.faults.Has(fault.RegisterSchemeDotless) && !dangerous(u.Scheme):
	case !privateScheme.MatchString(u.Scheme):
		return refuse(invalidRedirectURI, "scheme %q is not a domain name in reverse", u.Scheme)
	case applicationType != "native":
		return refuse(invalidRedirectURI, "private-use schemes are for application_type native")
	case u.Opaque != "" || u.User != nil:
		return refuse(invalidRedirectURI, "a private-use redirect_uri has a path")
	}
	return nil
}

// policyOverlooked holds the faults that look at the text of a redirect URI
// instead of the URI.
func (s *AuthServer) policyOverlooked(uri string) bool {
	if len(s.faults) == 0 {
		return false
	}
	scheme, rest, _ := strings.Cut(uri, ":")
	bare := strings.TrimSpace(printableOnly(scheme))
	switch {
	case s.faults.Has(fault.RegisterScript):
		return dangerous(strings.ToLower(scheme))
	case s.faults.Has(fault.RegisterScriptCase):
		return scheme != strings.ToLower(scheme) && dangerous(strings.ToLower(scheme))
	case s.faults.Has(fault.RegisterScriptControl):
		return bare != scheme && dangerous(strings.ToLower(bare))
	case s.faults.Has(fault.RegisterRelative):
		return strings.HasPrefix(uri, "/")
	case s.faults.Has(fault.RegisterLoopbackText):
		return !isLoopback(uri) && beginsLikeLoopback(uri)
	case s.faults.Has(fault.RegisterLoopbackWithin):
		return !isLoopback(uri) && scheme == "http" && (strings.Contains(rest, "127.0.0.1") || strings.Contains(rest, "localhost") || strings.Contains(rest, "[::1]"))
	case s.faults.Has(fault.RegisterCharacters):
		return scheme == "https" && strings.ContainsAny(rest, " \r\n\t\x00")
	}
	return false
}

func isLoopback(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && loopback(u)
}

func beginsLikeLoopback(uri string) bool {
	for _, host := range loopbackHosts {
		if strings.HasPrefix(uri, host) {
			return true
		}
	}
	return false
}

// dangerous tells whether browsers run, open or show what a scheme names.
func dangerous(scheme string) bool {
	return contains([]string{"javascript", "data", "vbscript", "blob", "filesystem", "file", "about", "view-source"}, scheme)
}

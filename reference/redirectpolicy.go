package reference

import (
	"net/url"
	"regexp"
	"strings"
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
	if len(client.RedirectURIs) == 0 || len(client.RedirectURIs) > maxRedirectURIs {
		return refuse(invalidRedirectURI, "between 1 and %d redirect_uris are required", maxRedirectURIs)
	}
	for _, uri := range client.RedirectURIs {
		if problem := s.redirectURIAllowed(uri, client.ApplicationType); problem != nil {
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
	if !s.plainText(uri) {
		return refuse(invalidRedirectURI, "redirect_uri holds characters that a URI does not have")
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		return refuse(invalidRedirectURI, "redirect_uri is not an absolute URI")
	}
	if strings.Contains(uri, "#") {
		return refuse(invalidRedirectURI, "redirect_uri has a fragment")
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
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"<>^`{|}*", c) >= 0 {
			return false
		}
	}
	return true
}

// hostSyntax is a host name or address with an optional port, and nothing that
// only looks like one.
var hostSyntax = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

func (s *AuthServer) httpsAllowed(u *url.URL) *denial {
	if u.User != nil || !hostSyntax.MatchString(u.Host) {
		return refuse(invalidRedirectURI, "redirect_uri has no plain host")
	}
	return nil
}

// httpAllowed lets a native application be answered on its own machine (RFC 8252,
// section 7.3). Everything else would send the code in the clear.
func (s *AuthServer) httpAllowed(u *url.URL, applicationType string) *denial {
	switch {
	case !hostSyntax.MatchString(u.Host) || !loopback(u):
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
	case !privateScheme.MatchString(u.Scheme):
		return refuse(invalidRedirectURI, "scheme %q is not a domain name in reverse", u.Scheme)
	case applicationType != "native":
		return refuse(invalidRedirectURI, "private-use schemes are for application_type native")
	case u.Opaque != "" || u.User != nil:
		return refuse(invalidRedirectURI, "a private-use redirect_uri has a path")
	}
	return nil
}

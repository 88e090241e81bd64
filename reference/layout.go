package reference

import "strings"

// A Layout is where a deployment has what is usually somewhere else. The zero
// value is the usual layout: the issuer without a path, endpoints right below it,
// and the MCP server at /mcp.
type Layout struct {
	// Issuer is the path of the issuer identifier. A slash at its end is part of
	// the identifier.
	Issuer string
	// Endpoints are the paths of endpoints of the authorization server, by their
	// usual ones: "/authorize", "/token", "/register".
	Endpoints map[string]string
	// Appended publishes metadata only below the issuer's own URL, as OpenID
	// Connect Discovery 1.0, section 4, has it.
	Appended bool
	// Root has the MCP server at the root of its origin. Its identifier ends with
	// a slash, or with Bare with the origin.
	Root, Bare bool
}

const usualPath = "/mcp"

// ResourcePath is the path of the MCP server.
func (l *Layout) ResourcePath() string {
	if l.Root {
		return "/"
	}
	return usualPath
}

// identifier is that of the protected resource.
func (l *Layout) identifier(origin string) string {
	if l.Bare {
		return origin
	}
	return origin + l.ResourcePath()
}

// Usual is the usual path of whatever of a party is at a path.
func (l *Layout) Usual(party Party, path string) string {
	switch party {
	case PartyAuthServer:
		for usual, actual := range l.Endpoints {
			if actual == path {
				return usual
			}
		}
	case PartyResourceServer:
		if l.Root && path == "/" {
			return usualPath
		}
	}
	return path
}

// metadataAt is the path of the metadata of the main MCP server (RFC 9728, section 3.1).
func (rs *ResourceServer) metadataAt() string {
	return metadataPath + strings.TrimSuffix(rs.layout.ResourcePath(), "/")
}

// place is the path of an endpoint of the authorization server, by its usual one.
func (s *AuthServer) place(endpoint string) string {
	if path, moved := s.options.Layout.Endpoints[endpoint]; moved {
		return path
	}
	return s.issuerPath() + endpoint
}

// at is the URL of an endpoint of the authorization server.
func (s *AuthServer) at(endpoint string) string { return s.origin + s.place(endpoint) }

// issuerPath is the path of the issuer identifier, without a slash at its end.
func (s *AuthServer) issuerPath() string {
	return strings.TrimSuffix(s.issuer[len(s.origin):], "/")
}

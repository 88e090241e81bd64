package reference

import (
	"net"
	"net/http"
	"time"
)

// LabOptions describe the authorization server that stands in where only a
// resource server is under test.
type LabOptions struct {
	Addr     string // to listen on; empty: a free port of loopback
	Issuer   string // its identifier, where it is reached under another than its address
	Endpoint string // of the MCP server under test: what tokens are for unless another resource is asked for
	Upstream string // the identifier of the API behind, for token exchange
}

// A Lab is a running authorization server whose keys are ours. It knows every
// scope and every resource: what the resource server calls its own is not its
// business.
type Lab struct {
	*AuthServer
	server *http.Server
}

// StartLab starts an authorization server for somebody else's resource server.
// The caller closes it.
func StartLab(o LabOptions) (*Lab, error) {
	options := Options{AuthServerAddr: o.Addr, lab: true}
	options.setDefaults()
	l, err := net.Listen("tcp", options.AuthServerAddr)
	if err != nil {
		return nil, err
	}
	issuer := o.Issuer
	if issuer == "" {
		issuer = "http://" + l.Addr().String()
	}
	as, err := newAuthServer(issuer, &options)
	if err != nil {
		_ = l.Close() // the first error is the one that matters
		return nil, err
	}
	as.serveResources(o.Endpoint, LabOtherResource, o.Upstream)
	lab := &Lab{AuthServer: as, server: &http.Server{Handler: as, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}}
	go lab.server.Serve(l) //nolint:errcheck // always ErrServerClosed
	return lab, nil
}

// LabOtherResource is a resource that the lab issues tokens for and that nobody
// serves.
const LabOtherResource = "https://other-resource.mcpassay.example/mcp"

// JWKS is the URL of its keys.
func (l *Lab) JWKS() string { return l.issuer + "/jwks" }

// Fetched tells whether somebody has asked for its keys.
func (l *Lab) Fetched() bool { return l.keysFetched.Load() }

// Users are the users who can sign in.
func (l *Lab) Users() []User { return l.options.Users }

// ResourceServerClient is the client that the resource server can be, to
// introspect and to exchange tokens.
func (l *Lab) ResourceServerClient() Client { return *l.preset[ResourceServerClient] }

// Close stops it, at once.
func (l *Lab) Close() error { return l.server.Close() }

// leastScopes are what a client gets that asks for nothing.
func (s *AuthServer) leastScopes() []string {
	if s.options.lab {
		return nil
	}
	return []string{scopeRead}
}

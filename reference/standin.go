package reference

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
)

// StandInOptions describe the resource server that stands in where only an
// authorization server is under test.
type StandInOptions struct {
	Issuer   string   // of the authorization server under test
	Resource string   // the identifier that it knows the resource by; empty: the URL of the endpoint
	Scopes   []string // to ask for

	ClientID, Secret string // to introspect tokens with; empty: they have to be JWTs

	Roots *x509.CertPool // to trust for the issuer; nil: the system's
}

// A StandIn is a running resource server that trusts somebody else's
// authorization server.
type StandIn struct {
	*ResourceServer
	server *http.Server
	url    string
}

// StandInTool is the one tool that it has. Every token may call it.
const StandInTool = "whoami"

// StartStandIn starts a resource server on a free port of loopback. The caller
// closes it.
func StartStandIn(o StandInOptions) (*StandIn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	origin := "http://" + l.Addr().String()
	keys, err := tokens.NewIssuer(origin)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	rs := &ResourceServer{
		origin: origin, authority: newAuthority(o.Issuer, o.Secret), keys: keys,
		metadata: map[string]http.Handler{}, endpoints: map[string]*endpoint{},
	}
	rs.authority.client = o.ClientID
	rs.authority.trust(o.Roots)
	e := rs.serve("/mcp", "mcpassay stand-in", "")
	s := &StandIn{ResourceServer: rs, url: e.url}
	if o.Resource != "" {
		e.url = o.Resource
	}
	e.verifier.audience, e.verifier.foreign = e.url, true
	e.base = &o.Scopes
	addTool(e, StandInTool, "Says whom the access token speaks for.", nil, func(_ context.Context, who *caller, _ nothing) (string, error) {
		said, err := json.Marshal(map[string]any{"sub": who.Subject, "client_id": who.Client, "scopes": who.Scopes})
		return string(said), err
	})
	document := rs.document(e)
	rs.metadata[metadataPath+"/mcp"], rs.metadata[metadataPath] = document, document
	s.server = &http.Server{Handler: rs, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	go s.server.Serve(l) //nolint:errcheck // always ErrServerClosed
	return s, nil
}

// URL is the URL of its MCP endpoint.
func (s *StandIn) URL() string { return s.url }

// Close stops it, at once.
func (s *StandIn) Close() error {
	defer s.close()
	return s.server.Close()
}

// readForeign reads a token of an authorization server that is not ours: a JWT
// that its keys verify, or whatever it says is active.
func (v *verifier) readForeign(ctx context.Context, token string, expected tokens.Expected) (*tokens.Token, []tokens.Check, error) {
	t, err := tokens.Parse(token)
	switch {
	case err == nil:
		return t, expected.ForeignChecks(func(t *tokens.Token) error { return v.authority.verifyForeign(ctx, t) }), nil
	case v.authority.client == "":
		return nil, nil, fmt.Errorf("no JWT, and nobody to ask: %w", err)
	}
	t, err = v.authority.introspect(ctx, token)
	return t, expected.ForeignClaimChecks(), err
}

// verifyForeign verifies with any key that the authorization server publishes. A
// key that is not known may be new.
func (a *authority) verifyForeign(ctx context.Context, t *tokens.Token) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.jwks != nil && time.Since(a.keysAt) < keysFreshFor {
		if err := t.SignedBy(a.jwks); err == nil || time.Since(a.lastAttempt) < keysFetchedOnce {
			return err
		}
	}
	if err := a.refresh(ctx); err != nil {
		return err
	}
	return t.SignedBy(a.jwks)
}

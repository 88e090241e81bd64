package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// Preflight settles reachability and configuration. It returns why no check can
// be run, in one clear sentence, or nil. What it finds out is shared with the
// checks; what is wrong with the deployment is left to them.
func (d *Deployment) Preflight(ctx context.Context) *reports.Stop {
	x, err := d.Discovery(ctx)
	if err != nil {
		return d.unreachable(ctx, err)
	}
	if stop := d.notMCP(x); stop != nil {
		return stop
	}
	if stop := d.foreignServer(x); stop != nil {
		return stop
	}
	if d.Unprotected(x) {
		return nil // every check says that it does not apply
	}
	d.learnEdges(ctx, x)
	_, err = d.Baseline(ctx)
	var b *Blocked
	switch {
	case errors.Is(err, ErrCredentialsRefused) && len(d.Target.Users) == 0:
		return &reports.Stop{Owner: reports.Configuration,
			Message: "the authorization server asks who signs in, and no user is given",
			Remedy:  "name a test user (--user) and put the password into MCPASSAY_PASSWORD or --password-file"}
	case errors.Is(err, ErrCredentialsRefused):
		return &reports.Stop{Owner: reports.Configuration,
			Message: fmt.Sprintf("the authorization server refused the password of user %q", d.user().Name),
			Remedy:  "give a user that can sign in (--user) and the right password (MCPASSAY_PASSWORD or --password-file)"}
	case errors.Is(err, ErrNoClient):
		return &reports.Stop{Owner: reports.Configuration, Message: ErrNoClient.Error(),
			Remedy: "register a client by hand and put it under clients in the configuration"}
	case errors.Is(err, ErrNeedsBrowser):
		return &reports.Stop{Owner: reports.Configuration, Message: d.Redact(err.Error()),
			Remedy: "run with --user-agent browser"}
	case errors.As(err, &b) && b.Owner == reports.Configuration:
		return &reports.Stop{Owner: reports.Configuration, Message: d.Redact(b.Err.Error())}
	}
	var unspoken *NotSpoken
	if _, err := d.Era(ctx); errors.As(err, &unspoken) { // all else that is wrong with it is for the checks to say
		return &reports.Stop{Owner: reports.Configuration, Message: unspoken.Error(), Remedy: "leave --spec out, or name a revision that the server speaks"}
	}
	return nil
}

func (d *Deployment) unreachable(ctx context.Context, err error) *reports.Stop {
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	stop := &reports.Stop{Owner: reports.Network}
	host := d.Endpoint.Host
	switch {
	case ctx.Err() != nil:
		stop.Owner, stop.Message = reports.Configuration, "the run was interrupted before the server answered"
	case errors.As(err, &certificate), errors.As(err, &authority):
		stop.Message = fmt.Sprintf("the TLS certificate of %s is not trusted: %v", host, rootCause(err))
		stop.Remedy = "fix the certificate, or name its authority (--ca-file)"
	case errors.As(err, &record):
		stop.Message = fmt.Sprintf("%s does not speak TLS", host)
		stop.Remedy = "use an http URL, or the right port"
	case errors.As(err, &dns):
		stop.Message = fmt.Sprintf("no host is called %s", d.Endpoint.Hostname())
		stop.Remedy = "check the URL"
	default:
		stop.Message = fmt.Sprintf("%s cannot be reached: %v", host, rootCause(err))
		stop.Remedy = "check that the server runs and that the URL is right"
	}
	stop.Message = d.Redact(stop.Message)
	return stop
}

func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// notMCP stops when the URL is no MCP endpoint: nothing is there, or a page.
func (d *Deployment) notMCP(x *Discovery) *reports.Stop {
	a := x.Anonymous
	if a.Status == http.StatusUnauthorized || x.PRM != nil {
		return nil
	}
	message := strings.TrimSpace(string(a.Message()))
	isRPC := strings.HasPrefix(message, "{") && strings.Contains(message, `"jsonrpc"`)
	if isRPC || a.Status == http.StatusForbidden || (a.Status == http.StatusBadRequest && a.MediaType() == "application/json") {
		return nil
	}
	return &reports.Stop{Owner: reports.Configuration,
		Message: fmt.Sprintf("%s is not an MCP endpoint: an MCP request was answered %d with %s", d.Endpoint, a.Status, describeMedia(a)),
		Remedy:  "give the full URL of the MCP endpoint, path included"}
}

func describeMedia(r *wire.Response) string {
	if media := r.MediaType(); media != "" {
		return media
	}
	return "no media type"
}

// foreignServer stops when the checks would attack an authorization server that
// is not on loopback although only a loopback target was given.
func (d *Deployment) foreignServer(x *Discovery) *reports.Stop {
	if d.Target.Authorized || x.AS == nil {
		return nil
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "registration_endpoint"} {
		endpoint, _ := x.AS.Document.String(name)
		u, err := url.Parse(endpoint)
		if err == nil && u.Host != "" && !IsLoopback(u) {
			return &reports.Stop{Owner: reports.Configuration,
				Message: fmt.Sprintf("the authorization server is at %s, which is not a loopback address", u.Host),
				Remedy:  "if you may test it, say so with --authorized or authorized: true"}
		}
	}
	return nil
}

// IsLoopback tells whether a URL's host is this machine.
func IsLoopback(u *url.URL) bool {
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}

// Unprotected tells whether the server asks for no authorization at all: it
// carries out the protected call for anybody and publishes no protected resource
// metadata.
func (d *Deployment) Unprotected(x *Discovery) bool {
	return x.PRM == nil && x.Anonymous.Status != http.StatusUnauthorized && x.Anonymous.Status != http.StatusForbidden
}

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
)

// vantage says from where a system is looked at: which of its parties are under
// test, and for which ours stand in.
type vantage struct {
	AS         string        `name:"as" placeholder:"ISSUER" help:"Test an authorization server alone: a resource server of ours trusts it."`
	ASResource string        `name:"as-resource" placeholder:"URI" help:"With --as: the resource indicator to ask for, where only registered ones are known."`
	Lab        optionalAddr  `name:"lab-as" placeholder:"ADDR" help:"Test an MCP server alone: an authorization server of ours listens at ADDR (default: a free port of 127.0.0.1), and the MCP server is made to trust it."`
	LabIssuer  string        `name:"lab-issuer" placeholder:"URL" help:"With --lab-as: the URL that the MCP server reaches it under, if that is not its address."`
	LabWait    time.Duration `name:"lab-wait" placeholder:"DURATION" help:"With --lab-as: how long to wait until the MCP server trusts it (default: 2m)."`
	Stub       string        `name:"upstream-stub" placeholder:"ADDR" help:"Stand in for the API behind the MCP server at ADDR, and see which credentials reach it."`
	CAFile     string        `name:"ca-file" placeholder:"FILE" help:"Certificates, in PEM, of further authorities to trust."`

	LabIDP       optionalAddr `name:"lab-idp" placeholder:"ADDR" help:"Have users sign in at an identity provider of ours, which listens at ADDR (default: a free port of 127.0.0.1) and which the authorization server is made to trust."`
	LabIDPIssuer string       `name:"lab-idp-issuer" placeholder:"URL" help:"With --lab-idp: the URL that the authorization server reaches it under, if that is not its address."`
}

// optionalAddr is the value of a flag that need not have one.
type optionalAddr struct {
	set  bool
	addr string
}

var hostPort = regexp.MustCompile(`^[^/]*:[0-9]+$`)

// Decode takes what follows the flag for its value if it is an address.
func (o *optionalAddr) Decode(ctx *kong.DecodeContext) error {
	o.set = true
	next := ctx.Scan.Peek()
	if next.Type == kong.FlagValueToken || !next.IsEOL() && hostPort.MatchString(next.String()) {
		o.addr = ctx.Scan.Pop().String()
		if !hostPort.MatchString(o.addr) {
			return fmt.Errorf("%q is no address such as 127.0.0.1:9400", o.addr)
		}
	}
	return nil
}

// IsBool tells that the flag can stand alone.
func (o *optionalAddr) IsBool() bool { return true }

// A scene is what is tested, with what had to be started for it.
type scene struct {
	target probes.Target
	roots  *x509.CertPool // to trust; nil: the system's
	lab    *reference.Lab // that has yet to be trusted
	wait   time.Duration  // for that
	closes []func() error
}

func (s *scene) close() error {
	var errs []error
	for _, c := range s.closes {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// settle completes the flags from the configuration, which they go before, and
// refuses what does not go together.
func (v *vantage) settle(address string, c *Config) (string, error) {
	address, v.AS = firstNamed(address, v.AS, c.URL, c.As.Issuer)
	if v.AS != "" {
		v.ASResource = or(v.ASResource, c.As.Resource)
	}
	if c.LabAS.Addr != "" && v.AS == "" {
		v.Lab.set, v.Lab.addr = true, or(v.Lab.addr, c.LabAS.Addr)
	}
	if v.Lab.set {
		v.LabIssuer, v.LabWait = or(v.LabIssuer, c.LabAS.Issuer), or(v.LabWait, c.LabAS.Wait, 2*time.Minute)
	}
	if v.AS == "" {
		v.Stub = or(v.Stub, c.Upstream.Stub)
	}
	if c.LabIDP.Addr != "" && !v.Lab.set {
		v.LabIDP.set, v.LabIDP.addr = true, or(v.LabIDP.addr, c.LabIDP.Addr)
	}
	if v.LabIDP.set {
		v.LabIDPIssuer = or(v.LabIDPIssuer, c.LabIDP.Issuer)
	}
	v.CAFile = or(v.CAFile, c.CAFile)
	return address, v.contradiction(address, c)
}

// firstNamed is the MCP server or the authorization server that is to be tested:
// what the command line names, or else the configuration.
func firstNamed(address, issuer, configuredAddress, configuredIssuer string) (string, string) {
	if address != "" || issuer != "" {
		return address, issuer
	}
	return configuredAddress, configuredIssuer
}

func (v *vantage) contradiction(address string, c *Config) error {
	switch {
	case v.AS != "" && address != "":
		return usagef("--as tests an authorization server alone, and a URL names an MCP server: give one of them")
	case v.AS != "" && v.Lab.set:
		return usagef("--as and --lab-as leave nothing to test: give one of them")
	case v.AS != "" && v.Stub != "":
		return usagef("--upstream-stub is for an MCP server, and --as tests none")
	case v.AS == "" && v.ASResource != "":
		return usagef("--as-resource goes with --as")
	case !v.Lab.set && (v.LabIssuer != "" || v.LabWait != 0):
		return usagef("--lab-issuer and --lab-wait go with --lab-as")
	case v.LabIDP.set && v.Lab.set:
		return usagef("--lab-idp is behind an authorization server that is under test, and --lab-as is ours: give one of them")
	case !v.LabIDP.set && v.LabIDPIssuer != "":
		return usagef("--lab-idp-issuer goes with --lab-idp")
	case v.Stub != "" && c.Upstream.Tool.Name == "":
		return usagef("--upstream-stub needs the tool that calls the upstream: put its name under upstream.tool in the configuration")
	}
	if _, port, err := net.SplitHostPort(v.Stub); v.Stub != "" && (err != nil || port == "0" || port == "") {
		return usagef("--upstream-stub %q: give the host and the port that the MCP server is configured to call", v.Stub)
	}
	for name, issuer := range map[string]string{"--lab-issuer": v.LabIssuer, "--lab-idp-issuer": v.LabIDPIssuer} {
		if u, err := url.Parse(issuer); issuer != "" && (err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "") {
			return usagef("%s %q: give scheme and host, and a port if need be", name, issuer)
		}
	}
	return nil
}

// trusted are the system's authorities and those of the file.
func (v *vantage) trusted() (*x509.CertPool, error) {
	if v.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(v.CAFile)
	if err != nil {
		return nil, usagef("--ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, usagef("--ca-file: %s holds no certificate in PEM", v.CAFile)
	}
	return pool, nil
}

// standIn starts a resource server for the authorization server under test.
func (v *vantage) standIn(s *scene, c *Config) error {
	o := reference.StandInOptions{Issuer: v.AS, Resource: v.ASResource, Scopes: c.Scopes, Roots: s.roots}
	for _, client := range s.target.Clients {
		if client.ID == c.As.IntrospectAs {
			o.ClientID, o.Secret = client.ID, client.Secret
		}
	}
	s.target.Clients = slices.DeleteFunc(s.target.Clients, func(client probes.StaticClient) bool { return client.ID == o.ClientID })
	server, err := reference.StartStandIn(o)
	if err != nil {
		return fmt.Errorf("start the resource server: %w", err)
	}
	s.closes = append(s.closes, server.Close)
	ours := probes.BehindStandIn(server, v.AS, c.Scopes)
	s.target.URL, s.target.Issuer, s.target.Ours, s.target.Tool = ours.URL, ours.Issuer, ours.Ours, ours.Tool
	return nil
}

// startLab starts an authorization server for the MCP server under test, and says
// what that has to be told.
func (v *vantage) startLab(s *scene, upstream string, to io.Writer) error {
	lab, err := reference.StartLab(reference.LabOptions{
		Addr: v.Lab.addr, Issuer: strings.TrimSuffix(v.LabIssuer, "/"), Endpoint: s.target.URL, Upstream: upstream,
	})
	if err != nil {
		return usagef("--lab-as: %w", err)
	}
	s.closes = append(s.closes, lab.Close)
	s.lab, s.wait = lab, v.LabWait
	s.target = s.target.WithLab(lab)
	client := lab.ResourceServerClient()
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Make %s trust this authorization server:\n", s.target.URL)                                           //nolint:errcheck // reported by Flush
	fmt.Fprintf(w, "  issuer\t%s\n  JWKS\t%s\n", lab.Issuer(), lab.JWKS())                                               //nolint:errcheck // reported by Flush
	fmt.Fprintf(w, "  client, to introspect or exchange tokens\t%s\t%s (for this run only)\n", client.ID, client.Secret) //nolint:errcheck // reported by Flush
	return w.Flush()
}

// startStub starts what stands in for the upstream, and returns its identifier.
func (v *vantage) startStub(s *scene, c *Config, to io.Writer) (string, error) {
	stub, err := reference.StartStub(v.Stub)
	if err != nil {
		return "", usagef("--upstream-stub: %w", err)
	}
	s.closes = append(s.closes, stub.Close)
	identifier := or(c.Upstream.Resource, stub.URL())
	s.target.Upstream = &probes.StubbedUpstream{
		Stub: stub, Identifier: identifier,
		Call: probes.ToolCall{Name: c.Upstream.Tool.Name, Arguments: c.Upstream.Tool.Arguments},
	}
	_, err = fmt.Fprintf(to, "Make %s call this upstream: %s\n", s.target.URL, stub.URL())
	return identifier, err
}

// awaitTrust waits until the MCP server trusts the lab, where there is one.
func (s *scene) awaitTrust(ctx context.Context, client *wire.Client) error {
	if s.lab == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.wait, fmt.Errorf("waited for %s (--lab-wait)", s.wait))
	defer cancel()
	return probes.AwaitTrust(ctx, client, s.target.URL, s.lab)
}

// tls is what connections trust.
func (s *scene) tls() *tls.Config {
	if s.roots == nil {
		return nil
	}
	return &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

// browser are the options of a browser that trusts what connections trust.
func (s *scene) browser(ctx context.Context, client *wire.Client, path string) browser.Options {
	o := browser.Options{Path: path}
	if s.roots != nil {
		o.TrustedKeys = probes.TrustedKeys(ctx, client, s.target)
	}
	return o
}

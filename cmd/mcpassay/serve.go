package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client/visits"
)

// serveName is how kong knows the command: a word of its own, since the one before
// takes any command line.
const serveName = "client serve"

// joined makes one word of the two that name the command.
func joined(args []string) []string {
	if len(args) > 1 && args[0]+" "+args[1] == serveName {
		return append([]string{serveName}, args[2:]...)
	}
	return args
}

type serveCommand struct {
	Listen    string `default:"127.0.0.1:8400" placeholder:"HOST:PORT" help:"Where the pages listen (default: ${default})."`
	PublicURL string `name:"public-url" placeholder:"URL" help:"How visitors reach the pages. Each server that clients are taken to gets a name below this host, which needs a wildcard in DNS and in the certificate, unless --ports is given. Default: this machine alone, and free ports."`
	TLSCert   string `name:"tls-cert" placeholder:"FILE" help:"Certificate chain to speak TLS with, in PEM. Without it, something in front speaks TLS where the public URL says https."`
	TLSKey    string `name:"tls-key" placeholder:"FILE" help:"Its private key, in PEM."`
	Ports     string `placeholder:"FROM-TO" help:"Reach the servers at these ports of the public host, rather than by names of their own. Others can find them there."`

	Tenants  int           `default:"20" help:"Visitors at once (default: ${default})."`
	Lifetime time.Duration `default:"2h" help:"After which a visitor's servers and reports are gone (default: ${default})."`
	Idle     time.Duration `default:"20m" help:"After which those of a visitor are gone who does nothing (default: ${default})."`

	Spec         string `default:"2026-07-28" enum:"2025-03-26,2025-06-18,2025-11-25,2026-07-28" help:"Revision of MCP that visitors are offered first (default: ${default})."`
	StatementKey string `placeholder:"FILE" help:"Private key that signs statements, a JWK or PEM. Without, one is made and thrown away at the end."`
}

// Run serves until it is interrupted.
func (c *serveCommand) Run(out *output) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return c.serve(ctx, out)
}

func (c *serveCommand) serve(ctx context.Context, out *output) error {
	if c.Tenants < 1 || c.Lifetime <= 0 || c.Idle <= 0 {
		return usagef("--tenants, --lifetime and --idle have to be more than nothing")
	}
	config, err := c.certificate()
	if err != nil {
		return err
	}
	signer, err := (&statementOptions{Statement: "served", StatementKey: c.StatementKey}).signer()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return usagef("--listen: %w", err)
	}
	defer l.Close() //nolint:errcheck // closed by the server before
	options, err := c.options(l.Addr(), config)
	if err != nil {
		return err
	}
	options.Seal = func(statement []byte) (string, error) { return signer.Seal(reports.StatementType, statement) }
	server, err := visits.New(*options)
	if err != nil {
		return usagef("--public-url: %w", err)
	}
	if err := c.announce(out, l.Addr(), options, signer); err != nil {
		return err
	}
	return server.Run(ctx, l, config)
}

// announce says where the pages are.
func (c *serveCommand) announce(out *output, at net.Addr, o *visits.Options, signer *tokens.Signer) error {
	public, err := signer.PublicJWK()
	if err != nil {
		return err
	}
	servers := "servers   at names below " + o.Base.Hostname()
	if o.Ports != nil {
		servers = "servers   at ports of " + o.Base.Hostname()
	}
	_, err = fmt.Fprintf(out.stdout, "pages     %s/\n%s\nlistening at %s\nstatements are signed with the key %s\n", o.Base, servers, at, public)
	return err
}

// certificate is what TLS is spoken with; nil: it is not.
func (c *serveCommand) certificate() (*tls.Config, error) {
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return nil, usagef("--tls-cert and --tls-key go together")
	case c.TLSCert == "":
		return nil, nil //nolint:nilnil // there is none
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, usagef("the certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// options are what to serve at an address.
func (c *serveCommand) options(at net.Addr, config *tls.Config) (*visits.Options, error) {
	o := &visits.Options{
		Limits:   visits.Limits{Tenants: c.Tenants, Lifetime: c.Lifetime, Idle: c.Idle},
		Revision: suites.Revision(c.Spec), Tool: versionLine(), Remote: true,
	}
	address, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return nil, err
	}
	if c.PublicURL == "" {
		if !net.ParseIP(address).IsLoopback() {
			return nil, usagef("--listen %s is not for this machine alone: say with --public-url how it is reached", c.Listen)
		}
		o.Base, o.Remote = &url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", port)}, config != nil
		if config != nil {
			o.Base.Scheme = "https"
		}
		o.Ports = &visits.Ports{Address: address, TLSConfig: config}
	} else if o.Base, err = publicURL(c.PublicURL, config != nil); err != nil {
		return nil, err
	}
	if c.Ports != "" {
		o.Ports = &visits.Ports{Address: address, TLSConfig: config}
		if o.Ports.From, o.Ports.To, err = portRange(c.Ports); err != nil {
			return nil, err
		}
	}
	if config != nil {
		return o, covers(config, o)
	}
	return o, nil
}

// publicURL reads how visitors reach the pages.
func publicURL(text string, speaksTLS bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, usagef("--public-url %q is no URL of a host", text)
	case u.Scheme != "https" && (u.Scheme != "http" || speaksTLS):
		return nil, usagef("--public-url %q does not begin with https://", text)
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return &url.URL{Scheme: u.Scheme, Host: strings.TrimSuffix(strings.ToLower(u.Host), port)}, nil
}

// portRange reads "8401-8499".
func portRange(text string) (from, to int, err error) {
	first, last, found := strings.Cut(text, "-")
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if !found || err1 != nil || err2 != nil || from < 1 || to > 65535 || to-from < 5 {
		return 0, 0, usagef("--ports %q is no range of at least six ports, such as 8401-8499", text)
	}
	return from, to, nil
}

// covers tells whether the certificate is good for every name that will be used.
func covers(config *tls.Config, o *visits.Options) error {
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		return usagef("the certificate: %w", err)
	}
	names := []string{o.Base.Hostname()}
	if o.Ports == nil {
		names = append(names, "mcp-1."+o.Base.Hostname())
	}
	for _, name := range names {
		if err := leaf.VerifyHostname(name); err != nil {
			return usagef("the certificate is not for %s; with --ports one for the public host alone will do: %w", name, err)
		}
	}
	return nil
}

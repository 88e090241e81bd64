package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

type referenceCommand struct {
	Fault   []string `placeholder:"ID" help:"Deliberate defect to switch on; repeatable. mcpassay faults lists them."`
	Variant []string `placeholder:"ID" help:"Legal but unusual behaviour to switch on; repeatable."`
	Profile string   `placeholder:"NAME" help:"Shape of the deployment: ${profiles}."`
	CAOut   string   `name:"ca-out" placeholder:"FILE" help:"With the variant tls: where to write the certificate of the authority, for run --ca-file."`
	Addr    string   `placeholder:"HOST:PORT" help:"Address of the MCP server (default: a free port of 127.0.0.1). The other servers always take free ports."`
}

// Run serves until it is interrupted.
func (c *referenceCommand) Run(out *output) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	options, err := profileOptions(c.Profile)
	if err != nil {
		return err
	}
	options.ResourceServerAddr = c.Addr
	server, err := startDiffering(options, c.Fault, c.Variant)
	if err != nil {
		return err
	}
	if err := errors.Join(c.writeAuthority(server), describe(out.stdout, server)); err != nil {
		return errors.Join(err, server.Close())
	}
	return server.Wait(ctx)
}

func (c *referenceCommand) writeAuthority(s *reference.Server) error {
	switch {
	case c.CAOut == "":
		return nil
	case s.Authority() == nil:
		return usagef("--ca-out goes with --variant %s", variant.TLS.ID)
	}
	return os.WriteFile(c.CAOut, s.Authority(), 0o644)
}

// startReference starts a reference deployment that differs as the ids say.
func startReference(faults, variants []string, addr string) (*reference.Server, error) {
	return startDiffering(reference.Options{ResourceServerAddr: addr}, faults, variants)
}

func startDiffering(options reference.Options, faults, variants []string) (*reference.Server, error) {
	for _, id := range faults {
		f, err := fault.Find(id)
		if err != nil {
			return nil, usagef("%w%s", err, didYouMean(id, faultIDs()))
		}
		options.Faults = append(options.Faults, f)
	}
	for _, id := range variants {
		v, err := variant.Find(id)
		if err != nil {
			return nil, usagef("%w%s", err, didYouMean(id, variantIDs()))
		}
		options.Variants = append(options.Variants, v)
	}
	server, err := reference.Start(options)
	if err != nil {
		return nil, fmt.Errorf("start the reference deployment: %w", err)
	}
	return server, nil
}

// referenceTarget is the reference deployment as something to test. Clients
// registered by hand are named only where there is no other way to have one.
func referenceTarget(s *reference.Server, variants []string) probes.Target {
	target := probes.Reference(s)
	if !slices.Contains(variants, variant.NoRegistration.ID) {
		return target
	}
	for _, c := range s.AuthServer.Clients() {
		if len(c.RedirectURIs) > 0 && c.Key == nil {
			target.Clients = append(target.Clients, probes.StaticClient{ID: c.ID, Secret: c.Secret, Method: c.AuthMethod, RedirectURI: c.RedirectURIs[0]})
		}
	}
	return target
}

func describe(to io.Writer, s *reference.Server) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) } //nolint:errcheck // reported by Flush
	row("MCP server", s.ResourceServer.Endpoint())
	row("another", s.ResourceServer.OtherEndpoint())
	row("authorization server", s.AuthServer.Issuer())
	row("upstream API", s.Upstream.URL())
	for _, u := range s.Users() {
		row("user", u.Name, u.Password)
	}
	for _, c := range s.AuthServer.Clients() {
		row("client", c.ID, c.AuthMethod, c.Secret)
	}
	return w.Flush()
}

type faultsCommand struct{}

// Run lists the faults and variants.
func (faultsCommand) Run(out *output) error {
	w := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "Faults: a deployment that …") //nolint:errcheck // reported by Flush
	for _, f := range fault.All() {
		fmt.Fprintf(w, "  %s\t%s\n", f.ID, f.Doc) //nolint:errcheck // reported by Flush
	}
	fmt.Fprintln(w, "\nVariants, on which nothing may fail: a deployment that …") //nolint:errcheck // reported by Flush
	for _, v := range variant.All() {
		fmt.Fprintf(w, "  %s\t%s\n", v.ID, v.Doc) //nolint:errcheck // reported by Flush
	}
	return w.Flush()
}

func faultIDs() []string {
	var ids []string
	for _, f := range fault.All() {
		ids = append(ids, f.ID)
	}
	return ids
}

func variantIDs() []string {
	var ids []string
	for _, v := range variant.All() {
		ids = append(ids, v.ID)
	}
	return ids
}

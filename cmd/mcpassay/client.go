package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/certs"
	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/probes/opener"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

type clientCommand struct {
	Command []string `arg:"" passthrough:"" optional:"" help:"Command line of the client, after --. The URL of the MCP server becomes its last argument."`

	Spec        string            `default:"2026-07-28" enum:"2025-03-26,2025-06-18,2025-11-25,2026-07-28" help:"Revision of MCP that the deployments speak (default: ${default})."`
	Check       []string          `placeholder:"ID" help:"Check to make; repeatable. Default: all."`
	Timeout     time.Duration     `default:"30s" help:"How long the client may take in one situation (default: ${default})."`
	Profile     []string          `placeholder:"NAME" help:"Only put the client before deployments of this shape; repeatable: ${profiles}."`
	Seed        *uint64           `placeholder:"N" help:"Draw the quirks that are left to chance from this seed. Default: another one each time, which the report names."`
	Refuses     map[string]string `placeholder:"SITUATION=WHY" mapsep:"none" help:"The client does not go on in this situation, on purpose: it is stricter than it need be. Repeatable; the report says so."`
	Concurrency int               `default:"2" help:"Situations at once (default: ${default})."`
	Strict      bool              `help:"Warnings fail the gate."`
	OnServer    bool              `help:"The client runs on a server, for others: it is to leave internal addresses alone, but for the host of the MCP server itself."`

	Shipping shippingFlags `embed:"" group:"Clients that were not written for tests:"`

	Out string `default:"mcpassay-report" placeholder:"DIR" help:"Folder for the reports (default: ${default})."`

	statementOptions
}

// Run certifies a client that is started as a command.
func (c *clientCommand) Run(out *output) error {
	for len(c.Command) > 0 && c.Command[0] == "--" {
		c.Command = c.Command[1:]
	}
	if len(c.Command) == 0 {
		return usagef("which client? mcpassay client -- COMMAND…")
	}
	signer, err := c.signer()
	if err != nil {
		return err
	}
	if err := prepare(c.Out); err != nil {
		return err
	}
	ctx, interrupts := interruptible(func() {
		complain(out.stderr, errors.New("interrupted again: nothing is reported"), reports.ExitInterrupted)
	})
	defer interrupts.close()
	name := commandLine(c.Command)
	var started client.Client = &command{line: name, timeout: c.Timeout}
	authority, err := certs.New()
	if err != nil {
		return err
	}
	if c.Shipping.wanted(name) {
		visit, end, err := c.Shipping.visitor(ctx, authority)
		if err != nil {
			return err
		}
		defer end() //nolint:errcheck // the verdicts are in
		started = &shipping{shippingFlags: &c.Shipping, line: name, timeout: c.Timeout, visit: visit}
	}
	options := client.Options{
		Client: started, Redirects: c.Shipping.RedirectURI, Attended: c.Shipping.UserAgent == inBrowser, Name: name, Revision: suites.Revision(c.Spec), Only: c.Check, Profiles: c.Profile, Declared: c.Refuses, Seed: c.seed(), Concurrency: c.Concurrency,
		Tool: versionLine(), Hosted: c.OnServer, Authority: authority,
	}
	checks, err := options.Checks()
	if err != nil {
		return &usageError{err}
	}
	style, live := styleOf(out.stderr)
	progress := reports.StartProgress(out.stderr, live, style)
	options.Settled = progress.Settled
	progress.Started(len(checks))
	progress.Phase("putting the client in front of deployments")
	report, _, err := client.Run(ctx, options)
	progress.Close()
	if err != nil {
		return &usageError{err}
	}
	return c.report(report, signer, out)
}

// seed is the one that was asked for, or one that is easy to type.
func (c *clientCommand) seed() uint64 {
	if c.Seed != nil {
		return *c.Seed
	}
	return rand.Uint64N(1_000_000) + 1
}

func (c *clientCommand) report(report *reports.Report, signer *tokens.Signer, out *output) error {
	if err := reports.WriteFolder(c.Out, report, c.Strict); err != nil {
		return err
	}
	style, _ := styleOf(out.stdout)
	style.Folder = c.Out
	if err := reports.WriteGrid(out.stdout, report, style); err != nil {
		return err
	}
	if err := reports.Summary(out.stdout, report, style); err != nil {
		return err
	}
	if signer != nil {
		if err := c.state(report, signer, out); err != nil {
			return err
		}
	}
	if code := report.Exit(c.Strict); code != reports.ExitPassed {
		return exitCode(code)
	}
	return nil
}

// commandLine joins arguments into a line for the shell. A single one is a line
// already.
func commandLine(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	line := ""
	for i, arg := range args {
		if i > 0 {
			line += " "
		}
		line += shellQuote(arg)
	}
	return line
}

// command is a client that is started anew for each situation.
type command struct {
	line    string
	timeout time.Duration
}

// Connect catches what the client wants opened, so that no hostile URL reaches the
// desktop of whoever runs this.
func (c *command) Connect(ctx context.Context, o client.Offer) (exit *launch.Exit, err error) {
	env, err := o.Variables()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mcpassay-client-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return opener.Run(ctx, launch.Command{Shell: c.line, URL: o.URL, Env: env, Timeout: c.timeout},
		opener.Options{Dir: dir, Lead: o.Callbacks, Authority: o.Authority})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

type runCommand struct {
	URL string `arg:"" optional:"" help:"URL of the MCP endpoint."`

	User         string `placeholder:"NAME" help:"User who signs in. The password is taken from MCPASSAY_PASSWORD or --password-file."`
	PasswordFile string `placeholder:"FILE" help:"File whose first line is the password."`
	Config       string `short:"c" placeholder:"FILE" help:"Configuration in YAML, see docs/config.example.yaml."`
	Authorized   bool   `help:"You may test this system although it is not on loopback."`
	Disturb      bool   `help:"Also run checks that can disturb other users of the system."`

	Spec   string `enum:"newest,2025-03-26,2025-06-18,2025-11-25,2026-07-28" default:"newest" help:"MCP revision to hold the server to: ${enum} (default: the newest that the server speaks)."`
	Filter string `placeholder:"EXPR" help:"Labels of the checks to run, such as 'rs && must', 'pkce || redirect-uri' or an id."`
	Strict bool   `help:"Warnings fail the gate."`
	DryRun bool   `help:"List the checks that would be run, and send nothing."`
	Out    string `default:"mcpassay-report" placeholder:"DIR" help:"Folder for the reports (default: ${default})."`

	UserAgent string `enum:"browser,forms,auto" default:"auto" help:"How users sign in: auto (the browser first; ordinary forms without it once it has shown the way, and the browser again for what they cannot do and to confirm findings), browser, or forms (ordinary forms only)."`
	Browser   string `env:"MCPASSAY_BROWSER" placeholder:"PATH" help:"Browser to use; default: one is looked for."`

	Concurrency      int           `placeholder:"N" help:"Requests under way at once (default: 16; 8 off loopback)."`
	Rate             float64       `placeholder:"N" help:"Requests a second (default: not limited; 10 off loopback)."`
	Timeout          time.Duration `placeholder:"DURATION" help:"How long to wait for one answer (default: 20s)."`
	MaxRegistrations int           `placeholder:"N" help:"Clients that may be registered (default: 150)."`
	Wait             time.Duration `placeholder:"DURATION" help:"How long a check may wait for something to expire (default: 10s)."`

	Park bool `help:"Set aside what takes longer than --wait to expire; mcpassay resume finishes it."`

	vantage

	Reference bool     `help:"Start the reference deployment and test that."`
	Fault     []string `placeholder:"ID" help:"Fault of the reference deployment; repeatable."`
	Variant   []string `placeholder:"ID" help:"Variant of the reference deployment; repeatable."`
}

// Run tests the deployment and writes the reports. A gate that did not pass is
// the error exitCode.
func (r *runCommand) Run(out *output) error {
	config := &Config{}
	if r.Config != "" {
		var err error
		if config, err = loadConfig(r.Config); err != nil {
			return err
		}
	}
	checks, err := suites.Select(r.Filter)
	if err != nil {
		return &usageError{err}
	}
	if len(checks) == 0 {
		return usagef("the filter %q selects no check: mcpassay checks lists them", r.Filter)
	}
	s := &scene{}
	defer s.close() //nolint:errcheck // the process ends
	if err := r.set(s, config, out.stderr); err != nil {
		return err
	}
	if r.DryRun {
		return r.list(out, s.target, checks)
	}
	if err := prepare(r.Out); err != nil {
		return err
	}
	report, aside, err := r.test(s, config, out)
	if err != nil {
		return err
	}
	if err := park(r.Out, &parked{URL: s.target.URL, Probes: aside}, out); err != nil {
		return err
	}
	return r.report(report, out)
}

// set makes the scene: the reference, or what flags and configuration say.
func (r *runCommand) set(s *scene, config *Config, to io.Writer) error {
	if r.Reference {
		return r.setReference(s, config)
	}
	if len(r.Fault) > 0 || len(r.Variant) > 0 {
		return usagef("--fault and --variant go with --reference")
	}
	address, err := r.settle(r.URL, config)
	if err != nil {
		return err
	}
	if s.target, err = r.target(address, config); err != nil || r.DryRun {
		return err
	}
	if s.roots, err = r.trusted(); err != nil {
		return err
	}
	return r.start(s, config, to)
}

func (r *runCommand) setReference(s *scene, config *Config) error {
	if r.URL != "" || r.Config != "" || r.vantage != (vantage{}) {
		return usagef("--reference tests the built-in deployment: leave out the URL, --config and what says where to look from")
	}
	server, err := startReference(r.Fault, r.Variant, "")
	if err != nil {
		return err
	}
	s.closes = append(s.closes, server.Close)
	s.target, s.roots = r.limit(referenceTarget(server, r.Variant), config), server.Roots()
	return nil
}

// start starts what stands in for parties that are not under test.
func (r *runCommand) start(s *scene, config *Config, to io.Writer) (err error) {
	if r.LabIDP.set {
		if err := r.startProvider(s, config, to); err != nil {
			return err
		}
	}
	if r.AS != "" {
		return r.standIn(s, config)
	}
	upstream := ""
	if r.Stub != "" {
		if upstream, err = r.startStub(s, config, to); err != nil {
			return err
		}
	}
	if r.Lab.set {
		return r.startLab(s, upstream, to)
	}
	return nil
}

// target is what flags and configuration say of the deployment.
func (r *runCommand) target(address string, config *Config) (probes.Target, error) {
	target := probes.Target{
		URL: or(address, r.AS), Origins: config.Browser.Allow, Steps: steps(config), Scopes: config.Scopes,
		OtherResource: config.Resources.Other, Authorized: r.Authorized || config.Authorized,
		Operations: operations(config), State: config.State.probed(), ScopeImplies: config.Implies,
		Contract: probes.Contract(config.Contract),
	}
	if effect := config.Effect; effect.Do.Name != "" {
		target.Effect = &probes.Effect{Do: probes.ToolCall(effect.Do), See: probes.ToolCall(effect.See), Scopes: effect.Scopes}
	}
	if config.Tool.Name != "" {
		target.Tool = &probes.ToolCall{Name: config.Tool.Name, Arguments: config.Tool.Arguments}
	}
	err := checkURL(target.URL, target.Authorized)
	if err != nil || r.DryRun { // which needs no secrets
		return target, err
	}
	if r.Lab.set {
		if r.User != "" {
			return target, usagef("--lab-as brings users of its own: leave out --user")
		}
		return r.limit(target, config), nil
	}
	if r.LabIDP.set && r.User != "" {
		return target, usagef("--lab-idp brings users of its own: leave out --user")
	}
	if target.Users, err = users(config, r.User, r.PasswordFile); err != nil {
		return target, err
	}
	if target.Clients, err = clients(config, false); err != nil {
		return target, err
	}
	if target.Machines, err = clients(config, true); err != nil {
		return target, err
	}
	if target.Workloads, err = workloads(config); err != nil {
		return target, err
	}
	if err := grants(config, &target); err != nil {
		return target, err
	}
	if target.Documents, err = documents(config); err != nil {
		return target, err
	}
	return r.limit(target, config), nil
}

// limit sets what the probes may do.
func (r *runCommand) limit(target probes.Target, config *Config) probes.Target {
	target.Disturb = target.Disturb || r.Disturb || config.Disturb
	target.MaxRegistrations = or(r.MaxRegistrations, config.Limits.Registrations)
	target.Wait = or(r.Wait, config.Limits.Wait)
	if r.Spec != "newest" {
		target.Spec = r.Spec
	}
	target.Park = r.Park
	return target
}

// limits are what the wire may carry. A system off loopback is probably shared:
// it is asked gently unless the user says how much it bears.
func (r *runCommand) limits(target *probes.Target, config *Config) wire.Limits {
	limits := wire.Limits{
		Concurrency: or(r.Concurrency, config.Limits.Concurrency),
		Rate:        or(r.Rate, config.Limits.Rate),
		Timeout:     or(r.Timeout, config.Limits.Timeout),
	}
	if endpoint, err := url.Parse(target.URL); err == nil && !probes.IsLoopback(endpoint) {
		limits.Concurrency = or(limits.Concurrency, 8)
		limits.Rate = or(limits.Rate, 10)
	}
	return limits
}

// or is the first value that is set.
func or[T comparable](values ...T) T {
	var unset T
	for _, v := range values {
		if v != unset {
			return v
		}
	}
	return unset
}

func (r *runCommand) list(out *output, target probes.Target, checks []*suites.Check) error {
	fmt.Fprintf(out.stdout, "%d of %d checks would be run against %s\n\n", len(checks), len(suites.Catalogue()), target.URL) //nolint:errcheck // reported by Flush
	w := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
	for _, c := range checks {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.ID, c.Level, c.Title) //nolint:errcheck // reported by Flush
	}
	return w.Flush()
}

// prepare makes the folder for the reports and makes sure that files can be
// written there, before anything is sent.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return usagef("the reports cannot be written: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".mcpassay-*")
	if err != nil {
		return usagef("the reports cannot be written: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// test runs the checks, and returns what they parked. An interruption ends the
// run early, with a report.
func (r *runCommand) test(s *scene, config *Config, out *output) (*reports.Report, []probes.Parked, error) {
	var aside []probes.Parked
	ctx, interrupts := interruptible(func() {
		fmt.Fprintln(out.stderr) //nolint:errcheck // the process ends
		complain(out.stderr, errors.New("interrupted again: what was created is left behind, and nothing is reported"), reports.ExitInterrupted)
	})
	defer interrupts.close()
	client := wire.NewClient(r.limits(&s.target, config), s.tls())
	defer client.Close()
	if err := s.awaitTrust(ctx, client); err != nil {
		if ctx.Err() != nil {
			return nil, nil, exitCode(reports.ExitInterrupted)
		}
		return nil, nil, err
	}
	agents, err := openAgents(ctx, r.UserAgent, s.browser(ctx, client, or(r.Browser, config.Browser.Path)), client)
	if err != nil {
		return nil, nil, err
	}
	defer agents.close() //nolint:errcheck // the process ends

	style, live := styleOf(out.stderr)
	progress := reports.StartProgress(out.stderr, live, style)
	defer progress.Close()
	defer context.AfterFunc(ctx, func() { progress.Phase("interrupted: removing what was created") })()
	progress.Phase("looking at " + or(r.AS, s.target.URL))
	judge := func(agent probes.UserAgent, filter string) (*reports.Report, error) {
		interrupts.listen()
		deployment, err := probes.Open(ctx, s.target, client, agent)
		if err != nil {
			return nil, &usageError{err}
		}
		report, err := suites.Run(ctx, deployment, suites.Options{
			Filter: filter, Tool: versionLine(), Agent: r.UserAgent,
			Started: progress.Started, Waiting: progress.Waiting, Progress: progress.Settled,
		})
		aside = append(aside, deployment.ParkedProbes()...)
		return report, err
	}
	report, err := judge(agents.first, r.Filter)
	if agents.authority != nil && err == nil && ctx.Err() == nil {
		err = confirm(report, func(filter string) (*reports.Report, error) {
			progress.Phase("confirming the findings in the browser")
			return judge(agents.authority, filter)
		})
	}
	return report, aside, err
}

// report writes the reports and turns the verdict into an exit code.
func (r *runCommand) report(report *reports.Report, out *output) error {
	if err := reports.WriteFolder(r.Out, report, r.Strict); err != nil {
		return err
	}
	style, _ := styleOf(out.stdout)
	style.Folder = filepath.Clean(r.Out)
	if err := reports.Summary(out.stdout, report, style); err != nil {
		return err
	}
	if code := report.Exit(r.Strict); code != reports.ExitPassed {
		return exitCode(code)
	}
	return nil
}

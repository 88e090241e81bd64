package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reports"
)

// parkedFile is where a run leaves what it has parked, in its folder.
const parkedFile = "parked.json"

// parked is what a run has set aside. The file holds secrets that work, so that
// only its owner may read it; nothing of it is in the reports.
type parked struct {
	URL    string          `json:"url"`
	Probes []probes.Parked `json:"probes"`
}

// park writes what was set aside, or removes what an earlier run left there.
func park(dir string, p *parked, out *output) error {
	path := filepath.Join(dir, parkedFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("park: %w", err)
	}
	if len(p.Probes) == 0 {
		return nil
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("park: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("park: %w", err)
	}
	if _, err := file.Write(append(text, '\n')); err != nil {
		return errors.Join(fmt.Errorf("park: %w", err), file.Close())
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("park: %w", err)
	}
	_, err = fmt.Fprintf(out.stdout, "\nparked: %s; %s holds their secrets and is for you alone: mcpassay resume %s finishes them\n", due(p.Probes), path, dir)
	return err
}

// due says what is due when.
func due(all []probes.Parked) string {
	said := make([]string, len(all))
	for i, p := range all {
		said[i] = fmt.Sprintf("%s, due at %s", p.What, p.Due.Local().Format("2006-01-02 15:04:05"))
	}
	return strings.Join(said, "; ")
}

type resumeCommand struct {
	Out string `arg:"" help:"Folder of the reports of the earlier run."`

	User         string `placeholder:"NAME" help:"User who signs in, as for mcpassay run."`
	PasswordFile string `placeholder:"FILE" help:"File whose first line is the password."`
	Config       string `short:"c" placeholder:"FILE" help:"The configuration of that run."`
	Authorized   bool   `help:"You may test this system although it is not on loopback."`
	Strict       bool   `help:"Warnings fail the gate."`
	UntilDue     bool   `help:"Wait until everything is due."`

	UserAgent string        `enum:"browser,forms,auto" default:"browser" help:"How users sign in, as for mcpassay run."`
	Browser   string        `env:"MCPASSAY_BROWSER" placeholder:"PATH" help:"Browser to use; default: one is looked for."`
	Wait      time.Duration `placeholder:"DURATION" help:"How long a check may wait for something to expire (default: 10s)."`
}

// Run judges the checks whose probes are due, and writes the reports anew. What
// is not yet due stays parked.
func (r *resumeCommand) Run(out *output) error {
	p, err := r.parked()
	if err != nil {
		return err
	}
	report, err := readReport(r.Out)
	if err != nil {
		return err
	}
	if r.UntilDue {
		last := slices.MaxFunc(p.Probes, func(a, b probes.Parked) int { return a.Due.Compare(b.Due) })
		if err := waitUntil(last.Due, out); err != nil {
			return err
		}
	}
	var later []probes.Parked
	var ids []string
	for _, probe := range p.Probes {
		switch {
		case time.Now().Before(probe.Due):
			later = append(later, probe)
		case !slices.Contains(ids, probe.Check):
			ids = append(ids, probe.Check)
		}
	}
	if len(ids) == 0 {
		return fmt.Errorf("not yet due: %s; --until-due waits for it", due(p.Probes))
	}
	again, err := r.judge(p, ids, out)
	if err != nil {
		return err
	}
	if again.Stopped == nil && !again.Interrupted {
		if err := park(r.Out, &parked{URL: p.URL, Probes: later}, out); err != nil {
			return err
		}
	}
	amend(report, again, later)
	return r.report(report, ids, out)
}

func (r *resumeCommand) parked() (*parked, error) {
	file, err := os.Open(filepath.Join(r.Out, parkedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("nothing is parked in %s: mcpassay run --park parks what takes long to expire", r.Out)
	}
	if err != nil {
		return nil, usagef("what is parked: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	p := &parked{}
	if err := json.NewDecoder(io.LimitReader(file, 16<<20)).Decode(p); err != nil {
		return nil, usagef("what is parked in %s cannot be read: %w", r.Out, err)
	}
	if len(p.Probes) == 0 || p.URL == "" {
		return nil, usagef("nothing is parked in %s", r.Out)
	}
	return p, nil
}

func readReport(dir string) (*reports.Report, error) {
	file, err := os.Open(filepath.Join(dir, reports.JSONFile))
	if err != nil {
		return nil, usagef("the report of the earlier run: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	report, err := reports.ReadJSON(file)
	if err != nil {
		return nil, usagef("%s: %w", filepath.Join(dir, reports.JSONFile), err)
	}
	return report, nil
}

func waitUntil(at time.Time, out *output) error {
	if wait := time.Until(at); wait > 0 {
		fmt.Fprintf(out.stderr, "waiting until %s\n", at.Local().Format("2006-01-02 15:04:05")) //nolint:errcheck // nothing depends on it
		<-time.After(wait)
	}
	return nil
}

// judge runs the checks whose probes are due against the same deployment.
func (r *resumeCommand) judge(p *parked, ids []string, out *output) (*reports.Report, error) {
	config := &Config{}
	if r.Config != "" {
		var err error
		if config, err = loadConfig(r.Config); err != nil {
			return nil, err
		}
	}
	run := &runCommand{
		URL: p.URL, User: r.User, PasswordFile: r.PasswordFile, Authorized: r.Authorized, UserAgent: r.UserAgent, Browser: r.Browser,
		Filter: strings.Join(ids, " || "), Wait: r.Wait,
	}
	s := &scene{}
	defer s.close() //nolint:errcheck // the process ends
	if err := run.set(s, config, out.stderr); err != nil {
		return nil, err
	}
	s.target.Parked = p.Probes
	again, _, err := run.test(s, config, out)
	return again, err
}

// amend puts the new verdicts into the report. The clients that were kept for
// them are gone, unless something else of theirs is still parked.
func amend(report, again *reports.Report, later []probes.Parked) {
	for i := range again.Results {
		if first := report.Find(again.Results[i].ID); first != nil {
			*first = again.Results[i]
			continue
		}
		report.Results = append(report.Results, again.Results[i])
	}
	kept := func(id string) bool {
		return slices.ContainsFunc(later, func(p probes.Parked) bool { return p.Client.ID == id })
	}
	report.Residue = slices.DeleteFunc(report.Residue, func(x reports.Residue) bool { return x.Why == probes.KeptForLater && !kept(x.Name) })
	for _, x := range again.Residue {
		if !slices.Contains(report.Residue, x) {
			report.Residue = append(report.Residue, x)
		}
	}
	report.Interrupted = again.Interrupted
}

func (r *resumeCommand) report(report *reports.Report, ids []string, out *output) error {
	if err := reports.AmendFolder(r.Out, report, r.Strict, ids); err != nil {
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

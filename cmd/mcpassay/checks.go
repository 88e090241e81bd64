package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/mcpassay/mcpassay/fixtures/requirements"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

type checksCommand struct {
	ID     string `arg:"" optional:"" help:"Check to explain."`
	Filter string `placeholder:"EXPR" help:"Labels of the checks to list, as for run. With a filter, checks on clients are left out."`
}

// Run lists the checks by role and area, or explains one.
func (c *checksCommand) Run(out *output) error {
	if c.ID != "" {
		check := suites.Find(c.ID)
		if ours := client.Find(c.ID); ours != nil {
			return explainClientCheck(out.stdout, ours)
		}
		if check == nil {
			return usagef("no check is called %q%s", c.ID, didYouMean(c.ID, checkIDs()))
		}
		return explainCheck(out.stdout, check)
	}
	checks, err := suites.Select(c.Filter)
	if err != nil {
		return &usageError{err}
	}
	if err := listChecks(out.stdout, checks); err != nil || c.Filter != "" {
		return err
	}
	return listClientChecks(out.stdout)
}

func checkIDs() []string {
	var ids []string
	for _, c := range client.Catalogue() {
		ids = append(ids, c.ID)
	}
	for _, c := range suites.Catalogue() {
		ids = append(ids, c.ID)
	}
	return ids
}

// A listing is lines under headings, which stand in the order of their first lines.
type listing struct {
	order []string
	lines map[string][]string
}

func (l *listing) add(heading, id, level, severity, title string) {
	if l.lines == nil {
		l.lines = map[string][]string{}
	}
	if l.lines[heading] == nil {
		l.order = append(l.order, heading)
	}
	l.lines[heading] = append(l.lines[heading], fmt.Sprintf("  %s\t%s\t%s\t%s\n", id, level, severity, title))
}

func (l *listing) write(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, heading := range l.order {
		fmt.Fprintf(w, "%s\n%s\n", heading, strings.Join(l.lines[heading], "")) //nolint:errcheck // reported by Flush
	}
	return w.Flush()
}

// listChecks writes a heading per role and area, and a line per check.
func listChecks(to io.Writer, checks []*suites.Check) error {
	var l listing
	for _, c := range checks {
		l.add(fmt.Sprintf("%s, %s", roleName(c.Role), c.Area), c.ID, string(c.Level), string(c.Severity), c.Title)
	}
	if err := l.write(to); err != nil {
		return err
	}
	_, err := fmt.Fprintf(to, "%d checks\n", len(checks))
	return err
}

func roleName(r suites.Role) string {
	if r == suites.RS {
		return "resource server"
	}
	return "authorization server"
}

func explainCheck(to io.Writer, c *suites.Check) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", c.ID, c.Title)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", name, value)
		}
	}
	field("duty of", roleName(c.Role))
	field("area", string(c.Area))
	field("level", levels(c))
	field("severity", string(c.Severity)+" if it fails")
	field("since", "MCP "+string(c.Since))
	for i, cite := range c.Cites {
		field(first(i, "sources"), cite.String())
	}
	for i, want := range needs(c) {
		field(first(i, "needs"), want)
	}
	for i, f := range c.Faults {
		field(first(i, "notices"), fmt.Sprintf("a deployment that %s (%s)", f.Doc, f.ID))
	}
	for i, id := range c.Covers {
		field(first(i, "covers"), id+": "+says(id))
	}
	field("fix", c.Remedy)
	_, err := io.WriteString(to, b.String())
	return err
}

// first is the name on the first line of a list, and blank on the others.
func first(i int, name string) string {
	if i > 0 {
		return ""
	}
	return name
}

// levels is the level in every revision, or just the level where it never changed.
func levels(c *suites.Check) string {
	if len(c.Levels) == 0 {
		return string(c.Level)
	}
	var said []string
	for _, r := range suites.Revisions {
		if r >= c.Since {
			said = append(said, fmt.Sprintf("%s in %s", c.LevelIn(r), r))
		}
	}
	return strings.Join(said, ", ")
}

// needs says what a deployment must offer for the check to apply. The needs are
// asked of a deployment that can be asked nothing, since the context has ended.
func needs(c *suites.Check) []string {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	client := wire.NewClient(wire.Limits{}, nil)
	defer client.Close()
	d, err := probes.Open(ctx, probes.Target{URL: "http://127.0.0.1/"}, client, nil)
	if err != nil {
		return nil
	}
	var wants []string
	for _, need := range c.Needs {
		if _, want := need(ctx, d); want != "" {
			wants = append(wants, want)
		}
	}
	return wants
}

// says is the requirement of a catalogue row.
func says(id string) string {
	for _, row := range requirements.Rows() {
		if row.ID == id {
			return row.Says
		}
	}
	return ""
}

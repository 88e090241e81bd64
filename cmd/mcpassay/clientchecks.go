package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/mcpassay/mcpassay/suites/client"
)

// listClientChecks writes a line per check on clients, under a heading per area.
func listClientChecks(to io.Writer) error {
	areas := map[string][]*client.Check{}
	var order []string
	for _, c := range client.Catalogue() {
		area := string(c.Area)
		if areas[area] == nil {
			order = append(order, area)
		}
		areas[area] = append(areas[area], c)
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, area := range order {
		fmt.Fprintf(w, "\nclient, %s\n", area) //nolint:errcheck // reported by Flush
		for _, c := range areas[area] {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", c.ID, c.Level, c.Severity, c.Title) //nolint:errcheck // reported by Flush
		}
	}
	fmt.Fprintf(w, "\n%d checks on clients\n", len(client.Catalogue())) //nolint:errcheck // reported by Flush
	return w.Flush()
}

// explainClientCheck says what a check on clients is about.
func explainClientCheck(to io.Writer, c *client.Check) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", c.ID, c.Title)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", name, value)
		}
	}
	field("duty of", "client")
	field("area", string(c.Area))
	field("level", string(c.Level))
	field("severity", string(c.Severity)+" if it fails")
	if c.Since != "" {
		field("since", "MCP "+string(c.Since))
	}
	if c.Until != "" {
		field("until", "MCP "+string(c.Until))
	}
	for i, cite := range c.Cites {
		field(first(i, "sources"), cite.String())
	}
	for i, s := range c.In {
		field(first(i, "before"), "a deployment that "+s.Doc+" ("+s.ID+")")
	}
	for i, d := range c.Defects {
		field(first(i, "notices"), fmt.Sprintf("a client that %s (%s)", d.Doc, d.ID))
	}
	for i, id := range c.Covers {
		field(first(i, "covers"), id+": "+says(id))
	}
	field("fix", c.Remedy)
	_, err := io.WriteString(to, b.String())
	return err
}

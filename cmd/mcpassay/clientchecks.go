package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpassay/mcpassay/suites/client"
)

// listClientChecks writes a heading per area, and a line per check on clients.
func listClientChecks(to io.Writer) error {
	var l listing
	for _, c := range client.Catalogue() {
		l.add("client, "+string(c.Area), c.ID, string(c.Level), string(c.Severity), c.Title)
	}
	fmt.Fprintln(to) //nolint:errcheck // the last line says whether anything can be written
	if err := l.write(to); err != nil {
		return err
	}
	_, err := fmt.Fprintf(to, "%d checks on clients\n", len(client.Catalogue()))
	return err
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

package reports

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"time"
)

// evidenceFolder is where the evidence lies within the folder of a report.
const evidenceFolder = "evidence"

// evidenceTitle begins every evidence file. It tells them from other files.
const evidenceTitle = "mcpassay evidence: "

// EvidencePath is where the evidence of a check lies within the folder of a
// report, or "" if there is none.
func EvidencePath(r *Result) string {
	if len(r.Evidence) == 0 || !fileName.MatchString(r.ID) {
		return ""
	}
	return path.Join(evidenceFolder, r.ID+".txt")
}

// fileName is what an id must look like to name a file.
var fileName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// Evidence writes a file for each check that exchanged anything, below dir. The
// evidence that an earlier run left there is removed: it would mislead.
func Evidence(dir string, report *Report) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write the evidence: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is lost
	if err := root.MkdirAll(evidenceFolder, 0o755); err != nil {
		return fmt.Errorf("write the evidence: %w", err)
	}
	if err := removeOld(root, evidenceFolder+"/*.txt", evidenceTitle); err != nil {
		return fmt.Errorf("remove the evidence of an earlier run: %w", err)
	}
	for _, r := range inOrder(report.Results) {
		if name := EvidencePath(r); name != "" {
			if err := root.WriteFile(name, []byte(evidence(report, r)), 0o644); err != nil {
				return fmt.Errorf("write the evidence: %w", err)
			}
		}
	}
	return nil
}

// amendEvidence writes the files of the checks that were judged anew.
func amendEvidence(dir string, report *Report, judged []string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write the evidence: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is lost
	if err := root.MkdirAll(evidenceFolder, 0o755); err != nil {
		return fmt.Errorf("write the evidence: %w", err)
	}
	for _, id := range judged {
		r := report.Find(id)
		if r == nil || EvidencePath(r) == "" {
			continue
		}
		if err := root.WriteFile(EvidencePath(r), []byte(evidence(report, r)), 0o644); err != nil {
			return fmt.Errorf("write the evidence: %w", err)
		}
	}
	return nil
}

// foundLimit bounds what is said about a finding, in bytes.
const foundLimit = 16 << 10

func evidence(report *Report, r *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n%s\n\n", evidenceTitle, r.ID, line(r.Title, 300))
	fmt.Fprintf(&b, "target    %s\nrun       %s, %s\n", line(report.Target, 500), report.Start.UTC().Format(time.RFC3339), line(report.Tool, 100))
	fmt.Fprintf(&b, "outcome   %s\n", r.Outcome)
	if r.Owner != "" && r.Outcome != Pass {
		fmt.Fprintf(&b, "owner     %s\n", line(string(r.Owner), 100))
	}
	for _, said := range findings(r) {
		fmt.Fprintf(&b, "\n%s\n", paragraph(said, foundLimit))
	}
	b.WriteString("\nSecrets are replaced by marks: equal marks, equal secrets. In the commands they\nare shell variables of the same name.\n")
	for i, x := range r.Evidence {
		if x == nil {
			continue
		}
		fmt.Fprintf(&b, "\n──── %d/%d  %s", i+1, len(r.Evidence), x.At.UTC().Format("15:04:05.000"))
		if x.Took > 0 {
			fmt.Fprintf(&b, "  +%s", seconds(x.Took))
		}
		for _, word := range []string{x.Actor, x.Purpose} {
			if word != "" {
				b.WriteString("  " + line(word, 100))
			}
		}
		b.WriteString("\n")
		transcript(&b, x)
		if command := curl(x); command != "" && x.Request.Header.Get("Cookie") == "" { // a page of a user's session is gone with it
			fmt.Fprintf(&b, "\n%s\n", clean(command))
		}
	}
	return b.String()
}

// findings are the message of a check and those of the facets that did not pass,
// each said once.
func findings(r *Result) []string {
	var said []string
	add := func(s string) {
		for _, before := range said {
			if strings.Contains(before, s) {
				return
			}
		}
		said = append(said, s)
	}
	for _, f := range r.Facets {
		if f.Outcome != Pass && f.Outcome != "" {
			add(strings.TrimSuffix(f.Title+": "+f.Message, ": "))
		}
	}
	if r.Message != "" {
		add(r.Message)
	}
	return said
}

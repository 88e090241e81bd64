package suites

import (
	"errors"
	"regexp"
	"strings"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reports"
)

var (
	listed   = regexp.MustCompile(`(?s)\nExpected\n\s*<\[\]string \| len:\d+, cap:\d+>: \[(.*)\]\nto be empty$`)
	quoted   = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	compared = "\nExpected\n"
)

// blockedBy finds in a failure message what a probes.Blocked says.
var blockedBy = regexp.MustCompile(`blocked by ([a-z0-9-]+): ([^\n]*)`)

// unexpected is the trouble behind a failed Expect(err).NotTo(HaveOccurred()) that
// no future filed: something could not be looked at, which is never a verdict.
func unexpected(message string) *probes.Blocked {
	const prefix = "Unexpected error:"
	if !strings.HasPrefix(strings.TrimSpace(message), prefix) {
		return nil
	}
	if m := blockedBy.FindStringSubmatch(message); m != nil {
		return &probes.Blocked{By: m[1], Owner: reports.Mcpassay, Err: errors.New(m[2])}
	}
	said := strings.Split(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(message), prefix)), "\n")
	return &probes.Blocked{Owner: reports.Mcpassay, Err: errors.New(strings.TrimSpace(said[min(1, len(said)-1)]))}
}

// tidy makes a sentence of a failure message. What a check says comes first; how
// Gomega shows the values below it is for programmers, but for a list that should
// have been empty, whose elements are the finding.
func tidy(message string) string {
	message = strings.TrimSpace(message)
	if m := listed.FindStringSubmatchIndex(message); m != nil {
		var elements []string
		for _, element := range quoted.FindAllStringSubmatch(message[m[2]:m[3]], -1) {
			elements = append(elements, strings.ReplaceAll(element[1], `\"`, `"`))
		}
		return message[:m[0]] + ": " + strings.Join(elements, "; ")
	}
	if said, _, found := strings.Cut(message, compared); found && said != "" {
		return said
	}
	return message
}

package suites

import (
	"regexp"
	"strings"
)

var (
	listed   = regexp.MustCompile(`(?s)\nExpected\n\s*<\[\]string \| len:\d+, cap:\d+>: \[(.*)\]\nto be empty$`)
	quoted   = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	compared = "\nExpected\n"
)

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

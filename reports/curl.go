package reports

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// curl writes a request as a command for a POSIX shell (bash where text has to
// be escaped). A redacted secret becomes a shell variable named after it: equal
// secrets, equal names, so that whoever has them can fill them in. It is empty
// for a browser step that is no request.
func curl(x *wire.Exchange) string {
	if x.Method == "" || x.URL == "" {
		return ""
	}
	words := []string{"curl -sSig"} // -g: brackets and braces are meant literally
	if dotSegment.MatchString(x.URL) {
		words = append(words, "--path-as-is")
	}
	if x.Method != http.MethodGet || x.Request.Body != "" {
		words = append(words, "-X "+shell(x.Method))
	}
	words = append(words, shell(x.URL))
	for _, name := range names(x.Request.Header) {
		if unsent[name] {
			continue
		}
		for _, value := range x.Request.Header[name] {
			field := name + ": " + value
			if value == "" {
				field = name + ";" // how curl spells an empty field
			}
			words = append(words, "-H "+shell(field))
		}
	}
	if x.Request.Body != "" {
		words = append(words, "--data-raw "+shell(x.Request.Body))
	}
	command := strings.Join(words, " \\\n  ")
	if x.Request.Truncated {
		command += "\n# only the beginning of the body was kept"
	}
	return command
}

// dotSegment finds what curl would otherwise normalise away.
var dotSegment = regexp.MustCompile(`/(\.|%2[eE]){1,2}(/|\?|$)`)

// unsent are fields that curl sets by itself.
var unsent = map[string]bool{"Content-Length": true, "Host": true, "Accept-Encoding": true, "Connection": true}

func names(h http.Header) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// redacted finds the marks that package wire puts in place of secrets.
var redacted = regexp.MustCompile(`‹([A-Za-z_]+) \d+ bytes #([0-9a-f]+)›`)

// shell quotes s as one word, with variables in place of redacted secrets.
func shell(s string) string {
	var word strings.Builder
	end := 0
	for _, at := range redacted.FindAllStringSubmatchIndex(s, -1) {
		word.WriteString(literal(s[end:at[0]]))
		fmt.Fprintf(&word, `"$%s_%s"`, s[at[2]:at[3]], s[at[4]:at[5]])
		end = at[1]
	}
	if end < len(s) || end == 0 {
		word.WriteString(literal(s[end:]))
	}
	return word.String()
}

// literal quotes s for the shell. Bytes that cannot be shown are escaped, which
// needs the quotes of bash.
func literal(s string) string {
	if s != "" && !unquoted.MatchString(s) {
		return s
	}
	if s == clean(s) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var word strings.Builder
	word.WriteString("$'")
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\'' || r == '\\':
			word.WriteString(`\` + s[:n])
		case r == '\n':
			word.WriteString(`\n`)
		case readable(r) && (r != utf8.RuneError || n > 1):
			word.WriteString(s[:n])
		default:
			for _, b := range []byte(s[:n]) {
				fmt.Fprintf(&word, `\x%02x`, b)
			}
		}
		s = s[n:]
	}
	return word.String() + "'"
}

// unquoted finds what means something to a shell.
var unquoted = regexp.MustCompile(`[^A-Za-z0-9_./:=@%+,-]`)

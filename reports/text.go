package reports

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Everything a target said is hostile: it must not move the cursor, colour the
// terminal, turn the direction of the text or break the file it is written to.
// Every format writes such text through clean, paragraph or line.

// clean replaces what could do more than be read by U+FFFD: control characters
// (escape sequences begin with one), overrides of the direction of text,
// invisible characters, and bytes that are not UTF-8. Line feeds and tabs stay.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || readable(r) {
			return r
		}
		return utf8.RuneError
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}

// readable tells whether a rune only shows itself. It holds for no rune that XML
// 1.0 forbids.
func readable(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= ' ' && r != 0x7F
	case r == utf8.RuneError:
		return true // the mark itself
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return false // directions, joiners, separators of lines
	case r >= 0xFDD0 && r <= 0xFDEF, r&0xFFFE == 0xFFFE:
		return false // never characters
	}
	return !unicode.IsControl(r)
}

// paragraph is clean text of at most limit bytes.
func paragraph(s string, limit int) string {
	cut := cutAt(s, limit)
	if len(cut) == len(s) {
		return clean(s)
	}
	return clean(cut) + " …"
}

// line is clean text on a single line of at most limit bytes.
func line(s string, limit int) string {
	// What is cut before the words are joined is still long enough afterwards,
	// unless it is mostly blank.
	cut := cutAt(s, 4*limit)
	joined := strings.Join(strings.Fields(clean(cut)), " ")
	short := cutAt(joined, limit)
	if len(short) == len(joined) && len(cut) == len(s) {
		return short
	}
	return strings.TrimRight(short, " ") + " …"
}

// firstLine is the first line of s that is not blank.
func firstLine(s string) string {
	for l := range strings.Lines(s) {
		if strings.TrimSpace(l) != "" {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

// cutAt is the longest beginning of s within limit bytes that ends with a rune.
func cutAt(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// wrap breaks text into lines of at most width runes. A word that is longer, a
// URL say, keeps a line to itself, so that it can still be copied.
func wrap(text string, width int) []string {
	var lines []string
	for paragraph := range strings.Lines(text) {
		var current strings.Builder
		length := 0
		for _, word := range strings.Fields(paragraph) {
			n := utf8.RuneCountInString(word)
			if length > 0 && length+1+n > width {
				lines = append(lines, current.String())
				current.Reset()
				length = 0
			}
			if length > 0 {
				current.WriteByte(' ')
				length++
			}
			current.WriteString(word)
			length += n
		}
		if length > 0 {
			lines = append(lines, current.String())
		}
	}
	return lines
}

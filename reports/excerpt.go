package reports

import (
	"regexp"
	"strings"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// What is kept of a body in the files of a report, in bytes. A run loads the same
// pages over and over; a verdict hardly ever rests on what lies further down.
const (
	pageLimit = 2 << 10 // of a page
	bodyKept  = 8 << 10 // of anything else
	brief     = 512     // of either, in the JSON report, if nothing was found by it
)

// looks are the parts of a page that only say how it looks.
var looks = regexp.MustCompile(`(?is)(<(style|svg)\b[^>]*>).*?(</(?:style|svg)\s*>)`)

// excerpt is what the files of a report keep of a message, its body within limit.
func excerpt(m wire.Message, limit int) wire.Message {
	kept := m.Body
	if isPage(m) {
		kept, limit = looks.ReplaceAllString(kept, "$1…$3"), min(limit, pageLimit)
	}
	kept = cutAt(kept, limit)
	m.Truncated = m.Truncated || kept != m.Body
	m.Body = kept
	return m
}

func isPage(m wire.Message) bool {
	return strings.Contains(strings.ToLower(m.Header.Get("Content-Type")), "html")
}

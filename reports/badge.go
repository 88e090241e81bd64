package reports

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"unicode"
)

// WriteBadge draws what a statement says as a small SVG image. It needs no font,
// script or anything else from outside.
func WriteBadge(w io.Writer, s *Statement) error {
	said, colour := verdictOf(s)
	left, right := "mcpassay", fmt.Sprintf("%s · %s · MCP %s", line(s.Client.String(), badgeText), said, line(s.Revision, 20))
	leftWidth, rightWidth := textWidth(left)+2*badgePad, textWidth(right)+2*badgePad
	title := fmt.Sprintf("%s: %s (%s, %s, scenario set %.12s)", left, right, line(s.Tool, 60), s.Date.UTC().Format("2006-01-02"), s.Set.SHA256)
	width := leftWidth + rightWidth
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" viewBox="0 0 %d 20" role="img" aria-label="%s">`+"\n", width, width, inXML(title))
	fmt.Fprintf(&b, "<title>%s</title>\n", inXML(title))
	fmt.Fprintf(&b, `<clipPath id="r"><rect width="%d" height="20" rx="3"/></clipPath>`+"\n", width)
	fmt.Fprintf(&b, `<g clip-path="url(#r)"><rect width="%d" height="20" fill="#444"/><rect x="%d" width="%d" height="20" fill="%s"/></g>`+"\n",
		leftWidth, leftWidth, rightWidth, colour)
	fmt.Fprintln(&b, `<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">`)
	for _, part := range []struct {
		x    int
		text string
	}{{badgePad, left}, {leftWidth + badgePad, right}} {
		// The length is fixed, so that whatever font there is, the text stays inside.
		fmt.Fprintf(&b, `<text x="%d" y="14" textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n", part.x, textWidth(part.text), inXML(part.text))
	}
	b.WriteString("</g>\n</svg>\n")
	_, err := w.Write(b.Bytes())
	return err
}

const (
	badgePad  = 6  // pixels beside a text
	badgeText = 60 // bytes of the client's name
)

// verdictOf is what the statement comes to, and its colour. White on any of them
// is easy to read.
func verdictOf(s *Statement) (said, colour string) {
	judged := len(s.Checks) - s.Count(NotApplicable)
	said = fmt.Sprintf("%d of %d passed", s.Count(Pass), judged)
	switch {
	case s.Count(Fail) > 0:
		return said + fmt.Sprintf(", %d failed", s.Count(Fail)), "#b3261e"
	case s.Count(Pass) < judged || judged == 0:
		return said, "#8a5a00"
	}
	return said, "#1b6e35"
}

// textWidth is about how wide a text is in 11 pixels of Verdana.
func textWidth(s string) int {
	tenths := 0
	for _, r := range s {
		switch {
		case r == ' ' || r == 'i' || r == 'j' || r == 'l' || r == 'I' || r == '.' || r == ',' || r == ':' || r == '·':
			tenths += 38
		case r == 'm' || r == 'w' || r == 'M' || r == 'W':
			tenths += 100
		case r > 0x2E80: // wide scripts, and pictures
			tenths += 115
		case unicode.IsUpper(r) || unicode.IsDigit(r):
			tenths += 73
		default:
			tenths += 66
		}
	}
	return tenths/10 + 1
}

// inXML is text as XML holds it, also between quotes.
func inXML(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(clean(s))); err != nil { // a buffer takes anything
		panic(err)
	}
	return b.String()
}

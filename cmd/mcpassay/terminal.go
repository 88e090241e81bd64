package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/mcpassay/mcpassay/reports"
)

// styleOf says what the reader of w can be shown: colour and a live view only at
// a terminal, and not where NO_COLOR or CI say otherwise.
func styleOf(w io.Writer) (style reports.Style, live bool) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return reports.Style{}, false
	}
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		style.Width = min(width, 120) // longer lines are hard to read
	}
	ci := os.Getenv("CI") != "" && os.Getenv("CI") != "false"
	live = !ci && os.Getenv("TERM") != "dumb"
	style.Color = live && os.Getenv("NO_COLOR") == ""
	return style, live
}

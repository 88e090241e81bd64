package reports

// A Style says what the reader's terminal can show.
type Style struct {
	Color  bool
	Width  int    // columns; 0 means 100
	Folder string // where the files of the report lie, for pointing at evidence
}

// The five styles, as parameters of the escape sequence that selects them.
const (
	bold   = "1"
	dim    = "2"
	red    = "1;31"
	green  = "32"
	yellow = "33"
)

func (s Style) paint(style, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (s Style) width() int {
	if s.Width <= 0 {
		return 100
	}
	return max(s.Width, 40)
}

// hue is the style of an outcome.
func hue(o Outcome) string {
	switch o {
	case Pass:
		return green
	case Fail:
		return red
	case Warn, Review, Inconclusive:
		return yellow
	}
	return dim
}

// badge is the word for an outcome, in capitals where somebody has to act.
func badge(o Outcome) string {
	switch o {
	case Fail:
		return "FAIL"
	case Warn:
		return "WARN"
	case Review:
		return "REVIEW"
	case Inconclusive:
		return "UNDECIDED"
	case NotApplicable:
		return "n/a"
	}
	return "pass"
}

package visits

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites/client"
)

// A shown visit is how it looks to the visitor: what has been seen, and what that
// comes to. Texts that the client chose are cut and made visible.
type shown struct {
	Version string  `json:"version"` // differs when anything else does
	Open    bool    `json:"open"`
	Word    string  `json:"word"` // how far the client got
	Mark    string  `json:"mark"` // and whether that is well
	Note    string  `json:"note"`
	Lines   []line  `json:"lines"`
	Checks  []check `json:"checks"`

	cell reports.Cell
	full bool
	seen int
}

// A line is a request that the client sent.
type line struct {
	Time   string `json:"time"`
	Party  string `json:"party"`
	What   string `json:"what"`
	Status string `json:"status"`
}

// A check is what it says of the client so far.
type check struct {
	ID, Title, Remedy string `json:"-"`
	Anchor            string `json:"id"`
	Mark              string `json:"mark"`
	Word              string `json:"word"`
	Said              string `json:"said"`

	outcome reports.Outcome
}

// The marks of verdicts, which style sheet and script know.
const (
	markGood    = "good"
	markBad     = "bad"
	markPending = "pending"
	markNeutral = "neutral"
)

// rank is the order of verdicts that do not change any more.
var rank = map[string]int{markBad: 0, markGood: 1, markNeutral: 2}

// look says how the visit looks. What was said of what has been seen is kept.
func (v *visit) look() *shown {
	live, full, seen := v.live.Load(), v.full.Load(), 0
	if live != nil {
		seen, _ = live.Seen()
	}
	v.mu.Lock()
	if s := v.shown; s != nil && s.Open == (live != nil) && s.full == full && (live == nil || s.seen == seen) {
		v.mu.Unlock()
		return s
	}
	v.mu.Unlock()
	t := v.soFar()
	if t == nil {
		return &shown{Word: "about to start", Mark: markPending}
	}
	s := &shown{Open: live != nil, full: full, seen: len(t.Seen), cell: t.Cell()}
	s.Version = fmt.Sprintf("%d-%t-%t-%d", s.seen, s.Open, full, v.began.UnixNano()) // a visit before had another
	s.Word, s.Mark = said(s.cell, v.in, s.Open)
	for _, x := range t.Sightings() {
		s.Lines = append(s.Lines, lineOf(x))
	}
	for _, j := range t.Judgements() {
		s.Checks = append(s.Checks, checkOf(j, s.Open))
	}
	if !s.Open {
		slices.SortStableFunc(s.Checks, func(a, b check) int { return cmp.Compare(rank[a.Mark], rank[b.Mark]) })
	}
	if full {
		s.Note = "More was sent than is kept of one situation. What came later was turned away."
	}
	v.mu.Lock()
	v.shown = s
	v.mu.Unlock()
	return s
}

// said is how far the client got, in words. As long as a situation is under way,
// what is not good may still become so, but for what must not happen at all.
func said(cell reports.Cell, in *client.Situation, open bool) (word, mark string) {
	switch {
	case cell == reports.CellWorks, cell == reports.CellRefuses && !open:
		return string(cell), markGood
	case cell == reports.CellProceeds, cell == reports.CellGivesUp && !open:
		return string(cell), markBad
	case cell == reports.CellNotReached && !open:
		return string(cell), markNeutral
	case cell == reports.CellNotReached:
		return "waiting for your client", markPending
	case in.Ends == client.Refuses:
		return "has refused so far", markPending
	}
	return "on its way", markPending
}

// lineOf shows a request.
func lineOf(x client.Sighting) line {
	what := x.Method + " " + shownURL(x.URL)
	var details []string
	switch kind, _, _ := strings.Cut(x.Request.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) {
	case "application/json":
		var m struct {
			Method string `json:"method"`
			Client string `json:"client_name"`
		}
		if json.Unmarshal([]byte(x.Request.Body), &m) == nil && m.Method+m.Client != "" {
			details = append(details, visible(m.Method+m.Client, 60))
		}
	case "application/x-www-form-urlencoded":
		if form, err := url.ParseQuery(x.Request.Body); err == nil && form.Get("grant_type") != "" {
			details = append(details, "grant "+visible(form.Get("grant_type"), 60))
		}
	}
	if x.Request.Header.Get("Authorization") != "" {
		details = append(details, "with credentials")
	}
	if len(details) > 0 {
		what += " — " + strings.Join(details, ", ")
	}
	return line{x.At.UTC().Format("15:04:05"), string(x.Party), what, strconv.Itoa(x.Status) + " " + http.StatusText(x.Status)}
}

// shownURL is the path and query of a URL, and its host where that says something.
func shownURL(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			rest = rest[i:]
		} else {
			rest = "/"
		}
		text = rest
	}
	return visible(text, 400)
}

// visible cuts a text and shows what is not to be seen in it, such as characters
// that turn the direction of what follows.
func visible(text string, most int) string {
	var b strings.Builder
	for _, r := range text {
		if b.Len() >= most {
			b.WriteString("…")
			break
		}
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// checkOf is a verdict in words.
func checkOf(j client.Judgement, open bool) check {
	c := check{ID: j.ID, Title: j.Title, Anchor: "c-" + j.ID, Said: visible(j.Message, 400), outcome: j.Outcome}
	soFar := ""
	if open {
		soFar = " so far"
	}
	switch j.Outcome {
	case reports.Pass:
		c.Word, c.Mark = "passes"+soFar, markGood
	case reports.Fail, reports.Warn:
		c.Word, c.Mark, c.Remedy = "fails"+soFar, markBad, j.Remedy
		if j.Outcome == reports.Warn {
			c.Word = "misses a recommendation" + soFar
		}
		if open && j.Consequence {
			c.Word, c.Mark, c.Said = "not yet", markPending, ""
		}
	case reports.NotApplicable:
		c.Word, c.Mark = "does not apply", markNeutral
	case reports.Review:
		c.Word, c.Mark = "for a person to look at", markNeutral
	default:
		c.Word, c.Mark = "undecided", markNeutral
		if open {
			c.Word, c.Mark = "not yet", markPending
		}
	}
	return c
}

// tellLive answers the script of a page.
func (s *Server) tellLive(w http.ResponseWriter, r *http.Request, t *tenant, in *client.Situation) {
	v := t.visit(in)
	if v == nil {
		http.Error(w, "it has not been started", http.StatusNotFound)
		return
	}
	now := v.look()
	if r.URL.Query().Get("version") == now.Version {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(now) // the browser has gone: nobody to tell
}

// clock is a time as the pages show it.
func clock(t time.Time) string { return t.UTC().Format("15:04 UTC") }

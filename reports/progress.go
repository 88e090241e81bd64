package reports

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress shows a run while it goes on. At a terminal a status line says how far
// it is and what it waits for, and findings appear above it; elsewhere each
// settled check gets a line.
type Progress struct {
	w     io.Writer
	live  bool
	style Style
	start time.Time
	stop  chan struct{}
	done  sync.WaitGroup

	mu      sync.Mutex
	phase   string
	waiting string // id of the check that is waited for
	total   int
	settled int
	counts  map[Outcome]int
}

// StartProgress begins to show a run. The caller closes it before writing
// anything else.
func StartProgress(w io.Writer, live bool, style Style) *Progress {
	p := &Progress{w: w, live: live, style: style, start: time.Now(), stop: make(chan struct{}), counts: map[Outcome]int{}}
	if live {
		p.done.Go(p.tick)
	}
	return p
}

// tick keeps the clock of the status line going.
func (p *Progress) tick() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.mu.Lock()
			p.status()
			p.mu.Unlock()
		case <-p.stop:
			return
		}
	}
}

// Phase says what goes on while no check is being judged.
func (p *Progress) Phase(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase = line(text, 200)
	if !p.live {
		p.print(p.phase)
		return
	}
	p.status()
}

// Started says how many checks will be judged.
func (p *Progress) Started(total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase, p.total, p.settled = "", total, 0
	if !p.live {
		p.print(count(p.total, "check"))
		return
	}
	p.status()
}

// Waiting says which check is waited for.
func (p *Progress) Waiting(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = line(id, 100)
	p.status()
}

// Settled says what came of a check.
func (p *Progress) Settled(r Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled++
	p.counts[r.Outcome]++
	if !p.live {
		p.print(fmt.Sprintf("%s %s %s", p.style.paint(hue(r.Outcome), fmt.Sprintf("%-9s", badge(r.Outcome))), line(r.ID, 100), p.about(&r)))
		return
	}
	if r.Outcome == Fail || r.Outcome == Warn {
		word := badge(r.Outcome)
		said := fit(line(r.ID, 100)+": "+line(r.Title, 200), p.style.width()-len(word)-1)
		p.print(p.style.paint(hue(r.Outcome), word) + " " + said)
	}
	p.status()
}

// about is what a plain line adds to an id: the title, or why it did not pass.
func (p *Progress) about(r *Result) string {
	switch {
	case r.Outcome == Pass:
		return p.style.paint(dim, fmt.Sprintf("%s (%s)", line(r.Title, 200), seconds(r.Took)))
	case r.BlockedBy != "":
		return "blocked by " + line(r.BlockedBy, 100)
	}
	return line(firstLine(headline(r)), 300)
}

// Close ends the view and clears the status line.
func (p *Progress) Close() {
	close(p.stop)
	p.done.Wait()
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K") //nolint:errcheck // a view
	}
}

func (p *Progress) print(text string) {
	clear := ""
	if p.live {
		clear = "\r\x1b[K"
	}
	fmt.Fprintf(p.w, "%s%s\n", clear, text) //nolint:errcheck // a view
}

// status rewrites the status line.
func (p *Progress) status() {
	if !p.live {
		return
	}
	text := fmt.Sprintf("%s  %s", elapsed(p.start, time.Now()), p.phase)
	if p.phase == "" {
		text = fmt.Sprintf("%s  %d of %d settled", elapsed(p.start, time.Now()), p.settled, p.total)
		for _, o := range []Outcome{Fail, Warn, Inconclusive} {
			if p.counts[o] > 0 {
				text += fmt.Sprintf(", %d %s", p.counts[o], badge(o))
			}
		}
		if p.waiting != "" && p.settled < p.total {
			text += "; waiting for " + p.waiting
		}
	}
	text = fit(text, p.style.width()-1)
	fmt.Fprintf(p.w, "\r\x1b[K%s", p.style.paint(dim, text)) //nolint:errcheck // a view
}

// fit cuts text to so many columns.
func fit(text string, columns int) string {
	if runes := []rune(text); len(runes) > columns {
		return string(runes[:columns-1]) + "…"
	}
	return text
}

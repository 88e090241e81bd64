package reports

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// decisive is the exchange that a verdict rests on, as far as can be told: the
// last one that its message names, else the last attack, else the last one. It is
// nil if nothing was exchanged.
func decisive(r *Result) *wire.Exchange {
	var said strings.Builder
	said.WriteString(r.Message)
	for _, f := range r.Facets {
		if f.Outcome != Pass {
			said.WriteString("\n" + f.Message)
		}
	}
	message := said.String()
	var best *wire.Exchange
	rank := -1
	for _, x := range r.Evidence {
		if x == nil {
			continue
		}
		if n := weight(x, message); n >= rank {
			best, rank = x, n
		}
	}
	return best
}

func weight(x *wire.Exchange, message string) int {
	switch {
	case x.Method != "" && strings.Contains(message, x.Method+" "+x.URL):
		return 3
	case x.Purpose == "attack":
		return 2
	case x.Method != "":
		return 1
	}
	return 0
}

// gist is an exchange on one line: what was asked and what came back.
func gist(x *wire.Exchange) string {
	if x.Method == "" {
		step := line(x.Actor+": "+x.Step, 300)
		if x.Status > 0 {
			step += fmt.Sprintf(" → %d", x.Status)
		}
		return step
	}
	about := ""
	if x.Purpose != "" {
		about = " (" + line(x.Purpose, 60) + ")"
	}
	return line(x.Method+" "+x.URL, 300) + " → " + answered(x) + about
}

// answered says what came back, on one line.
func answered(x *wire.Exchange) string {
	switch {
	case x.Error != "":
		return "no answer: " + line(x.Error, 200)
	case x.Status == 0:
		return "no answer recorded"
	}
	words := []string{fmt.Sprint(x.Status), http.StatusText(x.Status)}
	for _, name := range []string{"Location", "Content-Type"} {
		if value := x.Answer.Header.Get(name); value != "" {
			words = append(words, line(value, 200))
			break
		}
	}
	return strings.Join(words, " ")
}

// transcript writes an exchange in full, bodies up to limit bytes each.
func transcript(b *strings.Builder, x *wire.Exchange, limit int) {
	if x.Step != "" {
		fmt.Fprintf(b, "%s: %s\n", line(x.Actor, 40), line(x.Step, 8000))
		if x.Method == "" && x.Status > 0 {
			fmt.Fprintf(b, "< %d %s\n", x.Status, http.StatusText(x.Status))
		}
	}
	if x.Method == "" {
		return
	}
	fmt.Fprintf(b, "> %s\n", line(x.Method+" "+x.URL, 8000))
	message(b, "> ", &x.Request, limit)
	if x.Error != "" {
		fmt.Fprintf(b, "! %s\n", line(x.Error, 2000))
		return
	}
	fmt.Fprintf(b, "< %d %s\n", x.Status, http.StatusText(x.Status))
	message(b, "< ", &x.Answer, limit)
}

func message(b *strings.Builder, prefix string, m *wire.Message, limit int) {
	for _, name := range names(m.Header) {
		for _, value := range m.Header[name] {
			fmt.Fprintf(b, "%s%s: %s\n", prefix, line(name, 200), line(value, 4000))
		}
	}
	if m.Body == "" {
		return
	}
	fmt.Fprintln(b, strings.TrimSpace(prefix))
	for l := range strings.Lines(paragraph(m.Body, limit)) {
		fmt.Fprintf(b, "%s%s\n", prefix, strings.TrimSuffix(l, "\n"))
	}
	if m.Truncated {
		fmt.Fprintf(b, "%s… (cut when it was recorded)\n", prefix)
	}
}

// seconds writes a duration as a person would.
func seconds(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

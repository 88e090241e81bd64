package reports

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// decisive is the exchange that a verdict rests on, as far as can be told. It is
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
		if n := weight(x, r.Outcome, message); n >= rank {
			best, rank = x, n
		}
	}
	return best
}

// weight orders exchanges by how likely a verdict rests on them; of those that
// weigh the same it is the last. What was found wrong was found by an attack, and
// rather by one that achieved something; what could not be decided mostly failed
// at a control. What the message names comes before others of its kind.
func weight(x *wire.Exchange, o Outcome, message string) int {
	if x.Method == "" {
		return 0
	}
	n := 1
	if x.Purpose == "attack" && o != Inconclusive {
		n += 16
		if x.Status/100 == 2 && !isPage(x.Answer) {
			n += 2
		}
	}
	if strings.Contains(message, x.Method+" "+x.URL) {
		n += 8
	}
	if x.Status > 0 && strings.Contains(message, fmt.Sprintf("answered %d", x.Status)) {
		n += 4
	}
	return n
}

// gist is an exchange on one line: what was asked and what came back. URLs that do
// not fit into room are shown without their query.
func gist(x *wire.Exchange, room int) string {
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
	return line(x.Method+" "+within(room, x.URL), 300) + " → " + answered(x, room) + about
}

// within is a URL that is longer than room, without its query.
func within(room int, url string) string {
	if before, _, found := strings.Cut(url, "?"); found && len(url) > room {
		return before + "?…"
	}
	return url
}

// answered says what came back, on one line.
func answered(x *wire.Exchange, room int) string {
	switch {
	case x.Error != "":
		return "no answer: " + line(x.Error, 200)
	case x.Status == 0:
		return "no answer recorded"
	}
	words := []string{fmt.Sprint(x.Status), http.StatusText(x.Status)}
	for _, name := range []string{"Location", "Content-Type"} {
		if value := x.Answer.Header.Get(name); value != "" {
			words = append(words, line(within(room, value), 200))
			break
		}
	}
	return strings.Join(words, " ")
}

// transcript writes an exchange, its bodies as excerpts.
func transcript(b *strings.Builder, x *wire.Exchange) {
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
	message(b, "> ", excerpt(x.Request, bodyKept))
	if x.Error != "" {
		fmt.Fprintf(b, "! %s\n", line(x.Error, 2000))
		return
	}
	fmt.Fprintf(b, "< %d %s\n", x.Status, http.StatusText(x.Status))
	message(b, "< ", excerpt(x.Answer, bodyKept))
}

func message(b *strings.Builder, prefix string, m wire.Message) {
	for _, name := range names(m.Header) {
		for _, value := range m.Header[name] {
			fmt.Fprintf(b, "%s%s: %s\n", prefix, line(name, 200), line(value, 4000))
		}
	}
	if m.Body == "" {
		return
	}
	fmt.Fprintln(b, strings.TrimSpace(prefix))
	for l := range strings.Lines(clean(m.Body)) {
		fmt.Fprintf(b, "%s%s\n", prefix, strings.TrimSuffix(l, "\n"))
	}
	if m.Truncated {
		fmt.Fprintf(b, "%s… (not all of it)\n", prefix)
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

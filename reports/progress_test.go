package reports

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

func TestProgressPlain(t *testing.T) {
	var b strings.Builder
	r := sample()
	p := StartProgress(&b, false, Style{})
	p.Phase("looking at the deployment")
	p.Started(2)
	p.Waiting("rs-audience-validated")
	p.Settled(*r.Find("rs-audience-validated"))
	p.Settled(*r.Find("rs-challenge-present"))
	p.Settled(*r.Find("as-refresh-reuse"))
	p.Close()
	want := `looking at the deployment
2 checks
FAIL      rs-audience-validated a token for https://elsewhere.example was accepted
pass      rs-challenge-present A call without a token is challenged (4 ms)
UNDECIDED as-refresh-reuse blocked by as-refresh-issued
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

// screen is what a terminal shows of the text: a return to the first column
// followed by an erasure rewrites the line.
func screen(text string) []string {
	var shown []string
	for l := range strings.Lines(text) {
		if i := strings.LastIndex(l, "\r\x1b[K"); i >= 0 {
			l = l[i+len("\r\x1b[K"):]
		}
		shown = append(shown, strings.TrimSuffix(l, "\n"))
	}
	return shown
}

func TestProgressLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		r := sample()
		p := StartProgress(&b, true, Style{Width: 60})
		p.Started(3)
		p.Settled(*r.Find("rs-audience-validated"))
		p.Settled(*r.Find("rs-challenge-present"))
		p.Waiting("rs-slow")
		time.Sleep(3*time.Second + time.Millisecond) //nolint:forbidigo // the clock is synctest's
		synctest.Wait()
		p.mu.Lock()
		shown := screen(b.String())
		p.mu.Unlock()
		if want := "FAIL rs-audience-validated: A token issued for another reso…"; len(shown) != 2 || shown[0] != want {
			t.Fatalf("shown: %q", shown)
		}
		if got, want := shown[1], "3s  2 of 3 settled, 1 FAIL; waiting for rs-slow"; got != want {
			t.Errorf("status %q, want %q", got, want)
		}
		p.Close()
		if shown := screen(b.String()); len(shown) != 2 || shown[1] != "" {
			t.Errorf("the status line is left: %q", shown)
		}
	})
}

func TestProgressHostile(t *testing.T) {
	for _, live := range []bool{false, true} {
		var b strings.Builder
		p := StartProgress(&b, live, Style{Width: 60})
		p.Phase(hostileText)
		p.Started(1)
		p.Waiting(hostileText)
		for _, r := range hostile().Results {
			p.Settled(r)
		}
		p.Close()
		text := strings.ReplaceAll(b.String(), "\r\x1b[K", "")
		if r := unsafe(text); r != 0 {
			t.Errorf("live %v: the view holds %U", live, r)
		}
		for _, l := range screen(b.String()) {
			if utf8.RuneCountInString(l) > 1000 {
				t.Errorf("a line of %d runes", utf8.RuneCountInString(l))
			}
		}
	}
}

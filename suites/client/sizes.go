package client

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/suites"
)

const (
	// endless is how much there is of a document that nobody may read to its end,
	// and enough how much of it says that there is no limit: far more than any
	// metadata, and more than buffers on the way hold.
	endless = 64 << 20
	enough  = 48 << 20
	// dripping is for how long a document comes byte by byte, and drip the time
	// between two of them.
	dripping = 20 * time.Second
	drip     = 100 * time.Millisecond
)

// The situations of documents that are not to be read to their end.
var (
	giantResource = oversize("giant-resource-metadata", "has resource metadata of 64 MB", reference.PartyResourceServer, rsMD, false)
	giantServer   = oversize("giant-server-metadata", "redirects its authorization server metadata to a document of 64 MB", reference.PartyAuthServer, serverMD, true)
	dripFed       = Declare(Situation{
		ID: "drip-fed-metadata", Doc: "sends its authorization server metadata byte by byte", Ends: Refuses, Slow: true,
		Reached: func(t *Trace) bool { return len(t.resourceMetadata()) > 0 }, Proceeded: outwaits,
		Shape: func(l *Lab) {
			l.Front = instead(reference.PartyAuthServer, serverMD+"oauth-authorization-server", func(s *Stage, w http.ResponseWriter, r *http.Request) { s.drip(w, r) })
		},
	})
)

func oversize(id, doc string, party reference.Party, path string, redirected bool) *Situation {
	return Declare(Situation{
		ID: id, Doc: doc, Ends: Refuses, Reached: func(t *Trace) bool { return len(t.sentTo(party)) > 0 },
		Proceeded: func(t *Trace) bool { return t.Streamed >= enough },
		Shape: func(l *Lab) {
			l.Front = instead(party, path, func(s *Stage, w http.ResponseWriter, r *http.Request) {
				if redirected && !r.URL.Query().Has("whole") {
					http.Redirect(w, r, r.URL.Path+"?whole", http.StatusFound)
					return
				}
				s.stream(w)
			})
		},
	})
}

// instead answers GET of a path in a party's stead, but not the deployment itself.
func instead(party reference.Party, path string, answer func(s *Stage, w http.ResponseWriter, r *http.Request)) front {
	return func(s *Stage, p reference.Party, next http.Handler) http.Handler {
		if p != party {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, path) || r.Header.Get("User-Agent") == reference.UserAgent {
				next.ServeHTTP(w, r)
				return
			}
			answer(s, w, r)
		})
	}
}

// stream writes a document that begins like any other, as far as it is read.
func (s *Stage) stream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"x_padding":"`) // the client has gone: seen below
	block := []byte(strings.Repeat("x", 64<<10))
	for sent := 0; sent < endless; sent += len(block) {
		n, err := w.Write(block)
		s.streamed.Add(int64(n))
		if err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, `"}`) // the same
}

// drip writes a document byte by byte, as long as somebody waits for it.
func (s *Stage) drip(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	end, tick := time.NewTimer(dripping), time.NewTicker(drip)
	defer end.Stop()
	defer tick.Stop()
	out := http.NewResponseController(w)
	_, _ = io.WriteString(w, "{") // the client has gone: seen below
	for {
		if _, err := io.WriteString(w, " "); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-end.C:
			s.waited.Store(true)
			_, _ = io.WriteString(w, "}") // it makes no difference
			return
		case <-tick.C:
		}
	}
}

// outwaits tells whether the client waited for all of a document that does not end.
func outwaits(t *Trace) bool { return t.Waited || t.Exit.TimedOut }

var _ = Register(Check{
	ID: "client-documents-bounded", Title: "Documents are read up to a size and for a time only", Area: suites.Discovery,
	Level: suites.Should, Severity: suites.Low, Cites: []suites.Cite{{Doc: "CWE-770"}, {Doc: "RFC 9728", Section: "7.7"}},
	Remedy: "Give up metadata that is larger than a megabyte or takes longer than some seconds, however often something arrives.",
	In:     []*Situation{giantResource, giantServer, dripFed}, Defects: []testclient.Defect{testclient.ReadsForEver},
	Judge: func(t *Trace) Verdict {
		switch {
		case t.Streamed >= enough:
			return fails("the client took %d MB of a document that does not end", t.Streamed>>20)
		case t.Situation == dripFed && t.Waited:
			return fails("the client waited %d seconds and more for a document that comes byte by byte", int(dripping/time.Second))
		case t.Situation == dripFed && t.Exit.TimedOut && t.Exit.Took < dripping/2:
			return notReached("the client was ended before it could lose its patience")
		case t.Situation == dripFed && t.Exit.TimedOut && len(t.resourceMetadata()) > 0:
			return fails("the client still waited for a document that comes byte by byte when its time was up, after %d seconds", int(t.Exit.Took/time.Second))
		case !t.Situation.Reached(t):
			return notReached("the client never asked for the document")
		}
		return passes()
	},
})

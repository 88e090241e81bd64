package client

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

const (
	iconPath     = "/mcpassay-icon.png"
	iconRedirect = "/mcpassay-icon-elsewhere.png"
	askedPath    = "/mcpassay-page"
)

// iconed has a tool with icons of every kind: on the server's own origin, behind a
// redirect to another, on another, and none that anybody may fetch.
var iconed = Declare(Situation{
	ID: "icons", Doc: "has icons on several origins and behind URLs of other schemes", Ends: Works, Nearby: true, Since: suites.V20251125,
	Shape: func(l *Lab) {
		l.Canary = http.HandlerFunc(servePixel)
		l.Ready = func(s *Stage) {
			l.ForClients.Icons = []string{iconPath, iconRedirect, s.at("127.0.0.1") + "/direct.png", "javascript:alert(1)", "file:///etc/hostname"}
		}
		l.Front = func(s *Stage, party reference.Party, next http.Handler) http.Handler {
			if party != reference.PartyResourceServer {
				return next
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case iconPath:
					servePixel(w, r)
				case iconRedirect:
					http.Redirect(w, r, s.at("127.0.0.1")+"/redirected.png", http.StatusFound)
				default:
					next.ServeHTTP(w, r)
				}
			})
		}
	},
})

// pixel is an image.
const pixel = "\x89PNG\r\n\x1a\n"

func servePixel(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write([]byte(pixel)) // the client has gone: nobody to tell
}

var _ = Register(Check{
	ID: "client-icons-without-credentials", Title: "Icons are fetched without credentials, and not from other origins by redirect", Area: suites.TokenUse,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20251125, Cites: []suites.Cite{{Doc: spec, Section: "Base Protocol, Icons"}},
	Covers: []string{"client-icons-without-credentials"},
	Remedy: "Fetch icons with a client that has neither the token nor cookies and follows no redirect to another origin.",
	In:     []*Situation{iconed}, Defects: []testclient.Defect{testclient.IconsWithToken, testclient.IconsRedirected, testclient.IconsOpened},
	Judge: func(t *Trace) Verdict {
		fetched := slices.DeleteFunc(slices.Clone(t.Seen), func(x *reference.Observation) bool { return !strings.HasSuffix(x.URL.Path, ".png") })
		for _, x := range fetched {
			switch {
			case x.Header.Get("Authorization") != "" || x.Header.Get("Cookie") != "" || strings.Contains(x.URL.RawQuery, "access_token"):
				return fails("an icon was fetched with credentials")
			case x.URL.Path == "/redirected.png":
				return fails("an icon was followed to another origin")
			}
		}
		for _, opened := range t.Exit.Opened {
			if !ofTheWeb(opened) {
				return fails("the client handed an icon to the opener of its system")
			}
		}
		switch {
		case !t.Served():
			return notReached("the client never came to list the tools")
		case len(fetched) == 0:
			return notApplicable("the client fetches no icons")
		}
		return passes()
	},
})

// asking asks the user to open a page before the tool answers.
var asking = Declare(Situation{
	ID: "asks-to-open-page", Doc: "asks the user to open a page before a tool answers", Ends: Refuses, Nearby: true, Since: suites.V20260728,
	Reached: (*Trace).asked, Proceeded: func(t *Trace) bool { return len(t.pageVisits()) > 0 },
	Shape: func(l *Lab) {
		l.Canary = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("a page for the user")) // the client has gone: nobody to tell
		})
		l.Ready = func(s *Stage) { l.ForClients.AskURL = s.at("127.0.0.1") + askedPath }
	},
})

// asked tells whether the client was asked to have its user open the page.
func (t *Trace) asked() bool {
	return slices.ContainsFunc(t.Calls(), func(r *Request) bool { return strings.Contains(string(r.AnswerBody), askedPath) })
}

// pageVisits are the requests for the page.
func (t *Trace) pageVisits() []*reference.Observation {
	return slices.DeleteFunc(slices.Clone(t.Seen), func(x *reference.Observation) bool {
		return x.Party != PartyCanary || x.URL.Path != askedPath
	})
}

var _ = Register(Check{
	ID: "client-elicitation-url-consent", Title: "A page that the user is asked to open is fetched by nobody before", Area: suites.ConfusedDeputy,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20260728, Cites: []suites.Cite{{Doc: spec, Section: "Elicitation, Safe URL Handling"}},
	Covers: []string{"client-elicitation-url-consent"},
	Remedy: "Show the whole URL, ask, and hand it to the user's browser; never fetch it.",
	In:     []*Situation{asking}, Defects: []testclient.Defect{testclient.ElicitationPrefetched, testclient.ElicitationOpened},
	Judge: func(t *Trace) Verdict {
		opened := 0
		for _, u := range t.Exit.Opened {
			if strings.Contains(u, askedPath) {
				opened++
			}
		}
		switch {
		case !t.Served():
			return notReached("the client never called the tool")
		case !t.asked():
			return notApplicable("the client does not say that it can ask its user to open a page")
		case len(t.pageVisits()) > opened:
			return fails("the client fetched the page itself")
		case opened > 0 && t.Exit.Here:
			return Verdict{Outcome: reports.Warn, Message: "the client had the page opened, and nobody had agreed to it"}
		}
		return passes()
	},
})

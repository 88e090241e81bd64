package client

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/probes/launch"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// foreignCode begins the codes that somebody else brings to the client's callback.
const foreignCode = "a-code-of-another-flow-"

// altered is a callback with other parameters; an empty value leaves one out.
func altered(u *url.URL, path string, parameters ...string) *url.URL {
	other := *u
	if path != "" {
		other.Path = path
	}
	query := u.Query()
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	other.RawQuery = query.Encode()
	return &other
}

// The situations in which somebody else comes to the client's callback.
var (
	forgedFirst = intruded("callback-other-state", "has a visitor whose response belongs to another request", func(response *url.URL) []*url.URL {
		return []*url.URL{altered(response, "", "code", foreignCode+rand.Text(), "state", rand.Text()), response}
	})
	otherPath = intruded("callback-other-path", "has a visitor who comes to another path of the client's listener", func(response *url.URL) []*url.URL {
		return []*url.URL{altered(response, "/elsewhere", "code", foreignCode+rand.Text()), response}
	})
	comesTwice = intruded("callback-twice", "has a visitor who brings a second response with another code", func(response *url.URL) []*url.URL {
		return []*url.URL{response, altered(response, "", "code", foreignCode+rand.Text())}
	})
)

func intruded(id, doc string, callbacks func(*url.URL) []*url.URL) *Situation {
	return Declare(Situation{
		ID: id, Doc: doc, Ends: Refuses, Callbacks: callbacks, Nearby: true,
		Reached:   func(t *Trace) bool { return len(t.Exit.Answers) > 0 },
		Proceeded: func(t *Trace) bool { return t.redeemedForeign() },
	})
}

// redeemedForeign tells whether the client redeemed a code of another flow.
func (t *Trace) redeemedForeign() bool {
	return slices.ContainsFunc(t.Redemptions(), func(r *Request) bool { return strings.HasPrefix(r.Params.Get("code"), foreignCode) })
}

// challenges tells whether the client binds each code to itself.
func (t *Trace) challenges() bool {
	asked := t.Authorizations()
	return len(asked) > 0 && !slices.ContainsFunc(asked, func(r *Request) bool {
		return r.Params.Get("code_challenge") == "" || r.Params.Get("code_challenge_method") != "S256"
	})
}

// stateForeign answers with the state of another request.
var stateForeign = Declare(Situation{
	ID: "state-foreign", Doc: "returns the state of another request", Ends: Refuses, Reached: answered,
	Shape: func(l *Lab) {
		l.Front = responses(func(q url.Values) {
			if q.Has("state") {
				q.Set("state", rand.Text())
			}
		})
	},
})

var _ = Register(Check{
	ID: "client-state-compared", Title: "A response with the state of another request is discarded", Area: suites.AuthorizationRequest,
	Level: suites.Should, Severity: suites.High, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "7.14"}},
	Covers: []string{"client-state-used-and-verified", "web-client-callback-safety"},
	Remedy: "Compare state with that of the request before the code is used; that there is one is not enough.",
	In:     []*Situation{stateForeign}, Defects: []testclient.Defect{testclient.StateUnchecked, testclient.StateAnyTaken},
	Judge: func(t *Trace) Verdict {
		for _, r := range t.Authorizations() {
			if !r.Params.Has("state") {
				return notApplicable("the client sends no state, which another check judges")
			}
		}
		return keepsCode("the response had the state of another request")(t)
	},
})

// called says what stands in the way of judging by what the client's callback does.
func (t *Trace) called() (obstacle *Verdict) {
	var v Verdict
	switch {
	case len(t.Exit.Answers) > 0:
		return nil
	case !t.Exit.Intercepted:
		v = notReached("nobody of ours came to the client's callback: it was started without a user of ours")
	case !answered(t):
		v = notReached(noAuthorization)
	case t.in(Sound) != nil && answered(t.in(Sound)) && len(t.in(Sound).Exit.Answers) == 0:
		v = notApplicable("the client has no callback that is called: it reads the authorization response itself")
	default:
		v = notReached("the client's callback could not be called")
	}
	return &v
}

var _ = Register(Check{
	ID: "client-callback-own-response", Title: "The callback takes one response, to the request just made, at its own path", Area: suites.WebSecurity,
	Level: suites.Must, Severity: suites.High, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "7.14"}, {Doc: "RFC 8252", Section: "8.9"}},
	Covers: []string{"web-client-callback-safety"},
	Remedy: "Compare path and state before anything else is read, and stop listening after the first response that fits.",
	In:     []*Situation{forgedFirst, otherPath, comesTwice}, Beside: []*Situation{Sound},
	Defects: []testclient.Defect{testclient.StateUnchecked, testclient.StateAnyTaken, testclient.NoState, testclient.AnyCallbackPath, testclient.ResponseReplaced},
	Judge: func(t *Trace) Verdict {
		switch {
		case t.redeemedForeign() && t.Situation == forgedFirst && t.challenges():
			// Whoever knows that the server binds codes may rely on that alone (OAuth 2.1, section 7.14).
			return Verdict{Outcome: reports.Warn, Message: "the client redeemed a code that came with the state of another request: its code challenge alone keeps that from working"}
		case t.redeemedForeign():
			return fails("the client redeemed a code that did not come from its own flow")
		}
		if obstacle := t.called(); obstacle != nil {
			return *obstacle
		}
		return passes()
	},
})

// away is where nobody may be sent.
const away = "redirected.mcpassay.invalid"

// The situations in which authorization responses hold more than they need.
var (
	furtherParameters = Declare(Situation{
		ID: "callback-further-parameters", Doc: "adds parameters to its authorization responses that name other pages", Ends: Works,
		Shape: func(l *Lab) {
			l.Front = responses(func(q url.Values) {
				for _, name := range []string{"next", "redirect", "redirect_to", "return_to", "continue", "url", "target"} {
					q.Set(name, "http://"+away+"/"+name)
				}
			})
		},
	})
	tellingError = Declare(Situation{
		ID: "callback-error-page", Doc: "answers authorization requests with errors that hold markup and name other pages", Ends: Refuses, Reached: answered,
		Proceeded: func(t *Trace) bool { return t.leadsAway() != "" || t.reflects() },
		Shape: func(l *Lab) {
			l.Front = responses(func(q url.Values) {
				q.Del("code")
				q.Set("error", "access_denied")
				q.Set("error_description", reflected)
				q.Set("error_uri", "http://"+away+"/error")
			})
		},
	})
)

// reflected is markup that would run.
const reflected = "<svg onload=alert(document.domain)>"

// responses changes the parameters of authorization responses.
func responses(change func(url.Values)) front {
	return func(_ *Stage, party reference.Party, next http.Handler) http.Handler {
		if party != reference.PartyAuthServer {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&relocating{ResponseWriter: w, change: change}, r)
		})
	}
}

// relocating changes where authorization responses lead.
type relocating struct {
	http.ResponseWriter
	change func(url.Values)
}

func (w *relocating) WriteHeader(status int) {
	if u, err := url.Parse(w.Header().Get("Location")); err == nil && u.Query().Has("code") && status >= 300 && status < 400 {
		q := u.Query()
		w.change(q)
		u.RawQuery = q.Encode()
		w.Header().Set("Location", u.String())
	}
	w.ResponseWriter.WriteHeader(status)
}

var _ = Register(Check{
	ID: "client-no-open-redirector", Title: "The callback sends nobody to a page that a parameter names", Area: suites.RedirectURI,
	Level: suites.Must, Severity: suites.Medium, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "7.12.1"}},
	Covers: []string{"client-no-open-redirector"},
	Remedy: "Read code, state, iss and error of the response, and nothing else that says where to go.",
	In:     []*Situation{furtherParameters, tellingError}, Beside: []*Situation{Sound},
	Defects: []testclient.Defect{testclient.CallbackRedirects},
	Judge: func(t *Trace) Verdict {
		if obstacle := t.called(); obstacle != nil {
			return *obstacle
		}
		if how := t.leadsAway(); how != "" {
			return fails("the client's callback sends the browser on to a page that a parameter named, by %s", how)
		}
		return passes()
	},
})

// leadsAway tells by what the client's callback sends a browser to a page that a
// parameter named; "" if it does not.
func (t *Trace) leadsAway() string {
	for _, a := range t.Exit.Answers {
		if to, how := leads(a); strings.Contains(to, away) {
			return how
		}
	}
	return ""
}

// reflects tells whether markup in the response became part of the page.
func (t *Trace) reflects() bool {
	return slices.ContainsFunc(t.Exit.Answers, func(a launch.Answer) bool {
		return isPage(a) && strings.Contains(string(a.Body), reflected) && runsScripts(a.Header)
	})
}

// leads tells where an answer takes a browser that runs no scripts.
func leads(a launch.Answer) (to, how string) {
	if location := a.Header.Get("Location"); a.Status >= 300 && a.Status < 400 && location != "" {
		u, err := url.Parse(location)
		if err != nil {
			return "", ""
		}
		return u.Host, "a redirect"
	}
	if _, to, ok := strings.Cut(strings.ToLower(a.Header.Get("Refresh")), "url="); ok {
		return to, "a Refresh header"
	}
	page := strings.ToLower(string(a.Body))
	if _, rest, ok := strings.Cut(page, `http-equiv="refresh"`); ok && isPage(a) {
		rest, _, _ = strings.Cut(rest, ">")
		return rest, "a page that refreshes"
	}
	return "", ""
}

// isPage tells whether a browser takes an answer for HTML.
func isPage(a launch.Answer) bool {
	kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == "text/html" || kind == "application/xhtml+xml" || kind == "" && a.Header.Get("X-Content-Type-Options") != "nosniff"
}

var _ = Register(Check{
	ID: "client-callback-escapes", Title: "The callback shows what came in the response as text", Area: suites.WebSecurity,
	Level: suites.Must, Severity: suites.Medium, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "4.1.2.1"}, {Doc: "CWE-79"}},
	Covers: []string{"web-client-callback-safety"},
	Remedy: "Escape error and error_description before they are shown, and send a content security policy.",
	In:     []*Situation{tellingError}, Beside: []*Situation{Sound}, Defects: []testclient.Defect{testclient.CallbackReflects},
	Judge: func(t *Trace) Verdict {
		if obstacle := t.called(); obstacle != nil {
			return *obstacle
		}
		if t.reflects() {
			return fails("the client's callback shows error_description as markup, which runs scripts")
		}
		return passes()
	},
})

package client

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

const redirectConstraints = "Client Registration, Application Type and Redirect URI Constraints"

// registrationRefused registers nobody, whatever the redirect URI.
var registrationRefused = Declare(Situation{
	ID: "registration-refused", Doc: "refuses every registration for its redirect URI", Ends: Refuses, Since: suites.V20260728,
	Shape: func(l *Lab) {
		l.Front = func(_ *Stage, party reference.Party, next http.Handler) http.Handler {
			if party != reference.PartyAuthServer {
				return next
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/register") {
					next.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				_ = json.NewEncoder(w).Encode(map[string]string{ // the client has gone: nobody to tell
					"error": "invalid_redirect_uri", "error_description": "this redirect_uri is not allowed for this application_type",
				})
			})
		}
	},
	Reached:   func(t *Trace) bool { return len(t.Registrations())+len(t.Authorizations()) > 0 },
	Proceeded: func(t *Trace) bool { return t.mishandled() != "" },
})

// How often a refused registration may be tried again: with the same words, and at all.
const (
	maxSameRegistrations = 3
	maxRegistrations     = 10
)

// mishandled is what the client made of the refusal of its registration.
func (t *Trace) mishandled() string {
	var same int
	words := map[string]int{}
	for _, r := range t.Registrations() {
		words[string(r.Body)]++
		same = max(same, words[string(r.Body)])
	}
	nameless := slices.ContainsFunc(t.Authorizations(), func(r *Request) bool { return !isDocumentURL(r.Params.Get("client_id")) })
	switch {
	case t.Exit.Signal != "":
		return "ended by signal " + t.Exit.Signal
	case same > maxSameRegistrations:
		return "sent the same registration " + itoa(same) + " times"
	case len(t.Registrations()) > maxRegistrations:
		return "tried " + itoa(len(t.Registrations())) + " registrations"
	case nameless:
		return "sent the user to the authorization server all the same"
	}
	return ""
}

var _ = Register(Check{
	ID: "client-dcr-rejection-handled", Title: "A client whose registration is refused ends, or tries others a few times", Area: suites.Registration,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20260728,
	Cites:  []suites.Cite{{Doc: spec, Section: redirectConstraints}, {Doc: "RFC 7591", Section: "3.2.2"}},
	Covers: []string{"client-dcr-rejection-handled"},
	Remedy: "Take a refusal of the registration for the end, or change what it objects to; go on only with an id.",
	In:     []*Situation{registrationRefused}, Defects: []testclient.Defect{testclient.RegistrationForced, testclient.RegistrationVaried, testclient.RegistrationAssumed},
	Judge: func(t *Trace) Verdict {
		switch mishandled := t.mishandled(); {
		case len(t.Registrations())+len(t.Authorizations()) == 0:
			return notReached("the client never registered")
		case mishandled != "":
			return fails("the registration was refused, and the client %s", mishandled)
		case len(t.Registrations()) == 0:
			return notApplicable("the client does not register dynamically")
		}
		return passes()
	},
})

// mentions is what tells a reader that the registration is at fault.
var mentions = regexp.MustCompile(`(?i)regist|redirect[_ -]?ur[il]|client[_ ]metadata`)

var _ = Register(Check{
	ID: "client-dcr-rejection-surfaced", Title: "A client whose registration is refused says so", Area: suites.Registration,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20260728, Cites: []suites.Cite{{Doc: spec, Section: redirectConstraints}},
	Covers: []string{"client-dcr-rejection-surfaced"},
	Remedy: "Show the error code of the registration response, or that it was the registration that failed.",
	In:     []*Situation{registrationRefused}, Defects: []testclient.Defect{testclient.RegistrationSilent},
	Judge: func(t *Trace) Verdict {
		switch {
		case len(t.Registrations()) == 0:
			return notReached("the client never registered")
		case mentions.MatchString(t.Exit.Output):
			return passes()
		case t.Exit.Unheard:
			return Verdict{Outcome: reports.Review, Message: "look whether the client says that its registration was refused"}
		}
		return fails("the registration was refused, and nothing that the client wrote speaks of it")
	},
})

// A registered is what a registration request says of redirect URIs.
type registered struct {
	RedirectURIs    []string `json:"redirect_uris"`
	ApplicationType string   `json:"application_type"`
}

func (r *Request) registered() (said registered) {
	_ = json.Unmarshal(r.Body, &said) // nothing if it is something else
	return said
}

// isLoopback tells whether a redirect URI leads to the user's own machine.
func isLoopback(u *url.URL) bool {
	return strings.EqualFold(u.Hostname(), "localhost") || net.ParseIP(u.Hostname()).IsLoopback()
}

var _ = Register(Check{
	ID: "client-dcr-application-type-fits", Title: "The application type fits the redirect URIs", Area: suites.Registration,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20260728, Cites: []suites.Cite{{Doc: spec, Section: redirectConstraints}},
	Covers:  []string{"client-dcr-application-type-fits"},
	Remedy:  "Register as native with loopback and private-use redirect URIs, as web with those on a host of your own.",
	Defects: []testclient.Defect{testclient.WebAssumed, testclient.NativeElsewhere},
	Judge: func(t *Trace) Verdict {
		sent := t.Registrations()
		if len(sent) == 0 {
			if !answered(t) {
				return notReached(noAuthorization)
			}
			return notApplicable("the client did not register dynamically")
		}
		return every(sent, "", func(r *Request) string { return misfit(r.registered()) })
	},
})

// misfit says what is wrong with an application type. Without one another check
// judges.
func misfit(said registered) string {
	local, remote := 0, 0
	for _, uri := range said.RedirectURIs {
		if u, err := url.Parse(uri); err == nil && u.Scheme == "https" && !isLoopback(u) {
			remote++
		} else {
			local++
		}
	}
	switch {
	case said.ApplicationType == "web" && local > 0:
		return "the client registered as web, and is answered on the user's machine"
	case said.ApplicationType == "native" && local == 0 && remote > 0:
		return "the client registered as native, and is answered on a host of its own only"
	}
	return ""
}

var _ = Register(Check{
	ID: "client-redirect-uri-https-or-localhost", Title: "Redirect URIs are https, or lead to the user's own machine", Area: suites.RedirectURI,
	Level: suites.Must, Severity: suites.High,
	Cites:   []suites.Cite{{Doc: spec, Section: "Authorization Security Considerations, Communication Security"}, {Doc: "OAuth 2.1", Section: "8.4.3"}},
	Covers:  []string{"client-redirect-uri-https-or-localhost"},
	Remedy:  "Be answered over https, or over http on a loopback address.",
	Defects: []testclient.Defect{testclient.RedirectCleartext, testclient.RedirectPrivateUse, testclient.RedirectRelative},
	Judge: func(t *Trace) Verdict {
		var uris []string
		for _, r := range t.Registrations() {
			uris = append(uris, r.registered().RedirectURIs...)
		}
		for _, r := range t.Authorizations() {
			uris = append(uris, r.Params["redirect_uri"]...)
		}
		verdict := passes()
		for _, uri := range uris {
			switch u, err := url.Parse(uri); {
			case err != nil || u.Scheme == "":
				return fails("the redirect URI %s is no absolute URI", quoted(uri))
			case u.Scheme == "http" && !isLoopback(u):
				return fails("the redirect URI %s sends codes over the network in the clear", quoted(uri))
			case u.Scheme != "http" && u.Scheme != "https":
				// OAuth 2.1 allows what MCP does not.
				verdict = Verdict{Outcome: reports.Warn, Message: "the redirect URI " + quoted(uri) + " has a private-use scheme"}
			}
		}
		if len(uris) == 0 {
			return notReached(noAuthorization)
		}
		return verdict
	},
})

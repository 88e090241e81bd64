package probes

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// What can keep a user agent from taking a visit to its end.
var (
	// ErrCredentialsRefused says that a login page came back after the
	// credentials had been sent.
	ErrCredentialsRefused = errors.New("the credentials were refused")
	// ErrLost says that a visit went through more pages than a sign-in takes.
	ErrLost = errors.New("no end after so many pages")
	// ErrStuck says that a page did not get ready in time.
	ErrStuck = errors.New("timed out")
	// ErrNeedsBrowser says that a page does by script what the user agent,
	// which runs none, would have to do.
	ErrNeedsBrowser = errors.New("the page needs a browser")
)

// A UserAgent takes a user through an authorization request, as a browser does,
// and says where that ended. It never judges.
type UserAgent interface {
	Authorize(ctx context.Context, v Visit) (*Landing, error)
}

// A Visit is one authorization request and what the user does with it.
type Visit struct {
	URL         string   // the authorization request
	RedirectURI string   // where the client asks to be answered; caught, never reached
	Origins     []string // origins of the deployment; every other destination is blocked
	User        User
	Deny        bool        // refuse consent instead of giving it
	Steps       []LoginStep // from the configuration; empty: find the forms by what they look like

	Outside string // an origin of the deployment that the visit must not enter

	Until  Stage     // where the user stops
	From   string    // origin of a page that starts the visit; empty: the user typed the URL
	Form   *PageForm // what that page sends to the URL; nil: it is a link
	Framed bool      // that page shows the visit in a frame; needs a browser
	Popup  bool      // that page opens the visit in a window; needs a browser
	Canary string    // name of a function that no script of the deployment's own calls; needs a browser

	// Pace waits until a visit may begin. A user agent that sends its requests
	// itself, as a browser does, calls it first. Nil: at once.
	Pace func(context.Context) error
}

// A User is somebody who can sign in at the authorization server.
type User struct{ Name, Password string }

// A LoginStep is one thing the user does on a page, from the configuration.
// Exactly one of Fill, Click and WaitFor is set, to a CSS selector.
type LoginStep struct {
	Fill    string
	Value   string // for Fill: literal, or "{username}" or "{password}"
	Click   string
	WaitFor string
}

// Text is what a Fill step types for the user.
func (s LoginStep) Text(u User) string {
	switch s.Value {
	case "{username}":
		return u.Name
	case "{password}":
		return u.Password
	}
	return s.Value
}

// A Landing is where a visit ended: at a URL outside the deployment or at the
// redirect URI (Redirect is set), or on a page (Redirect is nil).
type Landing struct {
	Redirect *url.URL   // as the server spelt it, with query and fragment
	Method   string     // of the request to Redirect: GET, or POST for response_mode form_post
	Form     url.Values // its body, if POST

	Page  *Page  // the last document shown; nil if there was none
	Pages []Page // every document shown on the way, in order, Page included
	Steps []Step // what the user agent did, in order

	LoggedIn  bool // a login form was filled in
	Consented bool // a consent form was answered

	Asks    string   // what the page asks for at which the visit was to stop; see Stage
	Forms   Forms    // of that page
	Loads   []string // what the pages loaded, or would have, from outside the deployment
	Scripts []string // what scripts told the canary
	Framed  string   // URL of the document that was shown in the frame; empty if none was

	Messages []PageMessage // that the page was sent which opened or framed the visit, in order
}

// A PageMessage is what one page sent another by postMessage (HTML, section
// "Posting messages").
type PageMessage struct {
	Origin string // of the page that sent it, as the browser says
	Data   string // the text, or else JSON; at most 20,000 characters
}

// Params are the response parameters of the redirect, wherever the server put
// them: in the query, the fragment or a posted form. A form may also hold what
// the user had typed, if the server redirected the submission of a login page
// by status 307 or 308.
func (l *Landing) Params() url.Values {
	params := url.Values{}
	if l.Redirect == nil {
		return params
	}
	fragment, _ := url.ParseQuery(l.Redirect.EscapedFragment()) // what can be read of it
	for _, part := range []url.Values{l.Redirect.Query(), fragment, l.Form} {
		for name, values := range part {
			params[name] = append(params[name], values...)
		}
	}
	return params
}

// A Step is one thing that a user agent did or met on a visit: it opened a
// document, filled in a form, pressed a button. It names form fields, but never
// says what was typed into them. URLs stand as they are, with the codes in them.
type Step struct {
	At     time.Time
	What   string // "GET https://as.example/login", "pressed “Approve”"
	Status int    // of the answer to a request; 0 if there was none

	Header http.Header // of the answer, if it redirected

	Recorded bool // as an exchange, by the client that carried the request
}

// A Page is a document that the user agent was shown.
type Page struct {
	URL    string
	Status int
	Header http.Header
	Title  string
	Text   string // visible text, at most 2,000 characters
	Took   time.Duration
}

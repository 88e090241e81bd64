package probes

import (
	"context"
	"net/http"
	"net/url"
	"time"
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

// A Landing is where a visit ended: at a URL outside the deployment or at the
// redirect URI (Redirect is set), or on a page (Redirect is nil).
type Landing struct {
	Redirect *url.URL   // as the server spelt it, with query and fragment
	Method   string     // of the request to Redirect: GET, or POST for response_mode form_post
	Form     url.Values // its body, if POST

	Page  *Page  // the last document shown; nil if there was none
	Pages []Page // every document shown on the way, in order, Page included

	LoggedIn  bool // a login form was filled in
	Consented bool // a consent form was answered
}

// Params are the response parameters of the redirect: from the form, the query
// or the fragment, wherever the server put them.
func (l *Landing) Params() url.Values {
	switch {
	case l.Redirect == nil:
		return url.Values{}
	case len(l.Form) > 0:
		return l.Form
	}
	params := l.Redirect.Query()
	if fragment, err := url.ParseQuery(l.Redirect.EscapedFragment()); err == nil {
		for name, values := range fragment {
			params[name] = append(params[name], values...)
		}
	}
	return params
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

package reference

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

//go:embed pages
var pageFiles embed.FS

// pages are the documents that users see. Everything put into them is escaped
// for its place.
var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// A frame is what every page has.
type frame struct {
	Title string
	Nonce string // of its style and script
	Style string // URL of a style sheet from elsewhere, as only a fault has one
}

func (f *frame) dress(nonce, style string) { f.Nonce, f.Style = nonce, style }

// A step is what the browser is told to do next: go somewhere, or show a page.
type step struct {
	location   string // where to go; if empty, page is shown
	toClient   bool   // the location is the client's
	page       string
	data       interface{ dress(nonce, style string) }
	status     int    // of the page; 0 is 200
	formTarget string // where submitting the page's form may lead in the end
	script     bool   // the page has a script
	fetches    bool   // which sends requests to us
	framedBy   string // origin whose pages may show it in a frame; empty: nobody's
	cookies    []*http.Cookie
}

// write carries out a step.
func (s *AuthServer) write(w http.ResponseWriter, next step) {
	for _, c := range next.cookies {
		http.SetCookie(w, c)
	}
	h := w.Header()
	h.Set("Referrer-Policy", "no-referrer")
	if s.faults.Has(fault.PagesReferrer) {
		h.Set("Referrer-Policy", "unsafe-url")
	}
	if next.location != "" {
		if next.toClient && s.faults.Has(fault.CodeCacheable) {
			h.Set("Cache-Control", "public, max-age=600")
		}
		s.sendBrowser(w, next)
		return
	}
	if s.options.provider && next.formTarget != "" {
		next.formTarget = "*"
	}
	nonce := secret()
	next.data.dress(nonce, s.pageStyle())
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, next.page, next.data); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", pagePolicy(nonce, next))
	letFrame(h, next)
	s.weaken(h, next)
	if next.status != 0 {
		w.WriteHeader(next.status)
	}
	_, _ = body.WriteTo(w) // the browser has gone: nobody to tell
}

// pagePolicy lets a page do nothing but what it is for. Browsers apply
// form-action to the redirects that follow a submission as well, so the client's
// redirect URI has to be among its sources, or the answer would never arrive.
func pagePolicy(nonce string, next step) string {
	policy := "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'nonce-" + nonce + "'"
	if next.script {
		policy += "; script-src 'nonce-" + nonce + "'"
	}
	if next.fetches {
		policy += "; connect-src 'self'"
	}
	policy += "; form-action 'self'"
	for _, target := range strings.Fields(next.formTarget) {
		policy += " " + policySource(target)
	}
	return policy
}

var (
	plainHost   = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$`)
	plainScheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)
)

// policySource is the source expression for a redirect URI: its origin, or its
// scheme alone where the grammar has no place for the host (an IPv6 address, a
// private-use scheme).
func policySource(redirectURI string) string {
	if redirectURI == "*" {
		return "*"
	}
	u, err := url.Parse(redirectURI)
	switch {
	case err != nil || !plainScheme.MatchString(u.Scheme):
		return ""
	case plainHost.MatchString(u.Host):
		return u.Scheme + "://" + u.Host
	}
	return u.Scheme + ":"
}

// A errorPage tells the user what went wrong, and that nothing was sent anywhere.
type errorPage struct {
	frame
	Problem, Code string
	Detail        template.HTML // only with a fault
}

func (s *AuthServer) errorPage(problem *denial) step {
	return step{page: "error.html", status: http.StatusBadRequest, data: &errorPage{
		frame: frame{Title: "This did not work"}, Problem: problem.description, Code: problem.code,
	}}
}

// expired is shown for a page whose transaction is over, or not this browser's.
func (s *AuthServer) expired() step {
	return s.errorPage(refuse(invalidRequest, "This page is no longer valid. Go back to the application and start again."))
}

// A redirectPage takes the browser to the client by script.
type redirectPage struct {
	frame
	Location string
}

// redirectToClient sends the browser to the client with the answer.
func (s *AuthServer) redirectToClient(location string) step {
	if s.variants.Has(variant.ScriptedRedirect) {
		return step{page: "redirect.html", script: true, data: &redirectPage{
			frame: frame{Title: "Going back to the application"}, Location: location,
		}}
	}
	return step{location: location, toClient: true}
}

// fields are the names of form fields and the values of their buttons.
type fields struct {
	User, Password, Decision, Yes, No string
}

func (s *AuthServer) fields() fields {
	if s.variants.Has(variant.FormPostConsent) {
		return fields{User: "x7", Password: "x8", Decision: "verb", Yes: "1", No: "0"}
	}
	return fields{User: "username", Password: "password", Decision: "decision", Yes: "allow", No: "deny"}
}

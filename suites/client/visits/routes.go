package visits

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

//go:embed pages
var files embed.FS

// templates are the pages. Everything put into them is escaped for its place.
var templates = template.Must(template.ParseFS(files, "pages/*.html"))

const (
	maxForm     = 16 << 10
	maxName     = 80  // characters
	maxRedirect = 500 // bytes
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		s.show(w, http.StatusOK, "landing.html", s.landing(profile{attended: true}, ""))
	})
	mux.HandleFunc("POST /tenants", s.arrive)
	mux.HandleFunc("GET /t/{tenant}/{$}", s.ofTenant(s.showOverview))
	mux.HandleFunc("POST /t/{tenant}/end", s.ofTenant(s.leave))
	mux.HandleFunc("GET /t/{tenant}/report/{file}", s.ofTenant(s.download))
	mux.HandleFunc("GET /t/{tenant}/s/{situation}", s.ofSituation(s.showSituation))
	mux.HandleFunc("GET /t/{tenant}/s/{situation}/live", s.ofSituation(s.tellLive))
	mux.HandleFunc("POST /t/{tenant}/s/{situation}/start", s.ofSituation(s.startSituation))
	mux.HandleFunc("POST /t/{tenant}/s/{situation}/finish", s.ofSituation(s.finishSituation))
	for _, name := range []string{"style.css", "live.js"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, files, "pages/"+name)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.nothing(w) })
	return s.armour(http.NewCrossOriginProtection().Handler(mux))
}

// policy lets pages load nothing from elsewhere, run no script but the one file,
// and stand in no frame.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// armour is what every answer has.
func (s *Server) armour(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // the path is what makes a visitor
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// show answers with a page.
func (s *Server) show(w http.ResponseWriter, status int, page string, data any) {
	var body bytes.Buffer
	if err := templates.ExecuteTemplate(&body, page, data); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // the browser has gone: nobody to tell
}

// A message is a page that says one thing.
type message struct{ Title, Text, Back string }

func (s *Server) nothing(w http.ResponseWriter) {
	s.show(w, http.StatusNotFound, "message.html", message{
		"Nothing is here", "This address leads nowhere, or what was here has been forgotten.", "/",
	})
}

// refuse says why something was not done.
func (s *Server) refuse(w http.ResponseWriter, err error, back string) {
	m, status := message{"This did not work", "The deployment could not be started.", back}, http.StatusInternalServerError
	switch {
	case errors.Is(err, errManyOpen):
		m, status = message{"One after the other", "Finish one of the situations that are under way, then start this one.", back}, http.StatusConflict
	case errors.Is(err, errManyStarts):
		m, status = message{"That is enough", "You have started as many situations as one visitor may. Download the report, end the visit, and begin a new one.", back}, http.StatusTooManyRequests
	case errors.Is(err, errNoPort):
		m, status = message{"No room just now", "Every port is in use by other visitors. Try again in some minutes.", back}, http.StatusServiceUnavailable
	case errors.Is(err, errEnded):
		s.nothing(w)
		return
	}
	s.show(w, status, "message.html", m)
}

// ofTenant finds the tenant of the path. Whatever comes from the visitor, but for
// looks that a page takes by itself, keeps the tenant from ending early.
func (s *Server) ofTenant(next func(http.ResponseWriter, *http.Request, *tenant)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := s.tenant(r.PathValue("tenant"))
		if t == nil {
			s.nothing(w)
			return
		}
		if !strings.HasSuffix(r.URL.Path, "/live") {
			t.touch()
		}
		next(w, r, t)
	}
}

func (s *Server) ofSituation(next func(http.ResponseWriter, *http.Request, *tenant, *client.Situation)) http.HandlerFunc {
	return s.ofTenant(func(w http.ResponseWriter, r *http.Request, t *tenant) {
		all := s.grounds.Situations(t.revision)
		i := slices.IndexFunc(all, func(in *client.Situation) bool { return in.ID == r.PathValue("situation") })
		if i < 0 {
			s.nothing(w)
			return
		}
		next(w, r, t, all[i])
	})
}

// arrive makes a tenant of a visitor.
func (s *Server) arrive(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.show(w, http.StatusBadRequest, "landing.html", s.landing(profile{attended: true}, "The form could not be read."))
		return
	}
	p, problem := readProfile(r.PostForm)
	if problem != "" {
		s.show(w, http.StatusUnprocessableEntity, "landing.html", s.landing(p, problem))
		return
	}
	busy := !s.arrival.Allow()
	var t *tenant
	if !busy {
		var err error
		t, err = s.admit(p)
		busy = err != nil
	}
	if busy {
		w.Header().Set("Retry-After", "60")
		s.show(w, http.StatusServiceUnavailable, "landing.html", s.landing(p, "There is no room just now. Others are testing their clients; try again in some minutes."))
		return
	}
	http.Redirect(w, r, t.path(), http.StatusSeeOther)
}

// path is where the tenant's pages are.
func (t *tenant) path() string { return "/t/" + t.id + "/" }

// situationPath is where the page of a situation is.
func (t *tenant) situationPath(in *client.Situation) string { return t.path() + "s/" + in.ID }

// readProfile reads what a visitor says of the client.
func readProfile(form url.Values) (p profile, problem string) {
	p = profile{
		name: visible(strings.TrimSpace(form.Get("name")), 4*maxName), revision: suites.Revision(form.Get("revision")),
		attended: form.Get("consent") != "none",
	}
	if uri := strings.TrimSpace(form.Get("redirect_uri")); uri != "" {
		p.redirects = []string{visible(uri, maxRedirect)}
		if !isRedirectURI(uri) {
			return p, "The redirect URI is not one: it has to be a whole URI without a fragment, such as https://client.example/callback."
		}
	}
	switch {
	case utf8.RuneCountInString(p.name) > maxName:
		return p, "The name of the client is too long."
	case !slices.Contains(suites.Revisions, p.revision):
		return p, "There is no such revision of MCP."
	}
	return p, ""
}

// isRedirectURI tells whether somebody could be answered at a URI (OAuth 2.1,
// section 2.3), and a browser would run nothing there.
func isRedirectURI(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || len(uri) > maxRedirect || visible(uri, maxRedirect) != uri || u.Scheme == "" || strings.Contains(uri, "#") || u.User != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return u.Hostname() != ""
	case "javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source", "ws", "wss", "ftp":
		return false
	}
	return true
}

// leave ends a tenant at the visitor's wish.
func (s *Server) leave(w http.ResponseWriter, _ *http.Request, t *tenant) {
	if err := s.dismiss(t); err != nil {
		s.refuse(w, err, "/")
		return
	}
	s.show(w, http.StatusOK, "message.html", message{"Everything is forgotten", "The deployments have been stopped and what was seen of your client has been removed.", "/"})
}

func (s *Server) startSituation(w http.ResponseWriter, r *http.Request, t *tenant, in *client.Situation) {
	if _, err := t.start(in); err != nil {
		s.refuse(w, err, t.path())
		return
	}
	http.Redirect(w, r, t.situationPath(in), http.StatusSeeOther)
}

func (s *Server) finishSituation(w http.ResponseWriter, r *http.Request, t *tenant, in *client.Situation) {
	if v := t.visit(in); v != nil {
		if err := v.end(); err != nil {
			s.refuse(w, err, t.situationPath(in))
			return
		}
	}
	http.Redirect(w, r, t.situationPath(in), http.StatusSeeOther)
}

package reference

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"unicode"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// maxName is how much of a client's name users are shown. A longer one would
// push what we say ourselves out of sight.
const maxName = 60

// shownName is a client's name as users are shown it. It is the client's claim:
// on one line, short, and without characters that turn around what stands beside
// it (Unicode Standard Annex 9) or that nobody sees.
func (s *AuthServer) shownName(c *Client) any {
	name := c.DisplayName()
	if s.faults.Has(fault.PagesScriptName) {
		return template.HTML(name) //nolint:gosec // the fault is to do so
	}
	if !s.faults.Has(fault.ConsentNameRaw) {
		name = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
				return -1
			}
			return r
		}, name)
	}
	if runes := []rune(name); len(runes) > maxName && !s.faults.Has(fault.ConsentNameEndless) {
		name = string(runes[:maxName]) + "…"
	}
	return name
}

// site is the web page that a client says is its own. Registration takes nothing
// but web pages, and the template would put no other URL into a link.
func (s *AuthServer) site(c *Client) any {
	var uri string
	if json.Unmarshal(c.described["client_uri"], &uri) != nil || uri == "" {
		return nil
	}
	if s.faults.Has(fault.PagesScriptLink) {
		return template.URL(uri) //nolint:gosec // the fault is to do so
	}
	return uri
}

// weaken holds the faults that leave pages without protection.
func (s *AuthServer) weaken(h http.Header, next step) {
	switch {
	case s.faults.Has(fault.PagesFramed), s.faults.Has(fault.PagesFramedPlain):
		h.Del("X-Frame-Options")
		h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "frame-ancestors 'none'; ", "", 1))
	case s.faults.Has(fault.PagesScriptName), s.faults.Has(fault.PagesScriptLink), s.faults.Has(fault.PagesScriptParameter),
		s.faults.Has(fault.PagesThirdParty):
		h.Del("Content-Security-Policy")
	case s.faults.Has(fault.PagesCacheable) && next.status < http.StatusBadRequest:
		h.Set("Cache-Control", "private, max-age=600")
	}
}

// pageStyle is a style sheet of another site, as only a fault loads one.
func (s *AuthServer) pageStyle() string {
	if s.faults.Has(fault.PagesThirdParty) {
		return "https://fonts.example/css?family=Notes"
	}
	return ""
}

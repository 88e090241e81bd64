package reference

import (
	"html/template"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// who is what a page tells a user about the application that asks, beyond the
// name that it claims: what somebody has to have control of to be it.
type who struct {
	Host     string // of the document that describes it (CIMD, section 8.5)
	Target   string // where the answer goes, where the page does not say so elsewhere
	Imitable bool   // nothing but programs on the user's computer are answered

	// What only faults show.
	Logo, Home template.URL
}

// whoAsks describes the application of a request.
func (s *AuthServer) whoAsks(q *authRequest) who {
	w := who{Host: q.client.host, Imitable: q.client.host != "" && onLoopbackAlone(q.client.RedirectURIs)}
	if s.faults.Has(fault.ConsentHidesDocument) {
		w.Host = ""
	}
	if s.faults.Has(fault.ConsentLocalhostQuiet) {
		w.Imitable = false
	}
	if s.faults.Has(fault.ConsentLogoLinked) {
		w.Logo = template.URL(q.client.logo) //nolint:gosec // that is the fault
	}
	if s.faults.Has(fault.ConsentLinksAnything) {
		w.Home = template.URL(q.client.home) //nolint:gosec // that is the fault
	}
	return w
}

func onLoopbackAlone(uris []string) bool {
	for _, uri := range uris {
		if !isLoopback(uri) {
			return false
		}
	}
	return len(uris) > 0
}

// targetShown is where the answer goes, as users are told.
func (s *AuthServer) targetShown(q *authRequest) string {
	if s.faults.Has(fault.ConsentHidesRedirect) {
		return "the application"
	}
	return destination(q.redirectURI)
}

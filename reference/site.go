package reference

import (
	"net/http"
	"strings"
)

// A Site is where a deployment is reached that does not listen for itself.
type Site interface {
	// Origin is the scheme, host and port that the party goes by. It answers the
	// same each time.
	Origin(Party) (string, error)
	// Serve has the party's requests answered from now on.
	Serve(Party, http.Handler)
	// RoundTrip carries requests of the deployment to itself, which may not be able
	// to reach itself from outside.
	http.RoundTripper
}

var parties = [...]Party{PartyAuthServer, PartyResourceServer, PartyUpstream}

// startAt starts a deployment at a site. Whoever owns the site ends that, too.
func startAt(site Site, o *Options) (*Server, error) {
	var origins [len(parties)]string
	for i, party := range parties {
		origin, err := site.Origin(party)
		if err != nil {
			return nil, err
		}
		origins[i] = origin
	}
	s, err := assemble(origins, nil, o)
	if err != nil {
		return nil, err
	}
	for i, h := range s.handlers(o) {
		site.Serve(parties[i], front(h, o))
	}
	return s, nil
}

// within sends requests to the authorization server by way of the site, if there
// is one.
func (a *authority) within(site Site) {
	if site != nil {
		a.http.Transport = introduced{site}
	}
}

// schemeOf is the scheme that a party is reached by, as far as observers are told.
func (o *Options) schemeOf(party Party) string {
	if o.Site != nil {
		if origin, err := o.Site.Origin(party); err == nil {
			scheme, _, _ := strings.Cut(origin, ":")
			return scheme
		}
	}
	return "http"
}

package reference

import (
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// resourcesGranted returns the resources that a grant is for. Every one that is
// asked for has to be known (RFC 8707, section 2); without any, a grant is for
// the resource server's endpoint, so that no token is ever good for everything.
func (s *AuthServer) resourcesGranted(asked []string) ([]string, *denial) {
	if len(asked) == 0 || s.faults.Has(fault.ResourceIgnored) || s.faults.Has(fault.ResourceAtTokenOnly) {
		return []string{s.endpoint}, nil
	}
	if s.faults.Has(fault.ResourceRefused) {
		return nil, refuse(invalidRequest, "resource is not a parameter here")
	}
	var granted []string
	for _, resource := range asked {
		known, ok := s.knownResource(resource)
		if !ok && s.faults.Has(fault.ResourceUnknownIgnored) {
			known, ok = s.endpoint, true
		}
		if !ok {
			return nil, refuse(invalidTarget, "resource %q is not known here", resource)
		}
		if !contains(granted, known) {
			granted = append(granted, known)
		}
	}
	return granted, nil
}

// knownResource finds the resource as we spell it. Only what RFC 3986, section
// 6.2.2.1, calls equivalent may differ: the case of scheme and host. A trailing
// slash makes another resource.
func (s *AuthServer) knownResource(asked string) (string, bool) {
	u, err := url.Parse(asked)
	if err == nil && u.IsAbs() && u.Host != "" {
		for _, known := range []string{s.endpoint, s.otherEndpoint} {
			if asked != known && sameButCase(u, asked, known) && s.faults.Has(fault.ResourceCaseKept) {
				return asked, true
			}
			if asked == known || sameButCase(u, asked, known) {
				return known, true
			}
		}
	}
	if s.options.lab && err == nil && u.IsAbs() && u.Fragment == "" {
		return asked, true
	}
	return s.resourceOverlooked(asked)
}

// resourceOverlooked holds the faults that let an unknown resource pass, and
// what the audience becomes then.
func (s *AuthServer) resourceOverlooked(asked string) (string, bool) {
	switch {
	case s.faults.Has(fault.ResourceUnknown),
		s.faults.Has(fault.ResourceSlash) && asked == s.endpoint+"/",
		s.faults.Has(fault.ResourceBeginning) && strings.HasPrefix(asked, s.endpoint),
		s.faults.Has(fault.ResourceUserinfo) && strings.HasPrefix(asked, originOf(s.endpoint)+"@"):
		return asked, true
	case s.faults.Has(fault.ResourceFragment) && strings.HasPrefix(asked, s.endpoint+"#"),
		s.faults.Has(fault.ResourceScheme) && withoutScheme(asked) == withoutScheme(s.endpoint):
		return s.endpoint, true
	}
	return "", false
}

// crashesOn tells whether the request is more than the server can bear.
func (s *AuthServer) crashesOn(p params) bool {
	if s.faults.Has(fault.ScopeDefaultCrash) && p.get("response_type") == "code" && p.get("scope") == "" {
		return true
	}
	for _, resource := range p.list("resource") {
		if u, err := url.Parse(resource); s.faults.Has(fault.ResourceCrash) && (err != nil || !u.IsAbs()) {
			return true
		}
	}
	return false
}

// originOf is the scheme, host and port of a URL of ours.
func originOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	return u.Scheme + "://" + u.Host
}

func withoutScheme(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	return rest
}

// sameButCase tells whether asked differs from known only in the case of its
// scheme and host.
func sameButCase(u *url.URL, asked, known string) bool {
	authority := len(u.Scheme) + len("://") + len(u.Host)
	if len(asked) != len(known) || authority > len(asked) || u.User != nil {
		return false
	}
	return foldASCII(asked[:authority]) == foldASCII(known[:authority]) && asked[authority:] == known[authority:]
}

func foldASCII(text string) string {
	folded := []byte(text)
	for i, c := range folded {
		if 'A' <= c && c <= 'Z' {
			folded[i] = c + 'a' - 'A'
		}
	}
	return string(folded)
}

// resourceAllowed chooses the resource that one token is for: one of those
// granted, and the first of them if the request names none. It is a string, but
// where a fault makes it several.
func (s *AuthServer) resourceAllowed(asked []string, g *grant) (any, *denial) {
	if wrong, decided := s.resourceMisjudged(asked, g); decided {
		return wrong, nil
	}
	switch len(asked) {
	case 0:
		return g.resources[0], nil
	case 1:
		if known, ok := s.knownResource(asked[0]); ok && contains(g.resources, known) {
			return known, nil
		}
		return nil, refuse(invalidTarget, "resource %q was not granted", asked[0])
	}
	return nil, refuse(invalidTarget, "a token is for one resource")
}

// resourceMisjudged holds the faults that let a token request choose.
func (s *AuthServer) resourceMisjudged(asked []string, g *grant) (resource any, decided bool) {
	switch {
	case len(s.faults) == 0:
		return nil, false
	case s.faults.Has(fault.ResourceIgnored):
		return s.endpoint, true
	case s.faults.Has(fault.ResourceAtTokenOnly) && len(asked) == 0:
		return s.everything(), true
	case s.faults.Has(fault.DefaultEverything) && len(asked) == 0 && g.defaulted:
		return s.everything(), true
	case s.faults.Has(fault.TokenResourceConjured) && len(asked) == 1 && g.defaulted:
		return asked[0], true
	case s.faults.Has(fault.ResourceUnknownIgnored) && len(asked) == 1 && !contains(g.resources, asked[0]):
		return g.resources[0], true
	case len(asked) == 0:
		return nil, false
	}
	var known []string
	for _, resource := range asked {
		if one, ok := s.knownResource(resource); ok {
			known = append(known, one)
		}
	}
	switch {
	case (s.faults.Has(fault.TokenResourceWidens) || s.faults.Has(fault.ResourceAtTokenOnly)) && len(known) == 1:
		return known[0], true
	case s.faults.Has(fault.TokenResourceBoth) && len(known) > 1:
		return known, true
	}
	return nil, false
}

func (s *AuthServer) everything() []string { return []string{s.endpoint, s.otherEndpoint, s.upstream} }

// audience is the aud of an access token for a resource: the resource.
func (s *AuthServer) audience(resource any, client string) any {
	one, _ := resource.(string)
	switch {
	case s.faults.Has(fault.AudienceClient):
		return client
	case s.faults.Has(fault.AudienceIssuer):
		return s.issuer
	case s.faults.Has(fault.AudienceOrigin):
		return originOf(one)
	case s.faults.Has(fault.AudienceEverything):
		return s.everything()
	case s.variants.Has(variant.AudienceArray) && one != "":
		return []string{one, s.issuer + "/userinfo"}
	}
	return resource
}

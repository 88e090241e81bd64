package reference

import "net/url"

// resourcesGranted returns the resources that a grant is for. Every one that is
// asked for has to be known (RFC 8707, section 2); without any, a grant is for
// the resource server's endpoint, so that no token is ever good for everything.
func (s *AuthServer) resourcesGranted(asked []string) ([]string, *denial) {
	if len(asked) == 0 {
		return []string{s.endpoint}, nil
	}
	var granted []string
	for _, resource := range asked {
		known, ok := s.knownResource(resource)
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
	if err != nil || !u.IsAbs() || u.Host == "" {
		return "", false
	}
	for _, known := range []string{s.endpoint, s.otherEndpoint} {
		if asked == known || sameButCase(u, asked, known) {
			return known, true
		}
	}
	return "", false
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
// granted, and the first of them if the request names none.
func (s *AuthServer) resourceAllowed(asked []string, granted []string) (string, *denial) {
	switch len(asked) {
	case 0:
		return granted[0], nil
	case 1:
		if known, ok := s.knownResource(asked[0]); ok && contains(granted, known) {
			return known, nil
		}
		return "", refuse(invalidTarget, "resource %q was not granted", asked[0])
	}
	return "", refuse(invalidTarget, "a token is for one resource")
}

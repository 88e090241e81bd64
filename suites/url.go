package suites

import (
	"fmt"
	"net/url"

	"github.com/onsi/gomega/types"

	"github.com/mcpassay/mcpassay/probes"
)

// BeSecureURL matches an absolute https URL without user information. On loopback
// http will do, where there is no network to listen on.
func BeSecureURL() types.GomegaMatcher {
	return matcher(func(actual any) (bool, string, error) {
		raw, ok := actual.(string)
		if !ok {
			return false, "", fmt.Errorf("%T is no URL", actual)
		}
		problem := insecure(raw)
		return problem == "", fmt.Sprintf("%q %s", raw, problem), nil
	})
}

// insecure says what is wrong with a URL that has to be secure, or "".
func insecure(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "is no URL"
	case u.Scheme == "" || u.Host == "":
		return "is not absolute"
	case u.User != nil:
		return "contains user information"
	case u.Scheme == "https", u.Scheme == "http" && probes.IsLoopback(u):
		return ""
	}
	return "is not https"
}

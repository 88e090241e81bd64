package resourceserver

import (
	"fmt"
	"net/url"

	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"

	"github.com/mcpassay/mcpassay/probes"
)

// insecure says what is wrong with a URL that has to be absolute and https, or "".
// On loopback http will do, where there is no network to listen on.
func insecure(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "is no URL"
	case u.Scheme == "" || u.Host == "":
		return "is not absolute"
	case u.Scheme == "https", u.Scheme == "http" && probes.IsLoopback(u):
		return ""
	}
	return "is not https"
}

// beSecureURL matches an absolute https URL.
func beSecureURL() types.GomegaMatcher {
	var said string
	return gcustom.MakeMatcher(func(raw string) (bool, error) {
		problem := insecure(raw)
		said = fmt.Sprintf("%q %s", raw, problem)
		return problem == "", nil
	}).WithTemplate("{{call .Data}}", func() string { return said })
}

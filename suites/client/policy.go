package client

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/suites"
)

// runsScripts tells whether a page with this header runs scripts that stand in it:
// of several policies each has to allow them (Content Security Policy Level 3,
// sections 4.2.3 and 6.7.3).
func runsScripts(h http.Header) bool {
	for _, line := range h.Values("Content-Security-Policy") {
		for policy := range strings.SplitSeq(line, ",") {
			if forbidsInline(policy) {
				return false
			}
		}
	}
	return true
}

// forbidsInline tells whether a policy keeps scripts within the page from running.
func forbidsInline(policy string) bool {
	directives := map[string][]string{}
	for directive := range strings.SplitSeq(policy, ";") {
		words := strings.Fields(strings.ToLower(directive))
		if len(words) == 0 {
			continue
		}
		if _, twice := directives[words[0]]; !twice { // the first one counts
			directives[words[0]] = words[1:]
		}
	}
	sources, restricted := directives["script-src-elem"]
	if !restricted {
		sources, restricted = directives["script-src"]
	}
	if !restricted {
		sources, restricted = directives["default-src"]
	}
	if !restricted {
		_, sandboxed := directives["sandbox"]
		return sandboxed && !slices.Contains(directives["sandbox"], "allow-scripts")
	}
	named := slices.ContainsFunc(sources, func(s string) bool {
		return strings.HasPrefix(s, "'nonce-") || strings.HasPrefix(s, "'sha") || s == "'strict-dynamic'"
	})
	return named || !slices.Contains(sources, "'unsafe-inline'")
}

var _ = Register(Check{
	ID: "client-web-csp", Title: "The pages of a web application let no script run that somebody put into them", Area: suites.SSRF,
	Level: suites.Should, Severity: suites.Low, Since: suites.V20260728, Cites: []suites.Cite{{Doc: practices, Section: "Content Security Policy"}},
	Covers: []string{"client-web-csp"}, Remedy: "Send Content-Security-Policy with a script-src without 'unsafe-inline'.",
	In: []*Situation{Sound}, Defects: []testclient.Defect{testclient.WebWithoutPolicy},
	Judge: func(t *Trace) Verdict {
		asked := t.Authorizations()
		if len(asked) == 0 {
			return notReached(noAuthorization)
		}
		for _, r := range asked {
			u, err := url.Parse(r.Params.Get("redirect_uri"))
			if err != nil || u.Scheme != "https" {
				continue // of a native application (RFC 8252, section 7)
			}
			switch page := t.Found[u.String()]; {
			case page == nil || page.Document == nil:
				return notReached("the page that the client is answered at could not be fetched from here")
			case runsScripts(page.Header):
				return fails("the page that the client is answered at has no policy that keeps scripts within it from running")
			default:
				return passes()
			}
		}
		return notApplicable("the client is no web application: it is answered on the user's machine")
	},
})

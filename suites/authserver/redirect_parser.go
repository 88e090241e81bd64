package authserver

import (
	"crypto/rand"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-parser-confusion",
	Title:    "A redirect URI that parsers read differently is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    append([]suites.Cite{{Doc: "OAuth 2.1", Section: "7.12"}}, exactly...),
	Since:    suites.V20250326,
	Covers:   []string{"redirect-parser-confusion"},
	Remedy:   compareStrings,
	Faults: []fault.Fault{
		fault.RedirectBackslash, fault.RedirectRelative, fault.RedirectNull, fault.RedirectList, fault.RedirectHostDelimiter,
		fault.RedirectControl, fault.RedirectTrimmed,
	},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient, backslashes, withoutAuthority, delimiters, lists, whitespace)
	},
})

var backslashes = family{title: "even if that is about backslashes", vary: func(p place) []probes.Diversion {
	return []probes.Diversion{
		ask("a backslash before the at sign", p.on(p.name+p.port+`\@`+attacker)),
		ask("backslashes after the scheme", p.scheme+`:\\`+attacker+p.path),
		ask("a backslash after the host", p.scheme+"://"+attacker+`\`+p.name+p.path),
	}
}}

var withoutAuthority = family{title: "even if it is about missing parts", vary: func(p place) []probes.Diversion {
	return []probes.Diversion{
		ask("no scheme", "//"+attacker+p.path),
		ask("three slashes", p.scheme+":///"+attacker+p.path),
		ask("no slashes", p.scheme+":"+attacker+p.path),
		ask("the path alone", p.path),
	}
}}

var delimiters = family{title: "even if it is about where the host ends", vary: func(p place) []probes.Diversion {
	return []probes.Diversion{
		ask("a semicolon", p.on(p.name+";."+attacker)),
		ask("brackets", p.scheme+"://["+p.name+"]@"+attacker+"/"),
		ask("an encoded NUL in the host", p.on(p.name+"%00."+attacker)),
		ask("a line break in the host", p.on(p.name+"\n."+attacker)),
		ask("a NUL behind it", p.String()+"\x00."+attacker),
		ask("an encoded NUL behind it", p.String()+"%00."+attacker),
	}
}}

var lists = family{title: "even if the registered one is the first of a list", vary: func(p place) []probes.Diversion {
	return []probes.Diversion{
		ask("separated by a comma", p.String()+",https://"+attacker),
		ask("separated by a space", p.String()+" https://"+attacker),
	}
}}

var whitespace = family{
	title:    "even if browsers would only drop some characters of it",
	harmless: "the redirect URI is not compared exactly, though it still leads to the same place",
	vary: func(p place) []probes.Diversion {
		uri := p.String()
		return []probes.Diversion{
			ask("a tab in the scheme", uri[:2]+"\t"+uri[2:]),
			ask("a space in front", " "+uri),
			ask("a space behind", uri+" "),
			ask("a line break behind", uri+"\n"),
		}
	},
}

// splitHeader is a header field that only a split response has.
const splitHeader = "X-Mcpassay-Split"

// lineBreaks are line breaks, and characters that a careless narrowing to bytes
// makes into them.
var lineBreaks = []string{"\r\n", "\n", "\u560d\u560a"}

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-header-injection",
	Title:    "Line breaks in a request do not get into the header of the redirect",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 6749", Section: "10.14"}, {Doc: "OAuth 2.1", Section: "7.12"}, {Doc: "RFC 9110", Section: "5.5"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-crlf"},
	Remedy:   "Encode every parameter of the authorization response, and build the response with a library that refuses line breaks in header fields.",
	Faults:   []fault.Fault{fault.RedirectHeaderSplit},
	Specs: func(d *probes.Deployment) {
		tried := d.Divert(d.RedirectClient, func(c *probes.Client) []probes.Diversion {
			var all []probes.Diversion
			for _, br := range lineBreaks {
				injected := br + splitHeader + ": 1" + br + "X-Rest: "
				all = append(all,
					probes.Diversion{Name: "a line break in redirect_uri", URI: c.RedirectURI + injected},
					probes.Diversion{Name: "a line break in state", URI: c.RedirectURI, Request: []probes.Mutation{probes.With("state", rand.Text()+injected)}})
			}
			return all
		})

		It("whether in redirect_uri or in state", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, v := range all {
				if v.Err == nil && split(v.Authorization.Landing) {
					Fail("the response to " + v.Name + " had a header field of our making")
				}
			}
			for _, v := range all {
				if v.Err != nil {
					suites.Hindered(d, v.Name, v.Err)
				}
			}
		})
	},
})

// split tells whether any answer had the header field that we put into the request.
func split(l *probes.Landing) bool {
	headers := make([]http.Header, 0, len(l.Steps)+len(l.Pages))
	for _, step := range l.Steps {
		headers = append(headers, step.Header)
	}
	for _, page := range l.Pages {
		headers = append(headers, page.Header)
	}
	for _, h := range headers {
		if h.Get(splitHeader) != "" {
			return true
		}
	}
	return false
}

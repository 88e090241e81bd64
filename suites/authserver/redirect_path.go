package authserver

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-path",
	Title:    "A redirect URI with another path is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    append([]suites.Cite{{Doc: "RFC 9700", Section: "4.1.1"}}, exactly...),
	Since:    suites.V20250326,
	Covers:   []string{"redirect-path-change"},
	Remedy:   compareStrings,
	Faults: []fault.Fault{
		fault.RedirectPath, fault.RedirectPathCase, fault.RedirectTrailingSlash, fault.RedirectPrefix, fault.RedirectParent,
		fault.RedirectMatrix, fault.RedirectSlashes,
	},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient,
			family{title: "even if many servers would serve the same there", vary: func(p place) []probes.Diversion {
				slash := p.path + "/"
				if strings.HasSuffix(p.path, "/") {
					slash = strings.TrimSuffix(p.path, "/")
				}
				return []probes.Diversion{
					ask("upper case", p.under(strings.ToUpper(p.path))),
					ask("a slash more or less at the end", p.under(slash)),
					ask("a doubled slash", p.under("/"+p.path)),
					ask("a path parameter", p.under(p.path+";x=1")),
				}
			}},
			family{title: "even if it begins with the registered one", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{ask("a folder deeper", p.under(p.path+"/evil")), ask("a longer name", p.under(p.path+"evil"))}
			}},
			family{title: "even if the registered one begins with it", vary: func(p place) []probes.Diversion {
				above := p.path[:strings.LastIndex("/"+strings.TrimSuffix(p.path, "/"), "/")]
				return []probes.Diversion{
					ask("the folder above", p.under(strings.TrimSuffix(above, "/")+"/")), ask("the root", p.under("/")), ask("no path", p.under("")),
				}
			}},
		)
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-traversal",
	Title:    "A redirect URI with dot segments is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    exactly,
	Since:    suites.V20250326,
	Covers:   []string{"redirect-path-traversal"},
	Remedy:   compareStrings,
	Faults:   []fault.Fault{fault.RedirectTraversal, fault.RedirectDotSegments},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient,
			family{title: "even if it begins with the registered path", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{
					ask("plain", p.under(p.path+"/../../evil")),
					ask("encoded dots", p.under(p.path+"/%2e%2e/evil")),
					ask("an encoded slash", p.under(p.path+"/..%2fevil")),
					ask("encoded twice", p.under(p.path+"/%252e%252e%252fevil")),
					ask("a backslash", p.under(p.path+`/..\evil`)),
					ask("overlong UTF-8", p.under(p.path+"/%c0%ae%c0%ae/evil")),
				}
			}},
			family{
				title:    "even if they lead back to the registered path",
				harmless: "the path is not compared exactly, though it still leads to the same place",
				vary: func(p place) []probes.Diversion {
					return []probes.Diversion{
						ask("a segment of one dot", p.under("/."+p.path)), ask("a segment of two dots", p.under("/x/.."+p.path)),
					}
				},
			},
		)
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-percent-encoding",
	Title:    "A redirect URI that is the registered one only when decoded is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    exactly,
	Since:    suites.V20250326,
	Covers:   []string{"redirect-percent-encoding"},
	Remedy:   compareStrings,
	Faults:   []fault.Fault{fault.RedirectDecoded},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient,
			family{title: "whichever part of it is encoded", vary: func(p place) []probes.Diversion {
				all := []probes.Diversion{
					ask("a letter of the host", p.on(encodeFirst(p.name))),
					ask("all of it, once more than needed", url.QueryEscape(p.String())),
				}
				if len(p.path) > 1 {
					all = append(all,
						ask("a letter of the path", p.under("/"+encodeFirst(p.path[1:]))),
						ask("the slash of the path", p.under("%2F"+p.path[1:])),
						ask("a letter of the path, twice", p.under("/"+strings.Replace(encodeFirst(p.path[1:]), "%", "%25", 1))))
				}
				return all
			}},
		)
	},
})

// encodeFirst percent-encodes the first character, which needs no encoding.
func encodeFirst(s string) string {
	if s == "" {
		return s
	}
	return fmt.Sprintf("%%%02x%s", s[0], s[1:])
}

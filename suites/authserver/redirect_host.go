package authserver

import (
	"strings"

	"golang.org/x/net/idna"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// attacker is a host of which no client says anything.
const attacker = "attacker.test"

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-scheme",
	Title:    "A redirect URI with another scheme is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    append([]suites.Cite{{Doc: "RFC 9700", Section: "2.6"}}, exactly...),
	Since:    suites.V20250326,
	Covers:   []string{"redirect-scheme-change"},
	Remedy:   compareStrings,
	Faults:   []fault.Fault{fault.RedirectScheme, fault.RedirectSchemeCase},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient,
			family{title: "even if host and path are the registered ones", vary: func(p place) []probes.Diversion {
				other := "http"
				if p.scheme == "http" {
					other = "https"
				}
				return []probes.Diversion{
					ask(other+" instead of "+p.scheme, p.by(other)),
					ask("a scheme of somebody's application", p.by("com.attacker.app")),
					ask("a scheme that runs scripts", p.by("javascript")+"%0aalert(1)"),
				}
			}},
			family{
				title:    "even if only its case differs",
				harmless: "the scheme is not compared exactly, though it still leads to the same place",
				vary: func(p place) []probes.Diversion {
					return []probes.Diversion{ask("the scheme in upper case", p.by(strings.ToUpper(p.scheme)))}
				},
			},
		)
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-host-spelling",
	Title:    "A redirect URI whose host is spelt otherwise is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    exactly,
	Since:    suites.V20250326,
	Covers:   []string{"redirect-host-spelling"},
	Remedy:   compareStrings,
	Needs:    []suites.Need{httpsRedirect},
	Faults:   []fault.Fault{fault.RedirectHostCase, fault.RedirectHostDot, fault.RedirectDefaultPort},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient,
			family{title: "even if the name server knows it by both names", vary: func(p place) []probes.Diversion {
				first, rest, _ := strings.Cut(p.name, ".")
				return []probes.Diversion{
					ask("upper case", p.on(strings.ToUpper(first)+"."+rest)),
					ask("a dot at the end", p.on(p.name+".")),
				}
			}},
			family{
				title:    "even if only the default port is spelt out",
				harmless: "the port is not compared exactly, though it still leads to the same place",
				vary: func(p place) []probes.Diversion {
					if p.port != "" {
						return nil
					}
					return []probes.Diversion{ask("the default port", p.at(":443")), ask("an empty port", p.at(":"))}
				},
			},
		)
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-host-lookalike",
	Title:    "A redirect URI on a host that resembles the registered one is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    append([]suites.Cite{{Doc: "RFC 9700", Section: "4.1.1"}}, exactly...),
	Since:    suites.V20250326,
	Covers:   []string{"redirect-host-lookalike", "proxy-redirect-uri-exact"},
	Remedy:   compareStrings,
	Needs:    []suites.Need{httpsRedirect},
	Faults: []fault.Fault{
		fault.RedirectHostBeginning, fault.RedirectHostEnd, fault.RedirectSubdomain, fault.RedirectSibling, fault.RedirectContains,
	},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient,
			family{title: "even if it begins with that", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{
					ask("continued by another domain", p.on(p.name+"."+attacker)),
					ask("continued within a label", p.on(p.name+"ing."+attacker)),
				}
			}},
			family{title: "even if it ends with that", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{ask("a subdomain", p.on("evil."+p.name)), ask("a longer label", p.on("evil"+p.name))}
			}},
			family{title: "even if they share a parent domain", vary: func(p place) []probes.Diversion {
				if p.parent() == "" {
					return nil
				}
				return []probes.Diversion{ask("the parent domain", p.on(p.parent())), ask("a sibling", p.on("sibling."+p.parent()))}
			}},
			family{title: "even if the registered URI stands somewhere in it", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{
					ask("in the path", p.scheme+"://"+attacker+"/"+p.name+p.port+p.path),
					ask("in the query", p.scheme+"://"+attacker+"/?"+p.String()),
				}
			}},
		)
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-userinfo",
	Title:    "A redirect URI with user information is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    exactly,
	Since:    suites.V20250326,
	Covers:   []string{"redirect-userinfo"},
	Remedy:   compareStrings,
	Needs:    []suites.Need{httpsRedirect},
	Faults:   []fault.Fault{fault.RedirectUserinfo, fault.RedirectUserinfoHost},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient,
			family{title: "even if it looks like the registered host", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{
					ask("the host as user", p.scheme+"://"+p.name+"@"+attacker+p.path),
					ask("the host as user with a password", p.scheme+"://"+p.name+":443@"+attacker+p.path),
					ask("an encoded at sign", p.scheme+"://"+p.name+"%40"+attacker+p.path),
				}
			}},
			family{title: "even if the host is the registered one", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{ask("a user", p.on("x@"+p.name))}
			}},
		)
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-port",
	Title:    "A redirect URI with another port of a host that is not loopback is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    exactly,
	Since:    suites.V20250326,
	Covers:   []string{"redirect-port-change"},
	Remedy:   compareStrings + " Let the port vary for http on 127.0.0.1, [::1] and perhaps localhost only.",
	Needs:    []suites.Need{httpsRedirect},
	Faults:   []fault.Fault{fault.RedirectPort},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient,
			family{title: "whichever port that is", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{
					ask("port 8443", p.at(":8443")), ask("port 444", p.at(":444")), ask("port 0", p.at(":0")),
				}
			}},
		)
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-homograph",
	Title:    "A redirect URI with characters that look like the registered ones is refused",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    exactly,
	Since:    suites.V20250326,
	Covers:   []string{"redirect-homograph"},
	Remedy:   compareStrings,
	Needs:    []suites.Need{httpsRedirect},
	Faults:   []fault.Fault{fault.RedirectHomograph},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.RedirectClient, family{title: "in the host or in the path", vary: homographs})
	},
})

// homographs puts other characters, or others for the same, into host and path.
func homographs(p place) []probes.Diversion {
	last := strings.LastIndex(p.name, ".")
	if last < 1 {
		return nil
	}
	dot := func(c string) string { return p.on(p.name[:last] + c + p.name[last+1:]) }
	all := []probes.Diversion{
		ask("a full-width dot", dot("\uff0e")),
		ask("an ideographic full stop", dot("\u3002")),
		ask("a soft hyphen", p.on(p.name[:1]+"\u00ad"+p.name[1:])),
		ask("a full-width at sign", p.on(p.name+"\uff20"+attacker)),
	}
	if cyrillic := strings.Replace(p.name, "e", "\u0435", 1); cyrillic != p.name {
		all = append(all, ask("a Cyrillic letter", p.on(cyrillic)))
		if encoded, err := idna.Punycode.ToASCII(cyrillic); err == nil {
			all = append(all, ask("a Cyrillic letter, encoded for the name system", p.on(encoded)))
		}
	}
	if wide := widened(p.path); wide != p.path {
		all = append(all, ask("a full-width letter in the path", p.under(wide)))
	}
	return all
}

// widened replaces the last letter of a path by its full-width form.
func widened(path string) string {
	if n := len(path) - 1; n > 0 && path[n] >= 'a' && path[n] <= 'z' {
		return path[:n] + string(rune(path[n])+'\uff41'-'a')
	}
	return path
}

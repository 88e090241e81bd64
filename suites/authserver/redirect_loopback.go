package authserver

import (
	"context"
	"errors"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// otherPort is the port that an application got from its system, which is not
// the registered one.
const otherPort = ":50247"

// onOtherPort is the client's redirect URI with that port.
func onOtherPort(c *probes.Client) string { return placeOf(c).at(otherPort) }

// portVaries judges whether a client was answered at another port.
func portVaries(ctx context.Context, tried *probes.Future[*probes.Attempt]) {
	GinkgoHelper()
	a, err := tried.Await(ctx)
	if missing := (*probes.NotRegistered)(nil); errors.As(err, &missing) {
		suites.NotApplicable("%v", missing)
	}
	Expect(err).NotTo(HaveOccurred())
	asked := a.Authorization.Request.RedirectURI()
	if !a.Authorization.AnsweredAt(asked) {
		Fail("asked for " + asked + ": " + a.Authorization.Ended())
	}
	Expect(a).To(suites.BeAccepted())
}

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-loopback-port",
	Title:    "The port of a loopback redirect URI may be any",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 8252", Section: "7.3"}, {Doc: "OAuth 2.1", Section: "2.3.1, 8.4.2"}, {Doc: "RFC 9700", Section: "4.1.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-loopback-port-allowed", "as-redirect-loopback-any-port"},
	Remedy:   "When both the registered and the requested redirect URI are http on the same loopback address, leave their ports out of the comparison and answer at the requested one; native applications listen on whichever port is free.",
	Faults:   []fault.Fault{fault.LoopbackPortFixed, fault.LoopbackPortRegistered, fault.LoopbackIPv6Fixed},
	Specs: func(d *probes.Deployment) {
		registered := func(uri string) probes.ClientOf {
			return func(ctx context.Context) (*probes.Client, error) { return d.WithRedirects(ctx, "native", uri) }
		}
		v4 := d.TryRedirect(d.LoopbackClient, onOtherPort)
		v6 := d.TryRedirect(registered("http://[::1]:47813/six"), onOtherPort)
		bare := d.TryRedirect(registered("http://127.0.0.1/callback"), onOtherPort)

		It("on 127.0.0.1", func(ctx SpecContext) { portVaries(ctx, v4) })
		It("on [::1]", func(ctx SpecContext) { portVaries(ctx, v6) })
		It("also if none was registered", func(ctx SpecContext) { portVaries(ctx, bare) })
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-localhost-port",
	Title:    "The port of a redirect URI on the name localhost may be any",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{{Doc: "RFC 9700", Section: "2.1"}, {Doc: "RFC 8252", Section: "7.3, 8.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-localhost-name-port"},
	Remedy:   "Both answers are legal, but several MCP clients register the name and listen on a port of their own: give it the freedom that 127.0.0.1 has.",
	Needs:    []suites.Need{suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.LoopbackNameFixed},
	Specs: func(d *probes.Deployment) {
		named := d.TryRedirect(func(ctx context.Context) (*probes.Client, error) {
			return d.WithRedirects(ctx, "native", "http://localhost:47813/named")
		}, onOtherPort)

		It("where the name is accepted at all", func(ctx SpecContext) { portVaries(ctx, named) })
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-loopback-exact",
	Title:    "Nothing but the port of a loopback redirect URI may differ",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "2.3.1"}, {Doc: "RFC 8252", Section: "7.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-loopback-rest-exact"},
	Remedy:   "Cut the port out of both loopback URIs and compare what is left as strings; do not compare parsed parts, and do not take one name of the loopback host for another.",
	Faults: []fault.Fault{
		fault.LoopbackPath, fault.LoopbackQuery, fault.LoopbackScheme, fault.LoopbackHosts, fault.LoopbackNumbers, fault.LoopbackBeginning,
	},
	Specs: func(d *probes.Deployment) {
		refuses(d, d.LoopbackClient, loopbackRest, loopbackNames, loopbackLookalikes)
	},
})

var loopbackRest = family{title: "neither scheme nor path nor query", vary: func(p place) []probes.Diversion {
	p.port = otherPort
	return []probes.Diversion{
		ask("another path", p.under("/elsewhere")), ask("a query", p.String()+"?x=1"), ask("https", p.by("https")),
	}
}}

var loopbackNames = family{title: "nor the host, even if it is loopback by another name", vary: func(p place) []probes.Diversion {
	p.port = otherPort
	return []probes.Diversion{
		ask("localhost", p.on("localhost")),
		ask("IPv6", p.on("[::1]")),
		ask("another address of the loopback network", p.on("127.0.0.2")),
		ask("the address as a number", p.on("2130706433")),
		ask("the address abbreviated", p.on("127.1")),
		ask("the address mapped into IPv6", p.on("[::ffff:127.0.0.1]")),
		ask("the unspecified address", p.on("0.0.0.0")),
	}
}}

var loopbackLookalikes = family{title: "nor the host, even if it begins like loopback", vary: func(p place) []probes.Diversion {
	return []probes.Diversion{
		ask("as user information", p.scheme+"://"+p.name+otherPort+"@"+attacker+p.path),
		ask("as a subdomain", p.scheme+"://"+p.name+"."+attacker+otherPort+p.path),
	}
}}

// privateRedirect is a redirect URI with a private-use scheme.
const privateRedirect = "com.mcpassay.app:/callback"

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-private-scheme-exact",
	Title:    "A redirect URI with a private-use scheme is compared exactly",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 8252", Section: "7.1, 8.4"}, {Doc: "OAuth 2.1", Section: "8.4.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"redirect-private-scheme-exact"},
	Remedy:   compareStrings,
	Needs:    []suites.Need{suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.PrivateSchemeBeginning, fault.PrivateSchemeCase, fault.PrivateSchemePath},
	Specs: func(d *probes.Deployment) {
		app := func(ctx context.Context) (*probes.Client, error) {
			return d.WithRedirects(ctx, "native", privateRedirect)
		}
		refuses(d, app,
			family{title: "even if the scheme begins alike", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{
					ask("continued", p.by(p.scheme+".evil")), ask("cut short", p.by(p.scheme[:strings.LastIndex(p.scheme, ".")])),
				}
			}},
			family{title: "even if only the case of the scheme differs", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{ask("upper case", p.by(strings.ToUpper(p.scheme)))}
			}},
			family{title: "even if the scheme is the registered one", vary: func(p place) []probes.Diversion {
				return []probes.Diversion{ask("a host instead of a path", p.scheme+":/"+p.path), ask("a longer path", p.under(p.path+"/x"))}
			}},
		)
	},
})

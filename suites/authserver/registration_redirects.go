package authserver

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// A badRedirect is a registration that has to be refused for its redirect URIs.
type badRedirect struct {
	name string
	uris any    // the member redirect_uris as sent
	kind string // the member application_type; empty: native
}

func uri(name, value string) badRedirect { return badRedirect{name: name, uris: []string{value}} }

// An enrolment is what came of such a registration. If one of the redirect URIs
// was stored, it also went through flows.
type enrolment struct {
	badRedirect
	*probes.Registration
	kept     []string              // redirect URIs that the server stored as they were sent
	approved *probes.Authorization // nil if none was stored, or if the flow could not be followed
	denied   *probes.Authorization // the same, but the user refuses
	lost     error                 // why a flow could not be followed
}

// tryRedirects registers clients with each of the redirect URIs. With those that
// the server stores, it goes on to the authorization endpoint.
func tryRedirects(d *probes.Deployment, turn probes.Turn, table ...badRedirect) *probes.Future[[]enrolment] {
	return probes.Start(d, func(ctx context.Context) ([]enrolment, error) { return enrol(ctx, d, turn, table...) })
}

func enrol(ctx context.Context, d *probes.Deployment, turn probes.Turn, table ...badRedirect) ([]enrolment, error) {
	changes := make([]map[string]any, len(table))
	for i, bad := range table {
		changes[i] = map[string]any{"redirect_uris": bad.uris}
		if bad.kind != "" {
			changes[i]["application_type"] = bad.kind
		}
	}
	registrations, err := d.RegisterBetween(ctx, turn, changes...)
	if err != nil {
		return nil, err
	}
	all := make([]enrolment, len(table))
	for i, r := range registrations {
		all[i] = enrolment{badRedirect: table[i], Registration: r}
		if all[i].kept = kept(table[i].uris, r); len(all[i].kept) > 0 {
			all[i].follow(wire.For(ctx, "attack"), d)
		}
	}
	return all, ctx.Err()
}

// kept are the redirect URIs that the server says it stored. One that says
// nothing stored what it was asked to (RFC 7591, section 3.2.1). Dropping or
// repairing a bad one is as good as a refusal.
func kept(sent any, r *probes.Registration) []string {
	if r.Client == nil {
		return nil
	}
	uris, ok := sent.([]string)
	if !ok {
		uris = []string{fmt.Sprint(sent)}
	}
	echoed, said := r.Document.Strings("redirect_uris")
	if !said {
		return uris
	}
	return slices.DeleteFunc(echoed, func(e string) bool {
		return !slices.ContainsFunc(uris, func(u string) bool { return bare(u) == bare(e) })
	})
}

// bare is a URI as a lenient reader sees it.
func bare(uri string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return -1
		}
		return r
	}, uri))
}

// follow takes the client through an authorization request that the user agrees
// to, and one that the user refuses.
func (e *enrolment) follow(ctx context.Context, d *probes.Deployment) {
	visit := func(deny bool) *probes.Authorization {
		r, err := d.NewRequest(ctx, e.Client, probes.With("redirect_uri", e.kept[0]))
		if err != nil {
			e.lost = err
			return nil
		}
		r.Deny = deny
		a, err := d.Authorize(ctx, r)
		if err != nil {
			e.lost = err
		}
		return a
	}
	e.approved, e.denied = visit(false), visit(true)
}

// reached tells whether the user agent was sent to one of the URIs.
func (e *enrolment) reached(a *probes.Authorization) bool {
	if a == nil || !a.Redirected() {
		return false
	}
	return slices.ContainsFunc(e.kept, func(uri string) bool {
		u, err := url.Parse(bare(uri))
		return err == nil && strings.EqualFold(u.Scheme, a.Landing.Redirect.Scheme) && strings.EqualFold(u.Host, a.Landing.Redirect.Host)
	})
}

// named lists those enrolments for which the judgement is true.
func named(all []enrolment, judge func(*enrolment) bool) (names []string) {
	for i := range all {
		if judge(&all[i]) {
			names = append(names, all[i].name)
		}
	}
	return names
}

// enrolled asserts that a family was tried, and notes what is unusual about the
// answers.
func enrolled(d *probes.Deployment, all []enrolment, err error) []enrolment {
	GinkgoHelper()
	Expect(err).NotTo(HaveOccurred())
	for i := range all {
		switch e := &all[i]; {
		case e.Client != nil && len(e.kept) == 0:
			d.Note("%s: registered without that redirect URI", e.name)
		case e.Client != nil && e.lost != nil:
			d.Note("%s: the flow could not be followed: %v", e.name, e.lost)
		case e.Client == nil && e.Response.Status >= http.StatusInternalServerError:
			d.Note("%s: refused with %d", e.name, e.Response.Status)
		}
	}
	return all
}

// screened ends an assertion that would pass only because something in front of
// the server, such as a firewall, answered in its place.
func screened(d *probes.Deployment, all []enrolment) {
	stopped := named(all, func(e *enrolment) bool {
		status := e.Response.Status
		return e.Client == nil && e.Document == nil && (status == http.StatusForbidden || status == http.StatusNotAcceptable)
	})
	if len(stopped) > 0 {
		suites.Undecided(d, reports.Edge, "it looks as if a firewall answered the registrations: %s", strings.Join(stopped, "; "))
	}
}

var scriptRedirects = []badRedirect{
	uri("javascript", "javascript:alert(1)//"),
	uri("javascript in mixed case", "JaVaScRiPt:alert(1)//"),
	uri("javascript with a tab in it", "java\tscript:alert(1)//"),
	uri("javascript that looks like loopback", "javascript://127.0.0.1/%0aalert(1)"),
	uri("data", "data:text/html,<script>alert(1)</script>"),
	uri("vbscript", "vbscript:msgbox(1)"),
	{name: "one of blob, filesystem, file, about and view-source", uris: []string{
		"blob:https://client.mcpassay.example/1", "filesystem:https://client.mcpassay.example/1",
		"file:///etc/passwd", "about:blank", "view-source:https://client.mcpassay.example/",
	}},
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-script-redirects",
	Title:    "Redirect URIs that run scripts or open local data are refused",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9700", Section: "2.6, 4.11.2"}, {Doc: "RFC 7591", Section: "5"}, {Doc: "OAuth 2.1", Section: "7.12"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-script-schemes", "as-dcr-redirect-uris-safe"},
	Remedy: "Parse every redirect URI as browsers do and allow schemes from a list: https, http on loopback, and private-use schemes " +
		"that are domain names in reverse. Check again before you redirect or write the URI into a page.",
	Needs:  []suites.Need{openRegistration},
	Faults: []fault.Fault{fault.RegisterScript, fault.RegisterScriptCase, fault.RegisterScriptControl},
	Specs: func(d *probes.Deployment) {
		probe := tryRedirects(d, probes.First, scriptRedirects...)

		It("so that the user's approval leads to none", func(ctx SpecContext) {
			all, err := probe.Await(ctx)
			enrolled(d, all, err)
			sent := named(all, func(e *enrolment) bool { return e.reached(e.approved) })
			Expect(sent).To(BeEmpty(), "clients were registered with these redirect URIs, and the user agent was sent there")
			if stored := named(all, func(e *enrolment) bool { return len(e.kept) > 0 }); len(stored) > 0 {
				suites.Warn("registered, though the user agent was not sent there: %s", strings.Join(stored, "; "))
			}
			screened(d, all)
		})
		It("nor does the user's refusal", func(ctx SpecContext) {
			all, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(named(all, func(e *enrolment) bool { return e.reached(e.denied) })).To(BeEmpty(),
				"the user refused, and the user agent was sent to these redirect URIs")
			screened(d, all)
		})
	},
})

// leaked tells whether a code was sent to another machine.
func (e *enrolment) leaked() bool {
	return e.approved != nil && e.approved.Code != "" && !probes.IsLoopback(e.approved.Landing.Redirect)
}

// cleartext registers for http on a public host, as a native application and as
// one on the web: servers have other rules for those.
func cleartext(d *probes.Deployment) func(context.Context) ([]enrolment, error) {
	return probes.Once(d, "cleartext redirect", func(ctx context.Context) ([]enrolment, error) {
		const remote = "http://client.mcpassay.example/callback"
		return enrol(ctx, d, probes.First, uri("http on a public host", remote),
			badRedirect{name: "http on a public host, for a web application", uris: []string{remote}, kind: "web"})
	}).Get
}

// tryLoopback registers native applications at what may be taken for loopback.
// Where codes go in the clear to any host, nothing is, and there is nothing to
// find out.
func tryLoopback(d *probes.Deployment, turn probes.Turn, table ...badRedirect) *probes.Future[[]enrolment] {
	return probes.Start(d, func(ctx context.Context) ([]enrolment, error) {
		remote, err := cleartext(d)(ctx)
		if err != nil || remote[0].leaked() {
			return nil, err
		}
		return enrol(ctx, d, turn, table...)
	})
}

// takenForLoopback are the enrolments of tryLoopback.
func takenForLoopback(d *probes.Deployment, all []enrolment, err error) []enrolment {
	GinkgoHelper()
	if enrolled(d, all, err) == nil {
		suites.NotApplicable("codes go in the clear to any host, so nothing has to be taken for loopback")
	}
	return all
}

// delivered judges a family whose members do harm once a code is sent there.
func delivered(d *probes.Deployment, all []enrolment) {
	GinkgoHelper()
	Expect(named(all, (*enrolment).leaked)).To(BeEmpty(), "clients were registered with these redirect URIs, and codes were sent there")
	if stored := named(all, func(e *enrolment) bool { return len(e.kept) > 0 }); len(stored) > 0 {
		d.Note("registered, though no code was sent there: %s", strings.Join(stored, "; "))
	}
	screened(d, all)
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-cleartext-redirects",
	Title:    "No code is sent in the clear to another machine",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites: []suites.Cite{
		{Doc: "RFC 9700", Section: "2.6"}, {Doc: "OAuth 2.1", Section: "1.5, 8.4.2"},
		{Doc: "MCP 2026-07-28", Section: "Authorization, Communication Security"},
	},
	Since:  suites.V20250326,
	Covers: []string{"dcr-cleartext-redirect", "as-dcr-redirect-uris-safe"},
	Remedy: "Register http redirect URIs for 127.0.0.1, [::1] and localhost only; everything else needs https.",
	Needs:  []suites.Need{openRegistration},
	Faults: []fault.Fault{fault.RegisterCleartext, fault.RegisterUnspecified},
	Specs: func(d *probes.Deployment) {
		remote := probes.Start(d, cleartext(d))
		unspecified := tryLoopback(d, probes.Last, uri("http on 0.0.0.0", "http://0.0.0.0:47813/callback"))

		It("whose http redirect URI was registered", func(ctx SpecContext) {
			all, err := remote.Await(ctx)
			delivered(d, enrolled(d, all, err))
		})
		It("nor to the unspecified address", func(ctx SpecContext) {
			all, err := unspecified.Await(ctx)
			all = takenForLoopback(d, all, err)
			for i := range all {
				if a := all[i].approved; a != nil && a.Code != "" {
					suites.Warn("%s is taken for loopback; where it leads depends on the system", a.To())
				}
			}
			screened(d, all)
		})
	},
})

var registeredLookalikes = []badRedirect{
	uri("a host that begins with 127.0.0.1", "http://127.0.0.1.client.mcpassay.example/callback"),
	uri("a host that begins with localhost", "http://localhost.client.mcpassay.example/callback"),
	uri("loopback before an @", "http://127.0.0.1:80@client.mcpassay.example/callback"),
	uri("loopback after a backslash and an @", `http://client.mcpassay.example\@127.0.0.1/callback`),
	uri("loopback in the query", "http://client.mcpassay.example/callback?at=http://localhost/"),
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-loopback-lookalikes",
	Title:    "What only looks like loopback is not taken for it",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 8252", Section: "7.3"}, {Doc: "RFC 9700", Section: "4.1.3"}, {Doc: "OAuth 2.1", Section: "8.4.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-loopback-lookalikes"},
	Remedy:   "Decide whether a redirect URI is loopback on the parsed host, compared whole; never by how the text begins or what it contains.",
	Needs:    []suites.Need{openRegistration},
	Faults:   []fault.Fault{fault.RegisterLoopbackText, fault.RegisterLoopbackWithin},
	Specs: func(d *probes.Deployment) {
		probe := tryLoopback(d, probes.First, registeredLookalikes...)

		It("when a client registers it", func(ctx SpecContext) {
			all, err := probe.Await(ctx)
			delivered(d, takenForLoopback(d, all, err))
		})
	},
})

var unsoundRedirects = []badRedirect{
	uri("a fragment", "https://client.mcpassay.example/callback#fragment"),
	uri("white space and a line break", "https://client.mcpassay.example/call back\r\nX: y"),
	{name: "an empty list", uris: []string{}},
}

// doubtfulRedirects are not forbidden, but no server should want them.
var doubtfulRedirects = []badRedirect{
	uri("user information", "https://user:password@client.mcpassay.example/callback"),
	uri("a scheme that is no domain name in reverse", "mcpassayapp:/callback"),
	{name: "a string instead of a list", uris: probes.LoopbackRedirect},
}

var _ = suites.Register(suites.Check{
	ID:       "as-dcr-malformed-redirects",
	Title:    "Only absolute, plain redirect URIs are registered",
	Role:     suites.AS,
	Area:     suites.Registration,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "2.3, 2.3.1, 8.4.3"}, {Doc: "RFC 7591", Section: "2, 3.2.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"dcr-malformed-redirects", "as-dcr-redirect-uris-safe", "as-redirect-private-scheme"},
	Remedy: "Refuse redirect URIs that are relative, have a fragment, user information, white space or control characters, or a scheme " +
		"without a dot, and registrations for the code flow without any.",
	Needs: []suites.Need{openRegistration},
	Faults: []fault.Fault{
		fault.RegisterRelative, fault.RegisterFragment, fault.RegisterUserinfo, fault.RegisterCharacters, fault.RegisterNone,
		fault.RegisterTextForArray, fault.RegisterSchemeDotless,
	},
	Specs: func(d *probes.Deployment) {
		relative := probes.Start(d, malformed(d))
		probe := tryRedirects(d, probes.Then, unsoundRedirects...)
		doubtful := tryRedirects(d, probes.Last, doubtfulRedirects...)

		It("and not a relative one", func(ctx SpecContext) {
			r, err := relative.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(kept([]string{"/callback"}, r)).To(BeEmpty(), "the redirect URI was registered")
		})
		It("and none that is no URI, or none at all", func(ctx SpecContext) {
			all, err := probe.Await(ctx)
			enrolled(d, all, err)
			Expect(named(all, (*enrolment).unsound)).To(BeEmpty(), "clients were registered with these redirect_uris")
			screened(d, all)
		})
		It("and none that invites confusion", func(ctx SpecContext) {
			all, err := doubtful.Await(ctx)
			enrolled(d, all, err)
			if stored := named(all, func(e *enrolment) bool { return len(e.kept) > 0 }); len(stored) > 0 {
				suites.Warn("registered: %s", strings.Join(stored, "; "))
			}
			screened(d, all)
		})
	},
})

// unsound tells whether a client was registered with a redirect URI as it was
// sent, or for the code flow without any.
func (e *enrolment) unsound() bool {
	if e.Client == nil || len(e.kept) > 0 {
		return e.Client != nil
	}
	echoed, _ := e.Document.Strings("redirect_uris")
	grants, said := e.Document.Strings("grant_types")
	return len(echoed) == 0 && (!said || slices.Contains(grants, "authorization_code"))
}

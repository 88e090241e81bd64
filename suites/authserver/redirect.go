package authserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// exactly is where exact comparison of redirect URIs is required.
var exactly = []suites.Cite{
	{Doc: "OAuth 2.1", Section: "2.3.1"}, {Doc: "RFC 9700", Section: "2.1, 4.1.3"}, {Doc: "RFC 3986", Section: "6.2.1"},
	{Doc: "MCP 2026-07-28", Section: "Authorization Security Considerations, Open Redirection"},
}

// compareStrings is the remedy for everything that is not an exact comparison.
const compareStrings = "Compare the redirect_uri of the request, as it was sent, with each registered one as strings, character by character, before anything else is done with the request; " +
	"show an error page if none is equal. Do not parse, decode, normalise or complete either of them first."

// A place is a redirect URI in parts, to be put together otherwise.
type place struct {
	scheme, name, port, path string // port with its colon
}

// placeOf takes the client's redirect URI apart. Its query is left out.
func placeOf(c *probes.Client) place {
	uri, _, _ := strings.Cut(c.RedirectURI, "?")
	scheme, rest, web := strings.Cut(uri, "://")
	if !web {
		scheme, path, _ := strings.Cut(uri, ":")
		return place{scheme: scheme, path: path}
	}
	p := place{scheme: scheme, name: rest}
	if i := strings.Index(rest, "/"); i >= 0 {
		p.name, p.path = rest[:i], rest[i:]
	}
	if i := strings.LastIndex(p.name, ":"); i > strings.LastIndex(p.name, "]") {
		p.name, p.port = p.name[:i], p.name[i:]
	}
	return p
}

func (p place) String() string {
	if p.name == "" {
		return p.scheme + ":" + p.path
	}
	return p.scheme + "://" + p.name + p.port + p.path
}

func (p place) by(scheme string) string {
	p.scheme = scheme
	return p.String()
}

func (p place) on(name string) string {
	p.name = name
	return p.String()
}

func (p place) at(port string) string {
	p.port = port
	return p.String()
}

func (p place) under(path string) string {
	p.path = path
	return p.String()
}

// parent is the domain above the host, if it is one that others could have.
func (p place) parent() string {
	_, parent, _ := strings.Cut(p.name, ".")
	if !strings.Contains(parent, ".") {
		return ""
	}
	return parent
}

// ask asks for a redirect URI that is not registered.
func ask(name, uri string) probes.Diversion { return probes.Diversion{Name: name, URI: uri} }

// A family is several wrong spellings of a redirect URI that one assertion judges.
type family struct {
	title    string // completes the title of the check
	harmless string // why getting through is no more than a warning; empty: it is a failure
	vary     func(place) []probes.Diversion
}

// refuses declares an assertion for each family: nothing is sent to any redirect
// URI of the family. All share one pair of controls.
func refuses(d *probes.Deployment, client probes.ClientOf, families ...family) {
	tried := d.Divert(client, func(c *probes.Client) []probes.Diversion {
		var all []probes.Diversion
		for _, f := range families {
			for _, v := range f.vary(placeOf(c)) {
				v.Kind = f.title
				if !slices.Contains(c.RedirectURIs, v.URI) || v.Request != nil {
					all = append(all, v)
				}
			}
		}
		return all
	})
	for _, f := range families {
		It(f.title, func(ctx SpecContext) { nowhere(ctx, d, tried, f) })
	}
}

// nowhere judges one family.
func nowhere(ctx context.Context, d *probes.Deployment, tried *probes.Future[[]probes.Diverted], f family) {
	GinkgoHelper()
	all, err := tried.Await(ctx)
	if missing := (*probes.NotRegistered)(nil); errors.As(err, &missing) {
		suites.NotApplicable("%v", missing)
	}
	Expect(err).NotTo(HaveOccurred())
	all = slices.DeleteFunc(slices.Clone(all), func(v probes.Diverted) bool { return v.Kind != f.title })
	if len(all) == 0 {
		suites.NotApplicable("the redirect URI of the client cannot be changed in this way")
	}
	through, unclear := sorted(d, all)
	switch {
	case len(through) > 0 && f.harmless != "":
		suites.Warn("%s\n%s", f.harmless, strings.Join(through, "\n"))
	case len(through) > 0:
		Fail("the user agent was sent to a redirect URI that is not registered:\n" + strings.Join(through, "\n"))
	case unclear != nil:
		undecided(d, unclear)
	}
}

// undecided says why a diversion tells nothing.
func undecided(d *probes.Deployment, v *probes.Diverted) {
	if v.Edge {
		suites.Undecided(d, reports.Edge, "something in front of the server refused it, so that the server was not asked: %s", v.Said())
	}
	suites.Hindered(d, fmt.Sprintf("%s (%q)", v.Name, v.URI), v.Err)
}

// sorted says which diversions got through, and returns one that tells nothing.
func sorted(d *probes.Deployment, all []probes.Diverted) (through []string, unclear *probes.Diverted) {
	for i, v := range all {
		switch {
		case v.Err != nil || v.Edge:
			unclear = &all[i]
		case v.Escaped():
			through = append(through, v.Said())
		case v.Normalised() && v.Authorization.Code != "" && v.Request == nil:
			d.Note("asked for %s (%q), the server answered at the registered redirect URI", v.Name, v.URI)
		}
	}
	return through, unclear
}

// httpsRedirect needs a client that is answered on an https host: what loopback
// allows and what the web allows are different.
func httpsRedirect(ctx context.Context, d *probes.Deployment) (bool, string) {
	c, err := d.RedirectClient(ctx)
	return err != nil || strings.HasPrefix(c.RedirectURI, "https://"),
		"a client with an https redirect URI: the server registers none, and the configured one has another"
}

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-unregistered",
	Title:    "A redirect URI that the client did not register gets neither code nor error",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    append([]suites.Cite{{Doc: "OAuth 2.1", Section: "4.1.2.1, 7.12.2"}}, exactly...),
	Since:    suites.V20250326,
	Covers:   []string{"redirect-baseline", "as-redirect-exact-match", "as-authz-invalid-client-no-redirect"},
	Remedy:   "Look the redirect_uri up among those of the client before anything else is done with the request, and show an error page if it is not there.",
	Faults:   []fault.Fault{fault.RedirectAny, fault.ErrorToUnregistered},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.StrangeRedirect)

		It("even if everything else is right", func(ctx SpecContext) {
			v, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if v.Escaped() {
				Fail(v.Said())
			}
		})
	},
})

// redirectElsewhere is a redirect URI that another client has, on a host of its own.
const redirectElsewhere = "https://other-client.test/callback"

var _ = suites.Register(suites.Check{
	ID:       "as-redirect-other-client",
	Title:    "A redirect URI that another client registered gets nothing",
	Role:     suites.AS,
	Area:     suites.RedirectURI,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    exactly,
	Since:    suites.V20250326,
	Covers:   []string{"redirect-other-clients-uri"},
	Remedy:   "Look redirect URIs up among those of the client that client_id names, not among all that are registered.",
	Needs:    []suites.Need{suites.SecondClient},
	Faults:   []fault.Fault{fault.RedirectOtherClient},
	Specs: func(d *probes.Deployment) {
		f := family{title: "even if the other client could ask for it"}
		tried := probes.Start(d, func(ctx context.Context) ([]probes.Diverted, error) {
			uri, err := foreignRedirect(ctx, d)
			if err != nil {
				return nil, err
			}
			return d.Divert(d.RedirectClient, func(*probes.Client) []probes.Diversion {
				return []probes.Diversion{{Kind: f.title, Name: "another client's", URI: uri}}
			}).Await(ctx)
		})

		It(f.title, func(ctx SpecContext) { nowhere(ctx, d, tried, f) })
	},
})

// foreignRedirect is a redirect URI that the client whose URI is varied does not
// have and another does.
func foreignRedirect(ctx context.Context, d *probes.Deployment) (string, error) {
	other, err := d.WithRedirects(ctx, "web", redirectElsewhere)
	if missing := (*probes.NotRegistered)(nil); errors.As(err, &missing) {
		other, err = d.SecondClient(ctx)
	}
	if err != nil {
		return "", err
	}
	c, err := d.RedirectClient(ctx)
	if err != nil {
		return "", err
	}
	if slices.Contains(c.RedirectURIs, other.RedirectURI) {
		return "", &probes.NotRegistered{URIs: []string{"that only another client has"}}
	}
	return other.RedirectURI, nil
}

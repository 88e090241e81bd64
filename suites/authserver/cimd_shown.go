package authserver

import (
	"context"
	"slices"
	"strings"
	"unicode"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// shownHost judges whether users were shown the host of a URL.
func shownHost(ctx context.Context, d *probes.Deployment, p *probes.Published, raw, whose string) {
	GinkgoHelper()
	if d.HostShown(ctx, p.Authorization.Shown(), raw) {
		return
	}
	notAsked(p)
	Fail("no page showed the host of " + raw + ", " + whose)
}

// notAsked ends an assertion about a page that was not shown.
func notAsked(p *probes.Published) {
	GinkgoHelper()
	if !p.Asked() {
		suites.NotApplicable("no page asked the user about this client: %s", p.Ended())
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-redirect-host-shown",
	Title:    "Users are told the host that gets the answer",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Localhost Redirect URI Risks"}, {Doc: "OAuth Client ID Metadata Document", Section: "8.5"}},
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-displays-redirect-host"},
	Remedy:   "Show the host name of the redirect URI on the page that asks for consent: of all that a document says it is what an impostor cannot choose.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.ConsentHidesRedirect},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, d.ShownDocuments)

		It("when they are asked for consent", func(ctx SpecContext) {
			shown, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			shownHost(ctx, d, shown.Web, probes.WebRedirect, "where the answer goes")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-client-host-shown",
	Title:    "Users are told the host that describes a client",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    append(cimd("8.5"), cited("MCP Security Best Practices, CIMD Trust Policies")...),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-displays-client-host"},
	Remedy:   "Show the host of the client_id URL beside the name that the document claims; the name is anybody's.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.ConsentHidesDocument},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, d.ShownDocuments)

		It("when they are asked for consent", func(ctx SpecContext) {
			shown, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			shownHost(ctx, d, shown.Web, shown.Web.Client.ID, "which is all that is known of the client")
		})
	},
})

// warningWords is how many words make a warning, and not only another name for
// where the answer goes.
const warningWords = 6

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-localhost-warning",
	Title:    "Users are warned of clients that any program on their computer can imitate",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Localhost Redirect URI Risks"}},
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-localhost-warning"},
	Remedy:   "Say more on the consent page of a client whose redirect URIs are all on the user's computer: any program there can listen, and show somebody else's document.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.ConsentLocalhostQuiet},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, d.ShownDocuments)

		It("when they are asked for consent", func(ctx SpecContext) {
			shown, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, p := range []*probes.Published{shown.Local, shown.Web} {
				if p.Authorization.Shown() == "" || p.Authorization.Code == "" {
					suites.NotApplicable("there are not two pages to compare: %s: %s", p.Name, p.Ended())
				}
			}
			more := moreWords(shown.Local.Authorization.Shown(), shown.Web.Authorization.Shown())
			if n := len(more); n > 0 && n < warningWords {
				suites.Review("is this a warning? The page of a client on the user's computer says also: %s", strings.Join(more, " "))
			}
			Expect(more).NotTo(BeEmpty(), "the page of a client on the user's computer says no more than that of a client at a host")
		})
	},
})

// moreWords are the words that one text has beyond another, in order.
func moreWords(text, other string) []string {
	words := func(s string) []string {
		return strings.FieldsFunc(s, func(c rune) bool { return !unicode.IsLetter(c) && c != '\'' })
	}
	rest := words(other)
	var more []string
	for _, word := range words(text) {
		if i := slices.Index(rest, word); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			continue
		}
		more = append(more, word)
	}
	return more
}

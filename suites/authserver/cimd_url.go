package authserver

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// spelt makes a publication whose client id is the URL of a document after a
// change; the document names the same.
func spelt(name string, spell func(base, place string) string) probes.Publication {
	return probes.Publication{Name: name, Spelt: spell}
}

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-url-rules",
	Title:    "Only plain https URLs name metadata documents",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cimd("3"),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-client-id-url-rules", "cimd-url-rules"},
	Remedy:   "Before anything is fetched, refuse a client_id that is no https URL, has no path, or holds a fragment, user information or dot segments; look at the text that was sent, not at what a parser made of it.",
	Needs:    []suites.Need{suites.Documents},
	Faults: []fault.Fault{
		fault.DocumentURLCleartext, fault.DocumentURLPathless, fault.DocumentURLFragment, fault.DocumentURLUserinfo,
		fault.DocumentURLDots, fault.DocumentURLEncoded,
	},
	Specs: func(d *probes.Deployment) {
		http := d.Publish(probes.Publication{Name: "an http URL", Base: probes.Cleartext})
		bare := d.Publish(probes.Publication{Name: "a URL without a path", Place: "/", Spelt: func(base, _ string) string { return base }})
		fragment := d.Publish(spelt("a URL with a fragment", func(base, place string) string { return base + place + "#client" }))
		user := d.Publish(spelt("a URL with user information", func(base, place string) string {
			return strings.Replace(base, "https://", "https://trusted.example@", 1) + place
		}))
		dots := d.Publish(
			spelt("a parent segment", func(base, place string) string { return base + "/trusted/.." + place }),
			spelt("a segment for the same place", func(base, place string) string { return base + "/." + place }),
		)
		encoded := d.Publish(
			spelt("an encoded parent segment", func(base, place string) string { return base + "/trusted/%2e%2e" + place }),
		)

		It("https ones", noClients(http))
		It("with a path", noClients(bare))
		It("without a fragment", noClients(fragment))
		It("without user information", noClients(user))
		It("without dot segments", noClients(dots))
		It("nor encoded ones", dubiousClients(encoded, "parsers read it differently"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-id-match",
	Title:    "A metadata document counts only under the URL that it names itself",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cimd("4"),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-client-id-match", "cimd-document-id-match"},
	Remedy:   "Compare the client_id in the document with the URL it was asked for as strings, character by character, and refuse any difference.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentIDUnchecked, fault.DocumentIDOptional, fault.DocumentIDNormalised},
	Specs: func(d *probes.Deployment) {
		named := func(name string, id any) probes.Publication {
			return probes.Publication{Name: name, Change: map[string]any{"client_id": id}}
		}
		other := d.Publish(named("the URL of another site", "https://trusted.mcpassay.example/client.json"))
		none := d.Publish(named("no client_id", nil), named("an empty client_id", ""))
		alike := d.PublishNaming(
			probes.Naming{Name: "a slash at the end", Change: func(id string) string { return id + "/" }},
			probes.Naming{Name: "the scheme in capitals", Change: func(id string) string { return strings.Replace(id, "https", "HTTPS", 1) }},
			probes.Naming{Name: "an encoded letter", Change: func(id string) string { return strings.Replace(id, "client", "%63lient", 1) }},
			probes.Naming{Name: "a list with its URL", List: true},
		)

		It("not under another", noClients(other))
		It("not without one", noClients(none))
		It("not under one that only looks the same after parsing", noClients(alike))
	},
})

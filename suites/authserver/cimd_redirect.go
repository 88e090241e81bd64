package authserver

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// documentsAnswered judges publications whose users must not be sent to the redirect URI
// of the request.
func documentsAnswered(published *probes.Future[[]probes.Published], why string) func(SpecContext) {
	return func(ctx SpecContext) {
		all, err := published.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		var sent []string
		for i := range all {
			if to := all[i].SentAway(); to != "" {
				sent = append(sent, to)
			}
		}
		Expect(sent).To(BeEmpty(), why)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-redirect-uris",
	Title:    "A client is answered only where its document says",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    append(cimd("5.1, 8.1"), cited("RFC 9700, 4.1.3", "RFC 8252, 7.3")...),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-redirect-uri-validated", "cimd-redirect-uris-enforced"},
	Remedy:   "Compare the redirect URI of the request with those in the document as strings, but for the port of loopback ones. On anything else show an error page.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentRedirectAny, fault.DocumentPortFixed},
	Specs: func(d *probes.Deployment) {
		unlisted := d.Unlisted()
		port := d.TryDocumentRedirect(onOtherPort)

		It("and nowhere else", documentsAnswered(unlisted, "the answer was sent to a redirect URI that the document does not list"))
		It("but at any port of its loopback address", func(ctx SpecContext) {
			a, err := port.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			asked := a.Authorization.Request.RedirectURI()
			if asked == probes.WebRedirect {
				suites.NotApplicable("the server takes no document with a loopback redirect URI, as it may")
			}
			Expect(a).To(suites.BeAccepted(), "asked for "+asked)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-cimd-failure-aborts",
	Title:    "A client whose document cannot be read is not answered",
	Role:     suites.AS,
	Area:     suites.ClientIDDocuments,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cimd("5.1, 8.1"),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-fetch-failure-aborts", "cimd-redirect-uris-enforced"},
	Remedy:   "Show an error page when the document cannot be fetched or is no good. Nothing vouches for the redirect URI then: redirecting makes an open redirector, and a code sent there is a stolen one.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.DocumentFailureAnswered, fault.DocumentFailureIgnored},
	Specs: func(d *probes.Deployment) {
		unreadable := d.Unreadable()

		It("anywhere", documentsAnswered(unreadable, "the user was sent to a redirect URI that no document vouches for"))
		It("and gets no token", noClients(unreadable))
	},
})

package authserver

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// identityJudges are the checks that judge a spelling which differs. What they do
// not judge is left to the ledger.
var identityJudges = map[string]string{
	"PRM resource":              "rs-prm-resource",
	"token aud":                 "as-audience-follows-resource",
	"metadata issuer":           "as-metadata-issuer-identical",
	"iss parameter":             "as-iss-identical",
	"client_id of the document": "as-cimd-client-id-match",
}

var _ = suites.Register(suites.Check{
	ID:       reports.LedgerCheck,
	Title:    "Everybody spells the issuer and the resource the same way",
	Role:     suites.AS,
	Area:     suites.Identity,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cited("RFC 9068, 4", "RFC 8414, 3.3", "RFC 9207, 2.4", "RFC 9728, 3.3"),
	Since:    suites.V20250618,
	Remedy:   "Write the issuer identifier, and the identifier of the resource, in one place of the configuration and copy them from there, byte for byte: no slash more or less, no other case, no default port.",
	Faults:   []fault.Fault{fault.TokenIssuerSlash},
	Specs: func(d *probes.Deployment) {
		seen := probes.Start(d, d.Identities)

		It("in tokens as in metadata and responses", func(ctx SpecContext) {
			entries, err := seen.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var differing, elsewhere []string
			for _, e := range entries {
				if e.Differs == "" {
					continue
				}
				said := fmt.Sprintf("%s is %q: %s; it is compared by %s", e.Where, e.Value, e.Differs, e.ComparedBy)
				if judge := identityJudges[e.Where]; judge != "" {
					elsewhere = append(elsewhere, said+" ("+judge+" judges that)")
					continue
				}
				differing = append(differing, said)
			}
			for _, said := range elsewhere {
				d.Note("%s", said)
			}
			Expect(differing).To(BeEmpty(), "not all spellings are the same")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-resource-slash",
	Title:    "A resource with another slash at its end is refused, or its token works",
	Role:     suites.AS,
	Area:     suites.Resource,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    cited("RFC 8707, 2", "RFC 3986, 6.2.3", "RFC 9728, 3.3"),
	Since:    suites.V20250618,
	Covers:   []string{"ri-slash-equivalence"},
	Remedy:   "Let the authorization server refuse (invalid_target) what the resource server would not accept, or spell the audience as the resource server does.",
	Faults:   []fault.Fault{fault.ResourceSlash},
	Specs: func(d *probes.Deployment) {
		asked := probes.Start(d, d.SlashResource)

		It("at the resource server", func(ctx SpecContext) {
			x, err := asked.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case !x.Issued():
				d.Note("resource %s: refused (%s)", x.Asked, x.Ended())
				return
			case x.Anybody:
				suites.LeaveTo(d, "as-resource-unknown", reports.AuthServer, "resources that nobody knows get tokens as well")
			}
			audience := "cannot be read"
			if x.Readable {
				audience = "is " + strings.Join(x.Audience, " ")
			}
			d.Note("resource %s: a token whose audience %s, answered %d by the resource server", x.Asked, audience, x.Call.Status)
			Expect(x.Call.Served()).To(BeTrue(), "the authorization server issues tokens for %s, and the resource server refuses them", x.Asked)
		})
	},
})

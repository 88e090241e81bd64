package authserver

import (
	"context"
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// urlMembers are the members of the metadata that hold URLs which clients use.
var urlMembers = []string{
	"authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "introspection_endpoint",
	"pushed_authorization_request_endpoint", "userinfo_endpoint", "end_session_endpoint", "device_authorization_endpoint", "jwks_uri",
	"service_documentation", "op_policy_uri", "op_tos_uri",
}

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-endpoint-urls",
	Title:    "Every endpoint in the metadata is an absolute https URL",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 8414", Section: "2"}, {Doc: "OAuth 2.1", Section: "1.5"}},
	Since:    suites.V20250326,
	Covers:   []string{"asm-endpoint-urls-safe", "as-endpoints-https", "tls-https-everywhere"},
	Remedy:   "Publish absolute https URLs without user information, and none with a fragment for the authorization and token endpoints.",
	Faults:   []fault.Fault{fault.DiscoveryCleartext, fault.DiscoveryFragment},
	Specs: func(d *probes.Deployment) {
		It("without user information", metadata(d, func(document *wire.Document) {
			for _, name := range urlMembers {
				if value, ok := document.String(name); ok {
					Expect(value).To(suites.BeSecureURL(), name)
				}
			}
		}))
		It("without a fragment", metadata(d, func(document *wire.Document) {
			for _, name := range []string{"authorization_endpoint", "token_endpoint"} {
				value, _ := document.String(name)
				Expect(value).NotTo(ContainSubstring("#"), "%s has a fragment", name)
			}
		}))
	},
})

// agreeing are the members that copies of the metadata must agree on.
var agreeing = []string{
	"authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "jwks_uri",
	"code_challenge_methods_supported", "authorization_response_iss_parameter_supported",
}

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-copies-agree",
	Title:    "All documents that describe the issuer say the same",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    rfc8414("5"),
	Since:    suites.V20251125,
	Covers:   []string{"discovery-copies-agree"},
	Remedy:   "Generate both well-known documents from one source; which one a client reads first is its own choice.",
	Faults:   []fault.Fault{fault.DiscoveryNoPKCEOpenID},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("about endpoints, keys and security features", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var copies []probes.Fetched
			for _, f := range x.Metadata {
				if issuer, _ := f.Document.String("issuer"); f.Document != nil && issuer == x.Issuer {
					copies = append(copies, f)
				}
			}
			if len(copies) < 2 {
				suites.NotApplicable("there is only one document")
			}
			for _, other := range copies[1:] {
				for _, name := range agreeing {
					Expect(same(copies[0].Document.Members[name], other.Document.Members[name])).To(BeTrue(),
						"%s differs between %s and %s", name, copies[0].URL, other.URL)
				}
			}
		})
	},
})

// same compares two members as JSON values; an absent one is nil.
func same(a, b json.RawMessage) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	ok, err := MatchJSON(a).Match([]byte(b))
	return err == nil && ok
}

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-endpoints-answer",
	Title:    "The endpoints that the metadata advertises exist",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    rfc8414("2"),
	Since:    suites.V20250326,
	Covers:   []string{"asm-claims-are-true"},
	Remedy:   "Advertise only what is served.",
	Faults:   []fault.Fault{fault.DiscoveryDeadEndpoint},
	Specs: func(d *probes.Deployment) {
		dead := probes.Start(d, d.DeadEndpoints)

		It("and answer", func(ctx SpecContext) {
			endpoints, err := dead.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(endpoints).To(BeEmpty(), "advertised endpoints do not exist")
		})
	},
})

// forged is a host of ours, which nothing of the deployment may ever name.
const forged = "forged.mcpassay.example"

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-forwarding-headers",
	Title:    "Nobody can change the metadata by headers of a request",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9700", Section: "4.13"}, {Doc: "RFC 8414", Section: "3.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"discovery-forwarded-header-poisoning"},
	Remedy:   "Take the issuer and the endpoints from configuration. Trust X-Forwarded-* and Forwarded only from your own proxy, which must overwrite them.",
	Needs:    []suites.Need{suites.Disturbing},
	Faults:   []fault.Fault{fault.DiscoveryIssuerHost},
	Specs: func(d *probes.Deployment) {
		poisoned := probes.Start(d, func(ctx context.Context) ([]string, error) {
			x, err := d.Discovery(ctx)
			if err != nil || x.AS == nil {
				return nil, err
			}
			return d.Reflects(ctx, x.AS.URL, forged)
		})

		It("that proxies use to forward the host", func(ctx SpecContext) {
			headers, err := poisoned.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(headers).To(BeEmpty(), "the metadata names the host that these headers forged")
		})
	},
})

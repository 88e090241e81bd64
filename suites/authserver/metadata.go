package authserver

import (
	"fmt"
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

func rfc8414(section string) []suites.Cite {
	return []suites.Cite{{Doc: "RFC 8414", Section: section}}
}

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-discoverable",
	Title:    "The authorization server's metadata is found at a well-known URL of its issuer",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Levels:   map[suites.Revision]suites.Level{suites.V20250326: suites.Should, suites.V20250618: suites.Must},
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 8414", Section: "3.1"}, {Doc: "MCP 2026-07-28", Section: "Authorization Server Metadata Discovery"}},
	Since:    suites.V20250326,
	Covers:   []string{"as-metadata-discoverable", "as-metadata-location", "discovery-issuer-path-forms"},
	Remedy:   "Serve the metadata to anybody, as JSON with status 200, at /.well-known/oauth-authorization-server or /.well-known/openid-configuration; for an issuer with a path, insert it before the path.",
	Faults:   []fault.Fault{fault.DiscoveryMissing, fault.DiscoveryPage, fault.DiscoveryGuarded},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("without credentials", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if x.AS != nil {
				return
			}
			if b := x.NoMetadata(); b.By != "as-metadata-discoverable" {
				suites.BlockedBy(d, b)
			}
			var tried []string
			for _, f := range x.Metadata {
				tried = append(tried, fmt.Sprintf("%s: %v", f.URL, f.Err))
			}
			Fail("no authorization server metadata was found: " + strings.Join(tried, "; "))
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-document-form",
	Title:    "The authorization server's metadata is served as JSON",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    rfc8414("3.2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-metadata-200-json"},
	Remedy:   "Serve the document with Content-Type application/json.",
	Faults:   []fault.Fault{fault.DiscoveryMediaType},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("by its media type", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if x.AS == nil {
				suites.NotApplicable("there is no metadata; as-metadata-discoverable judges that")
			}
			Expect(x.AS.Response).To(suites.HaveMediaType("application/json"))
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-issuer-identical",
	Title:    "The issuer in the metadata is the identifier that led to it",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 8414", Section: "3.3"}, {Doc: "MCP 2026-07-28", Section: "Authorization Server Metadata Discovery"}},
	Since:    suites.V20250618,
	Covers:   []string{"as-metadata-issuer-identical", "asm-issuer-wellformed", "discovery-issuer-path-forms"},
	Remedy:   "Make authorization_servers in the protected resource metadata and issuer in the authorization server's metadata the same string, byte for byte; clients refuse anything else.",
	Faults:   []fault.Fault{fault.DiscoveryIssuerForeign, fault.DiscoveryIssuerSlash},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("byte for byte", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var issuers []string
			for _, f := range x.Metadata {
				if f.Document == nil {
					continue
				}
				issuer, _ := f.Document.String("issuer")
				if issuer == x.Issuer {
					return
				}
				issuers = append(issuers, issuer)
			}
			if len(issuers) == 0 {
				suites.NotApplicable("there is no metadata; as-metadata-discoverable judges that")
			}
			if strings.ContainsAny(x.Issuer, "?#") {
				suites.BlockedBy(d, &probes.Blocked{By: "rs-prm-authorization-servers", Owner: reports.ResourceServer,
					Err: fmt.Errorf("%q is no issuer identifier", x.Issuer)})
			}
			if slices.ContainsFunc(issuers, func(i string) bool { return slashApart(i, x.Issuer) }) {
				suites.Warn("the issuer is %q and the resource lists %q: strict clients refuse the slash", issuers[0], x.Issuer)
			}
			Fail(fmt.Sprintf("the issuer is %q, and the metadata was found for %q", issuers[0], x.Issuer))
		})
	},
})

// slashApart tells whether two URLs without a path differ only in the slash that
// URL libraries add to them.
func slashApart(a, b string) bool {
	if strings.TrimSuffix(a, "/") != strings.TrimSuffix(b, "/") {
		return false
	}
	u, err := url.Parse(a)
	return err == nil && strings.Trim(u.Path, "/") == ""
}

// metadata judges the authorization server's metadata.
func metadata(d *probes.Deployment, judge func(*wire.Document)) func(SpecContext) {
	found := probes.Start(d, d.Metadata)
	return func(ctx SpecContext) {
		document, err := found.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		judge(document)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-issuer-form",
	Title:    "The issuer is an https URL without query or fragment",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    rfc8414("2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-metadata-issuer-form", "asm-issuer-wellformed"},
	Remedy:   "Choose an https URL of scheme, host and at most a path as the issuer identifier.",
	Faults:   []fault.Fault{fault.DiscoveryIssuerQuery},
	Specs: func(d *probes.Deployment) {
		It("in the metadata", metadata(d, func(document *wire.Document) {
			issuer, ok := document.String("issuer")
			if !ok {
				suites.NotApplicable("the metadata has no issuer; as-metadata-required-members judges that")
			}
			Expect(issuer).To(suites.BeSecureURL(), "the issuer")
			Expect(issuer).NotTo(ContainSubstring("?"), "the issuer has a query")
			Expect(issuer).NotTo(ContainSubstring("#"), "the issuer has a fragment")
		}))
	},
})

// listMembers are the members of the metadata that hold arrays of strings.
var listMembers = []string{
	"scopes_supported", "response_types_supported", "response_modes_supported", "grant_types_supported",
	"token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported",
	"code_challenge_methods_supported", "revocation_endpoint_auth_methods_supported",
	"introspection_endpoint_auth_methods_supported",
}

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-required-members",
	Title:    "The metadata has the members that a client of the code flow needs, with the right types",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    rfc8414("2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-metadata-required-members", "asm-required-members"},
	Remedy:   "Publish issuer, authorization_endpoint, token_endpoint and response_types_supported, and write lists as JSON arrays.",
	Faults:   []fault.Fault{fault.DiscoveryNoTokenEndpoint, fault.DiscoveryNoResponseTypes, fault.DiscoveryTextForArray},
	Specs: func(d *probes.Deployment) {
		It("issuer and endpoints", metadata(d, func(document *wire.Document) {
			for _, name := range []string{"issuer", "authorization_endpoint", "token_endpoint"} {
				value, _ := document.String(name)
				Expect(value).NotTo(BeEmpty(), "the metadata has no %s", name)
			}
		}))
		It("the response type code", metadata(d, func(document *wire.Document) {
			Expect(document.Has("response_types_supported")).To(BeTrue(), "the metadata has no response_types_supported")
			if types, ok := document.Strings("response_types_supported"); ok {
				Expect(types).To(ContainElement("code"), "response_types_supported does not list code")
			}
		}))
		It("lists as arrays of strings", metadata(d, func(document *wire.Document) {
			for _, name := range listMembers {
				_, ok := document.Strings(name)
				Expect(ok || !document.Has(name)).To(BeTrue(), "%s is no array of strings", name)
			}
		}))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-metadata-no-none",
	Title:    "The signature algorithm none is nowhere on offer",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 8414", Section: "2"}, {Doc: "RFC 8725", Section: "3.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"asm-none-advertised", "as-cc-metadata-signing-algs"},
	Remedy:   "Remove none from every list of signing algorithms, and refuse it.",
	Faults:   []fault.Fault{fault.DiscoveryNone},
	Specs: func(d *probes.Deployment) {
		It("in a list of signing algorithms", metadata(d, func(document *wire.Document) {
			for _, name := range document.Names {
				// OpenID Connect Discovery allows none for ID tokens that come straight from the token endpoint.
				if !strings.HasSuffix(name, "_signing_alg_values_supported") || name == "id_token_signing_alg_values_supported" {
					continue
				}
				algorithms, _ := document.Strings(name)
				for _, a := range algorithms {
					Expect(strings.EqualFold(a, "none")).To(BeFalse(), "%s offers %q", name, a)
				}
			}
		}))
	},
})

package authserver

import (
	"context"
	"encoding/json"
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

var _ = suites.Register(suites.Check{
	ID:       "as-jwks-public",
	Title:    "The key set holds public keys only",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "RFC 8414", Section: "2"}, {Doc: "RFC 7517", Section: "9.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"asm-jwks-public-only"},
	Remedy:   "Publish only the public members of each key, and replace every key whose private half was ever published.",
	Faults:   []fault.Fault{fault.KeysPrivate, fault.KeysSymmetric},
	Specs: func(d *probes.Deployment) {
		It("without private members", keys(d, func(all []*wire.Document) {
			for _, key := range all {
				for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth"} {
					Expect(key.Has(member)).To(BeFalse(), "the key set contains the private member %s of a key", member)
				}
			}
		}))
		It("without symmetric keys", keys(d, func(all []*wire.Document) {
			for _, key := range all {
				Expect(key.Has("k")).To(BeFalse(), "the key set contains a symmetric key")
			}
		}))
	},
})

// keys judges the authorization server's key set.
func keys(d *probes.Deployment, judge func([]*wire.Document)) func(SpecContext) {
	found := probes.Start(d, d.Keys)
	return func(ctx SpecContext) {
		all, err := found.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if len(all) == 0 {
			suites.NotApplicable("the metadata names no keys (jwks_uri)")
		}
		judge(all)
	}
}

// printedKeys are public members of keys whose private halves are printed in
// standards, by their first characters.
var printedKeys = map[string]string{
	"0vx7agoebGcQSuuPiLJXZptN": "RFC 7517, appendix A.2", "MKBCTNIcKUSDii11ySs3526i": "RFC 7517, appendix A.2",
	"ofgWCuLjybRlzo0tZWJjNiuS": "RFC 7515, appendix A.2", "f83OJ3D2xF1Bg8vub9tLe1gH": "RFC 7515, appendix A.3",
	"AekpBQ8ST8a8VcfVOTNl353v": "RFC 7515, appendix A.4", "11qYAYKxCrfVS_7TyWQHOg7h": "RFC 8037, appendix A.1",
	"l8tFrhx-34tV3hRICRDY9zCk": "RFC 9449, section 4.1",
}

var _ = suites.Register(suites.Check{
	ID:       "as-jwks-quality",
	Title:    "The signing keys are strong and nobody else's",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "RFC 7518", Section: "3.3"}, {Doc: "RFC 8725", Section: "3.5"}},
	Since:    suites.V20250326,
	Covers:   []string{"asm-jwks-key-quality"},
	Remedy:   "Generate keys of your own: RSA of at least 2048 bits, or P-256 or Ed25519, each with a kid of its own.",
	Faults:   []fault.Fault{fault.KeysWeak, fault.KeysKnown, fault.KeysAmbiguous},
	Specs: func(d *probes.Deployment) {
		It("RSA of at least 2048 bits", keys(d, func(all []*wire.Document) {
			for _, key := range all {
				if modulus, ok := key.String("n"); ok {
					Expect(len(modulus)*6).To(BeNumerically(">=", 2040), "an RSA key has only %d bits", len(modulus)*6/8*8)
				}
			}
		}))
		It("not printed in a standard", keys(d, func(all []*wire.Document) {
			for _, key := range all {
				for _, member := range []string{"n", "x"} {
					value, _ := key.String(member)
					where := printedKeys[value[:min(len(value), 24)]]
					Expect(where).To(BeEmpty(), "the private half of a key is printed in a standard")
				}
			}
		}))
		It("each with a kid of its own", keys(d, func(all []*wire.Document) {
			seen := map[string]bool{}
			for _, key := range all {
				if kid, ok := key.String("kid"); ok {
					Expect(seen[kid]).To(BeFalse(), "two keys have the kid %q", kid)
					seen[kid] = true
				}
			}
		}))
	},
})

package resourceserver

import (
	"encoding/json"
	"errors"
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

var rfc9728 = func(section string) []suites.Cite { return []suites.Cite{{Doc: "RFC 9728", Section: section}} }

// document awaits the metadata; without any, rs-prm-discoverable is to blame.
func document(ctx SpecContext, d *probes.Deployment, discovery *probes.Future[*probes.Discovery]) *probes.Fetched {
	x, err := discovery.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	if x.PRM == nil {
		suites.BlockedBy(d, &probes.Blocked{By: "rs-prm-discoverable", Owner: reports.ResourceServer, Err: errors.New("there is no protected resource metadata")})
	}
	return x.PRM
}

var _ = suites.Register(suites.Check{
	ID:       "rs-prm-discoverable",
	Title:    "Protected resource metadata is found where clients look for it",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 9728", Section: "3.1"}, {Doc: "MCP 2026-07-28", Section: "Protected Resource Metadata Discovery Requirements"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-prm-implemented", "rs-prm-discoverable", "rs-prm-wellknown-location", "prm-location", "prm-http-200-json"},
	Remedy:   "Serve the metadata to anybody, as JSON with status 200, at /.well-known/oauth-protected-resource followed by the endpoint's path, and name that URL in the challenge.",
	Faults: []fault.Fault{
		fault.MetadataMissing, fault.MetadataAppended, fault.MetadataHTML, fault.MetadataNeedsToken, fault.MetadataRedirectsToLogin,
	},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("without credentials", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if x.PRM == nil {
				var tried []string
				for _, f := range x.PRMs {
					tried = append(tried, fmt.Sprintf("%s (%s): %v", f.URL, f.Form, f.Err))
				}
				Fail("no protected resource metadata was found: " + strings.Join(tried, "; "))
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-prm-document-form",
	Title:    "The protected resource metadata is one unambiguous JSON object",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    rfc9728("3.2"),
	Since:    suites.V20250618,
	Covers:   []string{"prm-http-200-json", "prm-document-form", "prm-no-empty-arrays"},
	Remedy:   "Serve the document as application/json, each member once, and leave out members that have no values.",
	Faults:   []fault.Fault{fault.MetadataMediaType, fault.MetadataDuplicateMember, fault.MetadataEmptyArrays},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("of the media type application/json", func(ctx SpecContext) {
			Expect(document(ctx, d, discovery).Response).To(suites.HaveMediaType("application/json"))
		})
		It("with each member once", func(ctx SpecContext) {
			Expect(document(ctx, d, discovery).Document.Duplicate).To(BeEmpty(), "members stand more than once")
		})
		It("without empty arrays", func(ctx SpecContext) {
			doc := document(ctx, d, discovery).Document
			var empty []string
			for _, name := range doc.Names {
				var list []json.RawMessage
				if json.Unmarshal(doc.Members[name], &list) == nil && list != nil && len(list) == 0 && name != "authorization_servers" {
					empty = append(empty, name)
				}
			}
			Expect(empty).To(BeEmpty(), "members are empty arrays")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-prm-resource",
	Title:    "The metadata names the MCP endpoint as its resource",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    rfc9728("3.3"),
	Since:    suites.V20250618,
	Covers: []string{
		"prm-resource-present", "prm-resource-matches-url", "prm-resource-https-no-fragment", "prm-resource-equals-identifier",
		"prm-resource-covers-challenged-url",
	},
	Remedy: "Set resource to the exact URL of the MCP endpoint as clients use it. Clients refuse metadata of another resource.",
	Faults: []fault.Fault{
		fault.MetadataNoResource, fault.MetadataWrongResource, fault.MetadataOriginResource, fault.MetadataSibling,
		fault.MetadataFragmentResource, fault.PointerForeign,
	},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)
		named := func(ctx SpecContext) *url.URL {
			resource, ok := document(ctx, d, discovery).Document.String("resource")
			if !ok {
				suites.NotApplicable("the metadata names no resource")
			}
			u, err := url.Parse(resource)
			Expect(err).NotTo(HaveOccurred(), "resource is no URL")
			return u
		}

		It("by a string", func(ctx SpecContext) {
			resource, _ := document(ctx, d, discovery).Document.String("resource")
			Expect(resource).NotTo(BeEmpty(), "the metadata has no resource, or it is no string")
		})
		It("that is an absolute URL without a fragment", func(ctx SpecContext) {
			u := named(ctx)
			Expect(u.String()).To(suites.BeSecureURL())
			Expect(u.Fragment).To(BeEmpty(), "resource has a fragment")
		})
		It("on the same origin", func(ctx SpecContext) {
			u := named(ctx)
			Expect(strings.ToLower(u.Scheme+"://"+u.Host)).To(Equal(strings.ToLower(d.Endpoint.Scheme+"://"+d.Endpoint.Host)),
				"the resource is on another origin than the MCP endpoint")
		})
		It("with the same path", func(ctx SpecContext) {
			u := named(ctx)
			resource, endpoint := strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(d.Endpoint.Path, "/")
			switch {
			case resource == endpoint:
			case strings.HasPrefix(endpoint+"/", resource+"/"):
				suites.Warn("resource is %q, a parent of the endpoint %q: clients that follow RFC 9728 to the letter refuse it", u, d.Endpoint)
			default:
				Fail(fmt.Sprintf("resource is %q, and the endpoint is %q", u, d.Endpoint))
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-prm-resource-no-trailing-slash",
	Title:    "The resource is published without a trailing slash",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Canonical Server URI"}},
	Since:    suites.V20250618,
	Covers:   []string{"prm-resource-no-trailing-slash"},
	Remedy:   "Publish the endpoint's URL without a slash at the end; URL libraries that add one are the most common cause of mismatched resources and audiences.",
	Faults:   []fault.Fault{fault.MetadataSlashResource},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("unless the endpoint has one", func(ctx SpecContext) {
			resource, ok := document(ctx, d, discovery).Document.String("resource")
			if !ok {
				suites.NotApplicable("the metadata names no resource")
			}
			if strings.HasSuffix(d.Endpoint.Path, "/") {
				suites.NotApplicable("the endpoint's own path ends in a slash")
			}
			Expect(resource).NotTo(HaveSuffix("/"), "resource ends in a slash and the endpoint does not")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-prm-authorization-servers",
	Title:    "The metadata names its authorization servers by their issuer identifiers",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization Server Location"}, {Doc: "RFC 9728", Section: "2"}},
	Since:    suites.V20250618,
	Covers:   []string{"prm-authorization-servers-nonempty", "prm-authorization-servers-are-issuers"},
	Remedy:   "List the issuer identifier of each authorization server, exactly as its metadata spells it, in an array. The URL of a metadata document is no issuer.",
	Faults: []fault.Fault{
		fault.MetadataNoServers, fault.MetadataEmptyServers, fault.MetadataServersString, fault.MetadataDocumentServer, fault.MetadataQueryServer,
	},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("in an array that is not empty", func(ctx SpecContext) {
			doc := document(ctx, d, discovery).Document
			servers, ok := doc.Strings("authorization_servers")
			Expect(ok).To(BeTrue(), "authorization_servers is missing or no array of strings: %s", doc.Members["authorization_servers"])
			Expect(servers).NotTo(BeEmpty(), "authorization_servers is empty")
		})
		It("each an https URL without query or fragment, and no document's", func(ctx SpecContext) {
			servers, _ := document(ctx, d, discovery).Document.Strings("authorization_servers")
			if len(servers) == 0 {
				suites.NotApplicable("no authorization server is listed")
			}
			for _, server := range servers {
				Expect(server).To(suites.BeSecureURL())
				Expect(server).NotTo(ContainSubstring("?"), "an issuer has no query")
				Expect(server).NotTo(ContainSubstring("#"), "an issuer has no fragment")
				Expect(server).NotTo(ContainSubstring("/.well-known/"), "that is the URL of a document, not an issuer")
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-prm-authorization-servers-resolve",
	Title:    "The authorization servers that the metadata names can be found",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization Server Metadata Discovery"}},
	Since:    suites.V20250618,
	Covers:   []string{"prm-authorization-servers-resolve"},
	Remedy:   "List only authorization servers whose metadata is served at a well-known URL built from the listed identifier.",
	Faults:   []fault.Fault{fault.MetadataDeadServer, fault.MetadataDocumentServer},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)
		found := probes.Start(d, d.ServersFound)

		It("by the well-known URLs built from what is listed", func(ctx SpecContext) {
			servers, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(servers) == 0 {
				suites.NotApplicable("no authorization server is listed")
			}
			var dead []string
			for _, s := range servers {
				if s.Document == nil {
					dead = append(dead, s.URL)
				}
			}
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if b := x.NoMetadata(); x.AS == nil && b.By == "as-metadata-discoverable" {
				suites.BlockedBy(d, b)
			}
			switch len(dead) {
			case 0:
			case len(servers):
				Fail(fmt.Sprintf("none of the listed authorization servers has metadata: %q", dead))
			default:
				suites.Warn("some of the listed authorization servers have no metadata: %q", dead)
			}
		})
	},
})

// advertised is a check on one member of the metadata that may be left out.
func advertised(id, title, member string, level suites.Level, since suites.Revision, cites []suites.Cite, covers []string, remedy string,
	f fault.Fault, wrong func(values []string) string,
) {
	suites.Register(suites.Check{
		ID: id, Title: title, Role: suites.RS, Area: suites.Discovery, Level: level, Severity: suites.Low,
		Cites: cites, Since: since, Covers: covers, Remedy: remedy, Faults: []fault.Fault{f},
		Specs: func(d *probes.Deployment) {
			discovery := probes.Start(d, d.Discovery)

			It("in "+member, func(ctx SpecContext) {
				values, ok := document(ctx, d, discovery).Document.Strings(member)
				if !ok {
					suites.NotApplicable("the metadata has no %s", member)
				}
				if problem := wrong(values); problem != "" {
					Fail(problem)
				}
			})
		},
	})
}

func init() {
	advertised("rs-prm-bearer-methods", "The metadata does not invite tokens into the query string", "bearer_methods_supported",
		suites.Must, suites.V20250618, []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Token Requirements"}, {Doc: "RFC 9728", Section: "2"}},
		[]string{"prm-bearer-methods-no-query", "prm-no-weak-advertisement"},
		"List header only.", fault.MetadataQueryTokens, func(methods []string) string {
			if slices.Contains(methods, "query") {
				return "query is offered: tokens in URLs end up in logs and histories"
			}
			return ""
		})
	advertised("rs-prm-signing-algorithms", "The metadata does not offer unsigned answers", "resource_signing_alg_values_supported",
		suites.Must, suites.V20250618, rfc9728("2"), []string{"prm-signing-alg-not-none", "prm-no-weak-advertisement"},
		"Leave none out of the list.", fault.MetadataAlgNone, func(algorithms []string) string {
			for _, a := range algorithms {
				if strings.EqualFold(a, "none") {
					return "none is listed as a signing algorithm"
				}
			}
			return ""
		})
	advertised("rs-prm-scopes-no-offline-access", "The resource does not ask for refresh tokens by scope", "scopes_supported",
		suites.Should, suites.V20260728, []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Refresh Tokens"}},
		[]string{"prm-scopes-no-offline-access"},
		"Leave offline_access out: whether there are refresh tokens is between the client and the authorization server.",
		fault.MetadataOfflineAccess, func(scopes []string) string {
			if slices.Contains(scopes, "offline_access") {
				return "offline_access is listed"
			}
			return ""
		})
	advertised("rs-prm-scopes-minimal", "The metadata lists no all-powerful scope", "scopes_supported",
		suites.Should, suites.V20251125, []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Scope Selection Strategy"}},
		[]string{"prm-scopes-minimal"},
		"List the few scopes that basic use needs; clients ask for all that is listed.",
		fault.MetadataWildcardScope, func(scopes []string) string {
			for _, s := range scopes {
				if allPowerful(s) {
					return fmt.Sprintf("%q grants everything, and clients ask for all that is listed", s)
				}
			}
			return ""
		})
}

func allPowerful(scope string) bool {
	switch strings.ToLower(scope) {
	case "*", "all", "full", "full-access", "full_access", "admin:*", "root":
		return true
	}
	return strings.HasSuffix(scope, ":*") || strings.HasSuffix(scope, "/*") || strings.HasSuffix(scope, ".*")
}

var _ = suites.Register(suites.Check{
	ID:       "rs-prm-keys-over-tls",
	Title:    "The metadata names no URL that is fetched in the clear",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    rfc9728("2"),
	Since:    suites.V20250618,
	Covers:   []string{"prm-no-weak-advertisement"},
	Remedy:   "Use https for jwks_uri: whoever can change the keys on the way can sign in the resource's name.",
	Faults:   []fault.Fault{fault.MetadataCleartextKeys},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("in jwks_uri", func(ctx SpecContext) {
			keys, ok := document(ctx, d, discovery).Document.String("jwks_uri")
			if !ok {
				suites.NotApplicable("the metadata has no jwks_uri")
			}
			Expect(keys).To(suites.BeSecureURL())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-prm-signed-metadata",
	Title:    "Signed metadata is signed, and says what the plain members say",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    rfc9728("2.2"),
	Since:    suites.V20250618,
	Covers:   []string{"prm-signed-metadata-valid", "prm-signed-metadata"},
	Remedy:   "Sign the JWT with a key of its iss, and make it whenever the plain members change; clients that verify it prefer its claims.",
	Faults:   []fault.Fault{fault.MetadataUnsignedSigned, fault.MetadataSignedDiffers},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)
		signed := func(ctx SpecContext) (*probes.JWT, *wire.Document) {
			doc := document(ctx, d, discovery).Document
			if !doc.Has("signed_metadata") {
				suites.NotApplicable("the metadata has no signed_metadata")
			}
			value, _ := doc.String("signed_metadata")
			jwt, ok := probes.DecodeJWT(value)
			Expect(ok).To(BeTrue(), "signed_metadata is no JWT")
			return jwt, doc
		}

		It("by an issuer, with an algorithm", func(ctx SpecContext) {
			jwt, _ := signed(ctx)
			alg, _ := jwt.Header.String("alg")
			Expect(alg).NotTo(BeEmpty(), "signed_metadata names no algorithm")
			Expect(strings.EqualFold(alg, "none")).To(BeFalse(), "signed_metadata is not signed (alg %q)", alg)
			Expect(jwt.Claims.Has("iss")).To(BeTrue(), "signed_metadata has no iss")
			Expect(jwt.Claims.Has("signed_metadata")).To(BeFalse(), "signed_metadata contains itself")
		})
		It("without contradiction", func(ctx SpecContext) {
			jwt, doc := signed(ctx)
			for _, name := range []string{"resource", "authorization_servers", "jwks_uri", "bearer_methods_supported"} {
				if jwt.Claims.Has(name) && doc.Has(name) {
					Expect(jwt.Claims.Members[name]).To(MatchJSON(doc.Members[name]), "%s differs from the plain member", name)
				}
			}
		})
	},
})

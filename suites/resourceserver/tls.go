package resourceserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// advertisedURLs are the URLs that the MCP server is reached at or gives to clients
// and users, by where each stands. Issuers, key sets and the challenge's
// pointer are judged by checks of their own.
func advertisedURLs(ctx context.Context, d *probes.Deployment) (map[string]string, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return nil, err
	}
	urls := map[string]string{"the MCP endpoint": d.Endpoint.String()}
	if x.PRM == nil {
		return urls, nil
	}
	for _, member := range []string{"resource_documentation", "resource_policy_uri", "resource_tos_uri"} {
		if value, ok := x.PRM.Document.String(member); ok {
			urls[member+" of the metadata"] = value
		}
	}
	return urls, nil
}

var _ = suites.Register(suites.Check{
	ID:       "rs-https-only",
	Title:    "The MCP endpoint and every URL that it advertises use https",
	Role:     suites.RS,
	Area:     suites.Communication,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Communication Security"}, {Doc: "OAuth 2.1", Section: "1.5"}, {Doc: "RFC 6750", Section: "5.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-https-only"},
	Remedy:   "Serve MCP over https and publish https URLs only. Plain http is for development on loopback.",
	Faults:   []fault.Fault{fault.CleartextAdvertised},
	Specs: func(d *probes.Deployment) {
		found := probes.Start(d, func(ctx context.Context) (map[string]string, error) { return advertisedURLs(ctx, d) })

		It("but for loopback", func(ctx SpecContext) {
			urls, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for where, value := range urls {
				Expect(value).To(suites.BeSecureURL(), where)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-tls-configuration",
	Title:    "The MCP server speaks TLS 1.2 or newer, and takes no broken cipher",
	Role:     suites.RS,
	Area:     suites.TransportSecurity,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "1.5"}, {Doc: "RFC 9325", Section: "3.1.1 and 4.1"}, {Doc: "RFC 8996", Section: "5"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-https-only"},
	Remedy:   "Switch off TLS 1.0 and 1.1 and every suite with RC4 or 3DES.",
	Needs:    []suites.Need{suites.ResourceServerTLS},
	Faults:   []fault.Fault{fault.TLSOld, fault.TLSWeakCiphers},
	Specs: func(d *probes.Deployment) {
		shaken := probes.Start(d, func(ctx context.Context) ([]probes.Handshaken, error) {
			return d.Handshakes(ctx, d.Endpoint.String())
		})
		host := func(ctx SpecContext) probes.Handshaken {
			hosts, err := shaken.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(hosts).NotTo(BeEmpty())
			return hosts[0]
		}

		It("no version before 1.2", func(ctx SpecContext) {
			Expect(host(ctx).Old).To(BeEmpty(), "the server takes it")
		})
		It("no RC4 and no 3DES", func(ctx SpecContext) {
			Expect(host(ctx).Weak).To(BeEmpty(), "the server takes it")
		})
	},
})

package authserver

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-tls-configuration",
	Title:    "The authorization server speaks TLS 1.2 or newer, under a valid certificate, with no broken cipher",
	Role:     suites.AS,
	Area:     suites.TransportSecurity,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "1.5"}, {Doc: "RFC 9325", Section: "3.1.1 and 4.1"}, {Doc: "RFC 8996", Section: "5"}},
	Since:    suites.V20250326,
	Covers:   []string{"tls-configuration", "as-endpoints-https"},
	Remedy:   "Switch off TLS 1.0 and 1.1 and every suite with RC4 or 3DES, and serve the whole chain of a certificate that is in date and names the host.",
	Needs:    []suites.Need{suites.AuthServerTLS},
	Faults: []fault.Fault{
		fault.TLSOld, fault.TLSWeakCiphers, fault.TLSExpired, fault.TLSOtherName, fault.TLSUnknownAuthority,
	},
	Specs: func(d *probes.Deployment) {
		shaken := probes.Start(d, func(ctx context.Context) ([]probes.Handshaken, error) {
			urls, err := d.ServerURLs(ctx)
			if err != nil {
				return nil, err
			}
			return d.Handshakes(ctx, urls...)
		})
		each := func(judge func(h probes.Handshaken)) func(SpecContext) {
			return func(ctx SpecContext) {
				hosts, err := shaken.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				for _, h := range hosts {
					judge(h)
				}
			}
		}

		It("a certificate that clients accept", each(func(h probes.Handshaken) {
			Expect(h.Invalid).NotTo(HaveOccurred(), "the certificate of %s", h.Host)
		}))
		It("no version before 1.2", each(func(h probes.Handshaken) {
			Expect(h.Old).To(BeEmpty(), "%s takes it", h.Host)
		}))
		It("no RC4 and no 3DES", each(func(h probes.Handshaken) {
			Expect(h.Weak).To(BeEmpty(), "%s takes it", h.Host)
		}))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-hsts",
	Title:    "The pages of the authorization server tell browsers to come by https only",
	Role:     suites.AS,
	Area:     suites.TransportSecurity,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 6797", Section: "7.1"}, {Doc: "RFC 9325", Section: "3.3"}, {Doc: "RFC 9700", Section: "4.5.3.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"tls-hsts"},
	Remedy:   "Send Strict-Transport-Security with a max-age of months on every answer to a browser. A parent domain on the browsers' preload list does as well.",
	Needs:    []suites.Need{suites.AuthServerTLS},
	Faults:   []fault.Fault{fault.HSTSMissing, fault.HSTSEnded},
	Specs: func(d *probes.Deployment) {
		page := probes.Start(d, d.AuthorizationAnswer)

		It("from now on", func(ctx SpecContext) {
			res, err := page.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if res.Status >= http.StatusInternalServerError {
				suites.Undecided(d, reports.AuthServer, "the authorization endpoint was answered %d", res.Status)
			}
			Expect(hstsAge(res)).To(BeNumerically(">", 0), "the max-age of Strict-Transport-Security; 0 is also what counts if there is none")
		})
	},
})

// hstsAge is the max-age of an answer's Strict-Transport-Security, in seconds.
func hstsAge(res *wire.Response) int {
	for directive := range strings.SplitSeq(res.Header.Get("Strict-Transport-Security"), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if strings.EqualFold(name, "max-age") {
			age, err := strconv.Atoi(strings.Trim(value, `"`))
			if err != nil {
				return 0
			}
			return age
		}
	}
	return 0
}

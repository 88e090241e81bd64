package resourceserver

import (
	"context"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// certificatesBind needs tokens that are bound to client certificates.
func certificatesBind(ctx context.Context, d *probes.Deployment) (bool, string) {
	bound, err := d.BindsCertificates(ctx)
	return err != nil || bound, "certificate-bound tokens (tls_client_certificate_bound_access_tokens in the authorization server's metadata)"
}

var _ = suites.Register(suites.Check{
	ID:       "rs-certificate-bound",
	Title:    "A certificate-bound token works over connections with its certificate alone",
	Role:     suites.RS,
	Area:     suites.DPoP,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 8705", Section: "3"}, {Doc: "OAuth 2.1", Section: "5.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"mtls-bound-token"},
	Remedy:   "Compare cnf.x5t#S256 with the certificate of the connection on every request; behind a proxy, with what the proxy forwards and nobody else can send.",
	Needs:    []suites.Need{certificatesBind},
	Faults:   []fault.Fault{fault.CertificateUnchecked, fault.CertificateAny},
	Specs: func(d *probes.Deployment) {
		used := probes.Start(d, d.UseCertificateBound)
		use := func(ctx SpecContext) *probes.CertificateUse {
			u, err := used.Await(ctx)
			if errors.Is(err, probes.ErrNotCertificateBound) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			return u
		}

		It("and not without one", func(ctx SpecContext) {
			Expect(use(ctx).Without).To(suites.BeRefused())
		})
		It("and not with another", func(ctx SpecContext) {
			Expect(use(ctx).Other).To(suites.BeRefused())
		})
	},
})

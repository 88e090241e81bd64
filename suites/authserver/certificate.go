package authserver

import (
	"context"
	"errors"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// certificateClients needs clients that authenticate by certificates of their own.
func certificateClients(ctx context.Context, d *probes.Deployment) (bool, string) {
	metadata, err := d.Metadata(ctx)
	var methods []string
	if err == nil {
		methods, _ = metadata.Strings("token_endpoint_auth_methods_supported")
	}
	return err != nil || slices.Contains(methods, "self_signed_tls_client_auth"),
		"an authorization server that authenticates clients by their certificates (self_signed_tls_client_auth in token_endpoint_auth_methods_supported)"
}

var _ = suites.Register(suites.Check{
	ID:       "as-certificate-not-by-header",
	Title:    "A client's certificate arrives by TLS, and by no header that anybody can send",
	Role:     suites.AS,
	Area:     suites.ClientAuth,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    cited("RFC 8705, 2", "RFC 9440, 3.1", "RFC 9700, 4.13"),
	Since:    suites.V20250326,
	Covers:   []string{"ca-forwarded-certificate-spoof"},
	Remedy:   "Have the proxy remove every header that could carry a certificate before it adds its own, and let nobody reach the server past the proxy.",
	Needs:    []suites.Need{certificateClients, suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.CertificateHeaderTrusted},
	Specs: func(d *probes.Deployment) {
		forged := probes.Start(d, d.ForgeCertificate)

		It("of whatever name", func(ctx SpecContext) {
			tried, err := forged.Await(ctx)
			if errors.Is(err, probes.ErrNoCertificateClient) || errors.Is(err, probes.ErrCleartext) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(succeeded(tried)).To(BeEmpty(), "an access token was issued for")
			undecidedIfFiltered(d, tried)
		})
	},
})

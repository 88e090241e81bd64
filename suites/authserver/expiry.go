package authserver

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-expired-refused",
	Title:    "A refresh token is refused once it has ended",
	Role:     suites.AS,
	Area:     suites.Lifetime,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 6749, 5.2", "OAuth 2.1, 4.3.3"),
	Since:    suites.V20250326,
	Covers:   []string{"life-refresh-expiry"},
	Remedy:   "Compare the end of a refresh token with the clock whenever it is used.",
	Needs:    []suites.Need{suites.RefreshTokens, suites.RefreshTokensEnd},
	Faults:   []fault.Fault{fault.RefreshOutlasts},
	Specs: func(d *probes.Deployment) {
		used := probes.Start(d, d.RefreshAfterEnd)

		It("as it was announced", func(ctx SpecContext) {
			m, err := used.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			early(d, m, "refresh token")
			Expect(m.After).To(suites.BeRefused(), "a refresh token still works %s after its end", m.Past.Round(time.Second))
		})
	},
})

// early notes that something ended before it should have: no danger, and no help
// to its clients.
func early(d *probes.Deployment, m *probes.Aftermath, what string) {
	if m.Before != nil && !m.Before.Issued() {
		d.Note("a %s was refused a while before its announced end", what)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-client-secret-expires",
	Title:    "A client secret is refused once it has expired",
	Role:     suites.AS,
	Area:     suites.Lifetime,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 7591, 3.2.1"),
	Since:    suites.V20250326,
	Remedy:   "Compare client_secret_expires_at with the clock whenever the client authenticates, or say 0 if secrets do not expire.",
	Needs:    []suites.Need{suites.RegisteredSecrets, suites.RefreshTokens, suites.SecretsEnd},
	Faults:   []fault.Fault{fault.SecretOutlasts},
	Specs: func(d *probes.Deployment) {
		used := probes.Start(d, d.SecretAfterEnd)

		It("as its registration says", func(ctx SpecContext) {
			m, err := used.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(m.After).To(suites.BeRefused(), "a client secret still works %s after it expired", m.Past.Round(time.Second))
		})
	},
})

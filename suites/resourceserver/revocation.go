package resourceserver

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "rs-revoked-jwt",
	Title:    "An access token that verifies by itself does not long outlive its revocation",
	Role:     suites.RS,
	Area:     suites.TokenRevocation,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 7009", Section: "3"}, {Doc: "OAuth 2.1", Section: "5.3.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-rejects-revoked-token", "rev-effective-at-resource"},
	Remedy:   "Let access tokens that nobody is asked about live for an hour at most, or have the resource server ask.",
	Needs:    []suites.Need{suites.Revocation, suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.AccessTokenLong},
	Specs: func(d *probes.Deployment) {
		revoked := probes.Start(d, d.RevokedToken)

		It("at the MCP server", func(ctx SpecContext) {
			r, err := revoked.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case r.Unsupported:
				suites.NotApplicable("the authorization server revokes no access tokens")
			case r.Dead:
				d.Note("a revoked token was refused %s after its revocation", r.After.Round(100*time.Millisecond))
			case r.Lifetime == 0:
				suites.Warn("a revoked access token goes on working, and nothing says for how long")
			case r.Lifetime > selfLimited:
				suites.Warn("a revoked access token goes on working until it expires, and that may be %s later", r.Lifetime)
			default:
				d.Note("a revoked token goes on working until it expires, %s after it was issued at the latest", r.Lifetime)
			}
		})
	},
})

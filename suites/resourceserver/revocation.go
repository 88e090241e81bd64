package resourceserver

import (
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "rs-revoked-token",
	Title:    "A revoked access token stops working soon",
	Role:     suites.RS,
	Area:     suites.TokenRevocation,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 7009", Section: "2.1"}, {Doc: "OAuth 2.1", Section: "5.3.2"}, {Doc: "MCP 2026-07-28", Section: "Authorization, Token Handling"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-rejects-revoked-token", "rev-effective-at-resource"},
	Remedy:   "Ask the authorization server about tokens and believe it for a minute at most, or issue tokens that verify by themselves for an hour at most.",
	Needs:    []suites.Need{suites.Revocation, suites.OpaqueAccessTokens},
	Faults:   []fault.Fault{fault.RevokeNothing, fault.IntrospectRevoked, fault.IntrospectionKept},
	Specs: func(d *probes.Deployment) {
		revoked := probes.Start(d, d.RevokedToken)

		It("at the MCP server", func(ctx SpecContext) {
			r, err := revoked.Await(ctx)
			if errors.Is(err, probes.ErrNotRevocable) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			window := r.Window.Round(100 * time.Millisecond)
			switch {
			case r.Refused:
				d.Note("the token was refused %s after it had been revoked", window)
			case r.Window < longestWindow:
				suites.Review("a revoked access token was still accepted after %s, and the run could wait no longer: see that it is refused within a minute (--wait 61s)", window)
			default:
				suites.Warn("a revoked access token was still accepted after %s", window)
			}
		})
	},
})

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
			if errors.Is(err, probes.ErrNotRevocable) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			switch {
			case r.Refused:
				d.Note("a revoked token is refused at once")
			case r.Lifetime == 0:
				suites.Warn("a revoked access token goes on working, and nothing says for how long")
			case r.Lifetime > time.Hour:
				suites.Warn("a revoked access token goes on working until it expires, and that may be %s later", r.Lifetime)
			default:
				d.Note("a revoked token goes on working until it expires, %s after it was issued at the latest", r.Lifetime)
			}
		})
	},
})

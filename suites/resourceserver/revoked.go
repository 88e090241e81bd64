package resourceserver

import (
	"time"

	. "github.com/onsi/ginkgo/v2"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// How long a revoked access token may live on. Introspection is often remembered
// for a minute; a JWT that nobody asks about should end within the hour by itself.
const (
	remembered  = time.Minute
	forgetful   = 5 * time.Minute
	selfLimited = time.Hour
)

var _ = suites.Register(suites.Check{
	ID:       "rs-revoked-token-refused",
	Title:    "A revoked access token stops working soon",
	Role:     suites.RS,
	Area:     suites.TokenRevocation,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 7009", Section: "2.1"}, {Doc: "RFC 7662", Section: "4"}, {Doc: "OAuth 2.1", Section: "5.3.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-rejects-revoked-token", "rev-effective-at-resource"},
	Remedy:   "Ask the authorization server about tokens and remember its answer for no more than a minute.",
	Needs:    []suites.Need{suites.Revocation, suites.SecondClient, suites.OpaqueAccessTokens},
	Faults:   []fault.Fault{fault.IntrospectionKept},
	Specs: func(d *probes.Deployment) {
		revoked := probes.Start(d, d.RevokedToken)

		It("at the resource server", func(ctx SpecContext) {
			x, err := revoked.Await(ctx)
			if err != nil {
				Fail(err.Error())
			}
			after := x.After.Round(100 * time.Millisecond)
			promised := d.Target.Contract.RevocationMax
			switch {
			case x.Unsupported:
				suites.NotApplicable("the authorization server revokes no access tokens")
			case x.Dead && promised > 0 && x.After > promised+time.Second:
				Fail("a revoked access token was refused only after " + after.String() + ", and the contract says " + promised.String())
			case x.Dead:
				d.Note("a revoked access token was refused %s after its revocation", after)
			case promised > 0 && x.After > promised:
				Fail("a revoked access token is still accepted after " + after.String() + ", and the contract says " + promised.String())
			case x.After >= forgetful:
				Fail("a revoked access token is still accepted after " + after.String())
			case x.After > remembered:
				suites.Warn("a revoked access token is still accepted after %s", after)
			default:
				suites.NotApplicable("a revoked access token is still accepted after %s, as where introspection is remembered: --wait %s tells", after, forgetful)
			}
		})
	},
})

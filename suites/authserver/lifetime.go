package authserver

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// Bounds of the lifetime of a bearer access token. No standard gives figures;
// these are what RFC 9700 and its readers take for short and for long.
const (
	shortLived = time.Hour
	longLived  = 24 * time.Hour
)

// lifetime is how long an access token lives: by its own claims if it is a JWT,
// else as declared.
func lifetime(t *probes.Tokens) (time.Duration, bool) {
	if jwt, ok := t.JWT(); ok {
		expires, hasExpiry := jwt.Claims.Number("exp")
		issued, hasIssue := jwt.Claims.Number("iat")
		if hasExpiry && hasIssue {
			return time.Duration((expires - issued) * float64(time.Second)), true
		}
		return 0, false
	}
	return t.ExpiresIn()
}

var _ = suites.Register(suites.Check{
	ID:       "as-access-token-short-lived",
	Title:    "Access tokens are short-lived",
	Role:     suites.AS,
	Area:     suites.Lifetime,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Token Theft"}, {Doc: "RFC 9700", Section: "2.2.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"as-short-lived-access-tokens", "life-access-token-short"},
	Remedy:   "Let access tokens of public clients live an hour or less, and use refresh tokens for the rest.",
	Faults:   []fault.Fault{fault.AccessTokenLong, fault.AccessTokenEternal},
	Specs: func(d *probes.Deployment) {
		grant := probes.Start(d, d.Baseline)

		It("and do expire", func(ctx SpecContext) {
			t, err := grant.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if jwt, ok := t.JWT(); ok {
				Expect(jwt.Claims.Has("exp")).To(BeTrue(), "the access token has no exp: it never expires")
			}
		})
		It("living no longer than a day", func(ctx SpecContext) {
			t, err := grant.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			length, known := lifetime(t)
			if !known {
				suites.NotApplicable("how long the access token lives is neither declared nor readable")
			}
			if promised := d.Target.Contract.AccessTokenLifetimeMax; promised > 0 {
				Expect(length).To(BeNumerically("<=", promised), "access tokens live %s, and the contract says %s at most", length, promised)
			}
			if length > shortLived {
				d.Note("access tokens live %s, more than an hour", length)
			}
			Expect(length).To(BeNumerically("<=", longLived), "access tokens live %s", length)
		})
	},
})

// tolerance is what a declared and a real lifetime may differ by: a clock tick
// and the time the answer took.
const tolerance = 5 * time.Second

var _ = suites.Register(suites.Check{
	ID:       "as-expires-in-true",
	Title:    "An access token lives as long as expires_in says",
	Role:     suites.AS,
	Area:     suites.Lifetime,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 6749", Section: "5.1"}, {Doc: "RFC 9068", Section: "2.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"as-token-response-members"},
	Remedy:   "Compute expires_in and exp from the same lifetime. Clients that trust expires_in keep using a dead token, or forget one that still works.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.AccessTokenOutlasts},
	Specs: func(d *probes.Deployment) {
		grant := probes.Start(d, d.Baseline)

		It("by its own claims", func(ctx SpecContext) {
			t, err := grant.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			declared, ok := t.ExpiresIn()
			if !ok {
				suites.NotApplicable("the token response declares no lifetime")
			}
			real, ok := lifetime(t)
			if !ok {
				suites.NotApplicable("the access token has no exp and iat")
			}
			Expect((real - declared).Abs()).To(BeNumerically("<=", tolerance), "expires_in says %s, and the token's claims %s", declared, real)
		})
	},
})

// tooLong is how long a refresh token may live at most: nobody who signs in once
// means to do so for ever.
const tooLong = 366 * 24 * time.Hour

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-ends",
	Title:    "A browser application's refresh tokens end, and refreshing does not put that off",
	Role:     suites.AS,
	Area:     suites.Lifetime,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 4.3.3", "RFC 9700, 4.14.2"),
	Since:    suites.V20250618,
	Covers:   []string{"life-refresh-expiry"},
	Remedy:   "Fix the end of a grant when the user signs in, keep it through every refresh, and let it lie within days or weeks for public clients.",
	Needs:    []suites.Need{suites.RefreshTokens, suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.RefreshSlides, fault.RefreshEternal},
	Specs: func(d *probes.Deployment) {
		ends := probes.Start(d, d.RefreshEnds)
		told := func(ctx SpecContext) *probes.Ends {
			e, err := ends.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !e.Told {
				suites.NotApplicable("neither the token response nor the refresh token itself tells when it ends")
			}
			return e
		}

		It("within a year", func(ctx SpecContext) {
			e := told(ctx)
			Expect(e.Lifetime).To(BeNumerically("<=", tooLong), "the first refresh token lives %s", e.Lifetime.Round(time.Hour))
		})
		It("when the first of them would have", func(ctx SpecContext) {
			e := told(ctx)
			if e.Elapsed < time.Second*3/2 {
				suites.NotApplicable("refresh tokens tell their end in seconds, and the run may not wait that long (--wait)")
			}
			moved := e.Last.Sub(e.First)
			Expect(moved).To(BeNumerically("<", e.Elapsed*3/4), "%s later, the end of the grant is %s later",
				e.Elapsed.Round(100*time.Millisecond), moved.Round(100*time.Millisecond))
		})
	},
})

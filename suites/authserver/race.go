package authserver

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-race-code",
	Title:    "Of several redemptions of one code at the same moment, one yields tokens",
	Role:     suites.AS,
	Area:     suites.Concurrency,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.3", "RFC 6749, 4.1.2", "RFC 9700, 4.2.4"),
	Since:    suites.V20250326,
	Covers:   []string{"race-code-concurrent", "race-winners-still-rotate"},
	Remedy:   "Claim the code in one atomic step, such as an UPDATE that only touches unused codes, and issue tokens only if that changed something.",
	Needs:    []suites.Need{suites.SecondClient},
	Faults:   []fault.Fault{fault.CodeRaces},
	Specs: func(d *probes.Deployment) {
		raced := probes.StartLast(d, d.RaceCode)

		It("and no more", func(ctx SpecContext) {
			r, err := raced.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case r.Open != nil:
				suites.BlockedBy(d, r.Open)
			case r.Lost():
				Fail(fmt.Sprintf("%d redemptions of one code at once gave %d different access tokens that are accepted (round %d)", r.Size, len(r.Living), r.Rounds))
			case len(r.Distinct()) > 1:
				suites.Warn("%d redemptions of one code at once gave %d different answers with tokens, of which no more than one is accepted", r.Size, len(r.Distinct()))
			case len(r.Issued) > 1:
				suites.Warn("%d of %d redemptions of one code at once were answered with the same tokens", len(r.Issued), r.Size)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-race-refresh",
	Title:    "Using one refresh token several times at the same moment does not make several grants of it",
	Role:     suites.AS,
	Area:     suites.Concurrency,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 4.3.1", "RFC 9700, 4.14.2"),
	Since:    suites.V20250618,
	Covers:   []string{"race-refresh-concurrent", "race-winners-still-rotate"},
	Remedy:   "Replace a refresh token in one atomic step, or give all that come at once the same successor; whatever comes of them belongs to one grant that ends as a whole.",
	Needs:    []suites.Need{suites.RefreshTokens, suites.SecondClient},
	Faults:   []fault.Fault{fault.RefreshRaces},
	Specs: func(d *probes.Deployment) {
		raced := probes.StartLast(d, d.RaceRefresh)

		It("that live on when one of them is replayed", func(ctx SpecContext) {
			r := refreshRace(ctx, raced)
			if r.Open != nil {
				suites.BlockedBy(d, r.Open)
			}
			if r.Family {
				d.Note("several refreshes at once gave different refresh tokens, which all ended when one was used again")
			}
			Expect(r.Lost()).To(BeFalse(), "%d refreshes at once began %d grants that live on independently (round %d)", r.Size, len(r.Living), r.Rounds)
		})
	},
})

// refreshRace awaits a race of refreshes and skips where there is nothing to win.
func refreshRace(ctx SpecContext, raced *probes.Future[*probes.RefreshRace]) *probes.RefreshRace {
	r, err := raced.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	if !r.Rotated {
		suites.NotApplicable("refresh tokens are not rotated; as-refresh-rotation judges that")
	}
	return r
}

var _ = suites.Register(suites.Check{
	ID:       "as-race-refresh-benign",
	Title:    "A client that refreshes twice at once is not locked out",
	Role:     suites.AS,
	Area:     suites.Refresh,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 4.3.1"),
	Since:    suites.V20250618,
	Covers:   []string{"rt-grace-keeps-winner-alive"},
	Remedy:   "For a few seconds, as long as the successor is unused, refuse a used refresh token without ending the grant, or answer with the same successor: parallel requests of one client are no theft.",
	Needs:    []suites.Need{suites.RefreshTokens, suites.SecondClient},
	Faults:   []fault.Fault{fault.RefreshRaceEnds},
	Specs: func(d *probes.Deployment) {
		raced := probes.StartLast(d, d.RaceRefresh)

		It("but can go on with what one of the two gave it", func(ctx SpecContext) {
			p := refreshRace(ctx, raced).Pair
			Expect(p.Issued).NotTo(BeEmpty(), "of two refreshes at once neither gave tokens")
			Expect(p.Refresh).To(suites.BeAccepted(), "after two refreshes at once no refresh token works any more")
			if !p.Call.Served() {
				d.Note("an access token from two refreshes at once was not accepted")
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-race-revocation",
	Title:    "A grant that is revoked while it is being refreshed has ended",
	Role:     suites.AS,
	Area:     suites.Concurrency,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 7009, 2.1", "OAuth 2.1, 4.3.1"),
	Since:    suites.V20250618,
	Covers:   []string{"race-revoke-vs-refresh"},
	Remedy:   "Let a refresh and a revocation lock the same grant, and issue nothing for a grant that was revoked in the meantime.",
	Needs:    revocable,
	Faults:   []fault.Fault{fault.RevocationRaces},
	Specs: func(d *probes.Deployment) {
		raced := probes.StartLast(d, d.RaceRevocation)

		It("whatever the refresh still gave", func(ctx SpecContext) {
			r, err := raced.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(r.Survived).To(BeFalse(), "a refresh token that was issued while its grant was being revoked still works (round %d)", r.Rounds)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-race-one-time",
	Title:    "What is good for one time is so for several requests at the same moment",
	Role:     suites.AS,
	Area:     suites.Concurrency,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 4.1.3", "RFC 7523, 3", "RFC 9700, 4.2.4"),
	Since:    suites.V20250326,
	Covers:   []string{"race-one-time-artifacts"},
	Remedy:   "Use up the transaction of a consent page, and the jti of an assertion, in one atomic step.",
	Needs:    []suites.Need{suites.SecondClient},
	Faults:   []fault.Fault{fault.ConsentRaces, fault.AssertionRaces, fault.ParRaces, fault.DeviceRaces},
	Specs: func(d *probes.Deployment) {
		consent := probes.StartLast(d, d.RaceConsent)
		assertion := probes.StartLast(d, d.RaceAssertion)
		push, device := probes.StartLast(d, d.RacePush), probes.StartLast(d, d.RaceDevice)

		It("a consent form", func(ctx SpecContext) {
			r, err := consent.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !r.Offered {
				suites.NotApplicable("%v", probes.ErrNoConsentForm)
			}
			if r.Open != nil {
				suites.NotApplicable("the consent form is not good for one time only: the same user can send it again")
			}
			Expect(len(r.Issued)).To(BeNumerically("<=", 1), "one consent form that was sent several times at once gave %d codes that redeem", len(r.Issued))
		})
		It("a client assertion", func(ctx SpecContext) {
			r, err := assertion.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case !r.Offered:
				suites.NotApplicable("%v", probes.ErrNoAssertion)
			case r.Open != nil:
				suites.NotApplicable("client assertions are not remembered; as-assertion-replay judges that")
			}
			Expect(len(r.Issued)).To(BeNumerically("<=", 1), "one client assertion that came several times at once authenticated %d requests", len(r.Issued))
		})
		It("a pushed request", func(ctx SpecContext) {
			r, err := push.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case !r.Offered:
				suites.NotApplicable("the authorization server takes no pushed requests, or only one browser can be under way")
			case r.Open != nil:
				suites.NotApplicable("request URIs can be used again; as-par-single-use judges that")
			}
			Expect(len(r.Issued)).To(BeNumerically("<=", 1), "one request URI that several browsers came with at once led to %d codes that redeem", len(r.Issued))
		})
		It("a device code", func(ctx SpecContext) {
			r, err := device.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case !r.Offered:
				suites.NotApplicable("no device can be connected")
			case r.Open != nil:
				suites.NotApplicable("device codes can be used again; as-device-polling judges that")
			}
			Expect(len(r.Issued)).To(BeNumerically("<=", 1), "one device code that was polled with several times at once gave %d access tokens", len(r.Issued))
		})
	},
})

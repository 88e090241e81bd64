package authserver

import (
	"context"
	"math"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// replays judges what came of redeeming used codes again.
func replays(d *probes.Deployment, judge func(r *probes.CodeReplays)) func(SpecContext) {
	replayed := probes.Start(d, d.ReplayCodes)
	return func(ctx SpecContext) {
		r, err := replayed.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if !r.First.Issued() {
			suites.LeaveTo(d, "as-code-flow", reports.AuthServer, "the code could not be redeemed in the first place")
		}
		judge(r)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-code-single-use",
	Title:    "An authorization code yields tokens once",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.3", "RFC 6749, 4.1.2", "RFC 9700, 4.2.4"),
	Since:    suites.V20250326,
	Covers:   []string{"as-code-single-use", "race-code-replay"},
	Remedy:   "Mark a code as used in the same transaction that looks it up, and refuse used codes.",
	Needs:    []suites.Need{suites.SecondClient},
	Faults:   []fault.Fault{fault.CodeReusable, fault.CodeReserved},
	Specs: func(d *probes.Deployment) {
		It("and not again", replays(d, func(r *probes.CodeReplays) {
			if r.Replay.Issued() && r.Replay.Access == r.First.Access {
				suites.Warn("a used code was answered with the same access token again: whoever has the code and its verifier has the token")
			}
			Expect(r.Replay).To(suites.BeRefused())
		}))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-code-replay-revokes",
	Title:    "A second sound redemption of a code ends what the first one gave",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 4.1.3", "RFC 6749, 4.1.2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-code-reuse-revokes", "race-code-replay-revokes"},
	Remedy:   "Remember which grant a code led to, and revoke that grant when the code comes back with the right verifier: somebody else has both.",
	Needs:    []suites.Need{suites.SecondClient},
	Faults:   []fault.Fault{fault.CodeReuseForgiven},
	Specs: func(d *probes.Deployment) {
		It("the refresh token, and an access token that can be revoked", replays(d, func(r *probes.CodeReplays) {
			switch {
			case r.Replay.Issued():
				suites.LeaveTo(d, "as-code-single-use", reports.AuthServer, "the code was redeemed twice")
			case r.After == nil && r.Called == nil:
				suites.NotApplicable("there is no refresh token, and access tokens are JWTs, which live until they expire")
			}
			if r.After != nil {
				Expect(r.After).To(suites.BeRefused(), "the refresh token from a replayed code still works")
			}
			if r.Called != nil && r.Called.Served() {
				d.Note("the access token from the code was still accepted right after the replay")
			}
		}))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-code-invalid-replay-harmless",
	Title:    "Replaying a code with a wrong verifier does not end what its client got for it",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 7.5.3"),
	Since:    suites.V20250326,
	Covers:   []string{"as-code-reuse-revokes", "race-invalid-replay-harmless"},
	Remedy:   "Check client, redirect URI and verifier before you act on the replay: whoever merely saw the code must not be able to end the grant.",
	Needs:    []suites.Need{suites.SecondClient, suites.RefreshTokens},
	Faults:   []fault.Fault{fault.CodeReuseHarms},
	Specs: func(d *probes.Deployment) {
		It("the refresh token", replays(d, func(r *probes.CodeReplays) {
			switch {
			case r.Harmless.Issued():
				suites.LeaveTo(d, "as-code-single-use", reports.AuthServer, "a used code with a wrong verifier yielded tokens")
			case r.Kept == nil:
				suites.NotApplicable("there is no refresh token")
			}
			Expect(r.Kept).To(suites.BeAccepted(), "the refresh token ended when somebody replayed the code with a wrong verifier")
		}))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-code-lifetime",
	Title:    "A code that is not used expires within minutes",
	Role:     suites.AS,
	Area:     suites.Lifetime,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 4.1.2", "RFC 6749, 4.1.2"),
	Since:    suites.V20250326,
	Covers:   []string{"life-code-expiry", "as-code-short-lived"},
	Remedy:   "Let codes expire after a minute or so, at the latest after ten.",
	Needs:    []suites.Need{suites.ExpiringCodes},
	Faults:   []fault.Fault{fault.CodeEternal},
	Specs: func(d *probes.Deployment) {
		late := probes.Start(d, d.RedeemLate)

		It("and is refused then", func(ctx SpecContext) {
			attempt, err := late.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(attempt).To(suites.BeRefused(), "a code was redeemed after %s", d.CodeWait())
		})
	},
})

// enoughBits is what a code has to be worth. RFC 6749, section 10.10, asks for
// 128 bits; random UUIDs, which are common, have 122.
const enoughBits = 100

var _ = suites.Register(suites.Check{
	ID:       "as-code-unguessable",
	Title:    "Authorization codes cannot be guessed",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 6749, 10.10", "OAuth 2.1, 7.7"),
	Since:    suites.V20250326,
	Covers:   []string{"authz-code-properties"},
	Remedy:   "Make codes of at least 128 random bits, from a cryptographic generator.",
	Faults:   []fault.Fault{fault.CodeGuessable},
	Specs: func(d *probes.Deployment) {
		issued := probes.Start(d, func(ctx context.Context) ([]*probes.Authorization, error) { return d.Codes(ctx, 5) })

		It("from others of the same client", func(ctx SpecContext) {
			all, err := issued.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var codes []string
			for _, a := range all {
				codes = append(codes, a.Code)
			}
			bits := variation(codes)
			if bits >= enoughBits && bits < 128 {
				d.Note("codes vary by at most %d bits", bits)
			}
			Expect(bits).To(BeNumerically(">=", enoughBits), "%d codes vary by no more than %d bits", len(codes), bits)
		})
	},
})

// variation is the most bits that random texts like these can be worth: the
// places where they differ, by the alphabet that is seen there.
func variation(texts []string) int {
	length := math.MaxInt
	for _, text := range texts {
		length = min(length, len(text))
	}
	places, seen := 0, ""
	for i := range length {
		differs := false
		for _, text := range texts {
			differs = differs || text[i] != texts[0][i]
			seen += text[i : i+1]
		}
		if differs {
			places++
		}
	}
	return int(float64(places) * math.Log2(alphabet(seen)))
}

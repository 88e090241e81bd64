package resourceserver

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "rs-encryption-proves-nothing",
	Title:    "An encrypted token is not thereby a genuine one",
	Role:     suites.RS,
	Area:     suites.JWTValidation,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "RFC 8725", Section: "3.3"}, {Doc: "RFC 9068", Section: "4"}},
	Since:    suites.V20250326,
	Covers:   []string{"jwt-encrypted-is-not-signed"},
	Remedy:   "Take signed tokens only; where they are encrypted as well, verify the signature of what is inside.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.AcceptEncrypted, fault.AcceptGuessable},
	Specs: func(d *probes.Deployment) {
		public := probes.Start(d, func(ctx context.Context) ([]probes.Varied, error) {
			jwks, err := d.KeySet(ctx)
			if err != nil {
				return nil, err
			}
			return d.GuardedForgeries(ctx, tokens.EncryptedTo(jwks)...)
		})
		guessed := d.TryForgeries(tokens.EncryptedGuessably()...)

		It("if it is encrypted to a public key", func(ctx SpecContext) {
			expectRefused(ctx, d, public, "the protected call is carried out for a token that anybody can make")
		})
		It("or with a password that anybody guesses", func(ctx SpecContext) {
			expectRefused(ctx, d, guessed, "the protected call is carried out for a token that anybody can make")
		})
	},
})

// tooLong is how long a server may take to refuse a token, beyond what a sound
// call takes it.
const tooLong = time.Second

var _ = suites.Register(suites.Check{
	ID:       "rs-costly-tokens",
	Title:    "Tokens that cost much are refused for little",
	Role:     suites.RS,
	Area:     suites.JWTValidation,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 8725", Section: "3.6"}, {Doc: "draft-ietf-oauth-rfc8725bis", Section: "3.13"}},
	Since:    suites.V20250326,
	Covers:   []string{"jwt-resource-exhaustion"},
	Remedy:   "Decide by the header which algorithms are taken at all before anything is computed, and limit sizes, depths and iteration counts.",
	Needs:    []suites.Need{suites.JWTAccessTokens, suites.Disturbing},
	Faults:   []fault.Fault{fault.CostlyDerivation},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.CostlyTokens)

		It("of time", func(ctx SpecContext) {
			costs, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, c := range costs {
				if c.Served {
					suites.LeaveTo(d, "rs-rejects-tampered-token", reports.ResourceServer, "a token %s is accepted", c.Name)
				}
				if c.Took > tooLong+5*c.Control {
					suites.Warn("a token %s keeps the server busy for %s, and a sound one for %s", c.Name, c.Took.Round(time.Millisecond), c.Control.Round(time.Millisecond))
				}
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-keys-come-and-go",
	Title:    "New keys are found, and withdrawn ones are given up",
	Role:     suites.RS,
	Area:     suites.JWTValidation,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 9068", Section: "4"}, {Doc: "RFC 8725", Section: "3.8"}},
	Since:    suites.V20250326,
	Covers:   []string{"jwt-removed-key-refused"},
	Remedy:   "Fetch the key set again when a token names a key that is not in it, and after some minutes in any case; replace the old set by the new one.",
	Needs:    []suites.Need{keysChosen, labTokens},
	Faults:   []fault.Fault{fault.KeysNeverFetched, fault.KeysNeverDropped},
	Specs: func(d *probes.Deployment) {
		changed := probes.Start(d, d.ChangeKeys)

		It("when they come", func(ctx SpecContext) {
			c, err := changed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			in := c.LearnedIn.Round(100 * time.Millisecond)
			switch {
			case c.Learned:
				d.Note("a new key was found %s after it had been published", in)
			case c.LearnedIn < longestWindow: // many fetch the key set twice a minute at most
				suites.Review("a token that is signed with a new key was still refused %s after the key had been published, and the run could wait no longer: see that it is accepted within a minute (--wait 61s)", in)
			default:
				suites.Warn("a token that is signed with a new key was still refused %s after the key had been published", in)
			}
		})
		It("when they go", func(ctx SpecContext) {
			c, err := changed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			in := c.DroppedIn.Round(100 * time.Millisecond)
			switch {
			case !c.Learned:
				suites.NotApplicable("the new key was never accepted")
			case c.Dropped:
				d.Note("a withdrawn key was given up after %s", in)
			case c.Fetched:
				suites.Warn("the server has fetched the new key set, and goes on accepting tokens that are signed with a key which is no longer in it")
			default:
				suites.Review("a token that is signed with a withdrawn key was still accepted after %s, and the server had not fetched the keys again: see that it does within minutes", in)
			}
		})
	},
})

// keysChosen needs to choose which keys are published.
func keysChosen(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.Keys != nil, "an authorization server of ours: have the resource server trust the lab's"
}

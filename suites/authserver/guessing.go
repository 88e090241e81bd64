package authserver

import (
	"context"
	"errors"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// plainCode is a user code without what only makes it easier to read.
func plainCode(code string) string { return strings.NewReplacer("-", "", " ", "").Replace(code) }

var _ = suites.Register(suites.Check{
	ID:       "as-guessing-passwords",
	Title:    "Nobody can go on trying passwords",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 6749, 10.10", "RFC 6819, 5.1.4.2.3"),
	Since:    suites.V20250326,
	Covers:   []string{"web-guessing-limits"},
	Remedy:   "After some wrong passwords for a name, or from one place, make further tries slow, or refuse them for a while.",
	Needs:    []suites.Need{suites.Disturbing},
	Faults:   []fault.Fault{fault.LoginUnlimited},
	Specs: func(d *probes.Deployment) {
		guessed := probes.Start(d, d.GuessPasswords)

		It("for one name", func(ctx SpecContext) {
			g, err := guessed.Await(ctx)
			if errors.Is(err, probes.ErrAnyoneWelcome) || errors.Is(err, probes.ErrNoLoginForm) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			if !g.Limited() {
				suites.Warn("after %d wrong passwords for a name that does not exist, the last was answered as the first: there is no sign of a limit", g.Tries)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-guessing-user-codes",
	Title:    "Nobody can go on trying user codes of devices",
	Role:     suites.AS,
	Area:     suites.WebSecurity,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 8628, 5.1"),
	Since:    suites.V20250326,
	Covers:   []string{"web-guessing-limits"},
	Remedy:   "After some wrong user codes of one user or browser, refuse further ones for a while.",
	Needs:    []suites.Need{devices, suites.Disturbing},
	Faults:   []fault.Fault{fault.DeviceUnlimited},
	Specs: func(d *probes.Deployment) {
		guessed := probes.Start(d, d.GuessUserCodes)

		It("for one user", func(ctx SpecContext) {
			g := onDevice(ctx, guessed)
			if !g.Limited() {
				suites.Warn("after %d wrong user codes of one user, the last was answered as the first: there is no sign of a limit", g.Tries)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-guessing-secrets",
	Title:    "Client secrets cannot be guessed, or not for long",
	Role:     suites.AS,
	Area:     suites.ClientAuth,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 6749, 2.3.1", "OAuth 2.1, 2.5.1"),
	Since:    suites.V20250326,
	Covers:   []string{"ca-guessing-throttled", "as-token-endpoint-brute-force"},
	Remedy:   "Issue secrets of at least 128 random bits; where people choose them, limit wrong tries.",
	Needs:    []suites.Need{suites.RegisteredSecrets},
	Faults:   []fault.Fault{fault.RegisterWeakSecret},
	Specs: func(d *probes.Deployment) {
		type guesses struct {
			bits    float64
			guessed *probes.GuessedSecrets
		}
		found := probes.Start(d, func(ctx context.Context) (*guesses, error) {
			c, err := d.OtherConfidentialClient(ctx)
			if err != nil {
				return nil, err
			}
			g := &guesses{bits: entropy([]*probes.Client{c})}
			if g.bits < 96 {
				g.guessed, err = d.GuessSecrets(ctx)
			}
			return g, err
		})

		It("by trying", func(ctx SpecContext) {
			g, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if g.guessed != nil && !g.guessed.Limited {
				Fail("a client secret has at most " + bitsText(g.bits) + " bits, and after many wrong ones the last was answered as the first")
			}
		})
	},
})

func bitsText(bits float64) string { return strconv.FormatFloat(bits, 'f', 0, 64) }

package authserver

import (
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-client-keys-replaced",
	Title:    "A client replaces its key by publishing another one at its jwks_uri",
	Role:     suites.AS,
	Area:     suites.ClientAuth,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 7591, 2", "OpenID Connect Core, 10.1.1"),
	Since:    suites.V20250326,
	Remedy: "When an assertion names a key that you do not know, read the jwks_uri again, at most every few seconds, and forget the keys that are no longer there: " +
		"a client withdraws a key because somebody else may have it.",
	Needs:  []suites.Need{suites.DynamicRegistration},
	Faults: []fault.Fault{fault.ClientKeysFrozen, fault.ClientKeysKept},
	Specs: func(d *probes.Deployment) {
		replaced := probes.Start(d, d.ReplaceKeys)
		judged := func(judge func(*probes.ReplacedKeys)) func(SpecContext) {
			return func(ctx SpecContext) {
				r, err := replaced.Await(ctx)
				if errors.Is(err, probes.ErrNoKeysByReference) {
					_ = d.TakeTrouble() // it is no trouble
					suites.NotApplicable("needs %v", err)
				}
				Expect(err).NotTo(HaveOccurred())
				judge(r)
			}
		}

		It("which works from then on", judged(func(r *probes.ReplacedKeys) {
			Expect(r.New).To(suites.BeAccepted(), "an assertion by the key that is published now")
		}))
		It("and the one that is gone does not", judged(func(r *probes.ReplacedKeys) {
			if r.Old == nil {
				suites.NotApplicable("the new key was not noticed")
			}
			Expect(r.Old).To(suites.BeRefused(), "an assertion by the key that was withdrawn")
		}))
	},
})

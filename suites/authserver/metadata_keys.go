package authserver

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-jwks-public",
	Title:    "The key set holds public keys only",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "RFC 8414", Section: "2"}, {Doc: "RFC 7517", Section: "9.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"asm-jwks-public-only"},
	Remedy:   "Publish only the public members of each key, and replace every key whose private half was ever published.",
	Faults:   []fault.Fault{fault.KeysPrivate, fault.KeysSymmetric},
	Specs: func(d *probes.Deployment) {
		It("without private members", keys(d, func(all []*wire.Document) {
			for _, key := range all {
				for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth"} {
					Expect(key.Has(member)).To(BeFalse(), "the key set contains the private member %s of a key", member)
				}
			}
		}))
		It("without symmetric keys", keys(d, func(all []*wire.Document) {
			for _, key := range all {
				Expect(key.Has("k")).To(BeFalse(), "the key set contains a symmetric key")
			}
		}))
	},
})

// keys judges the authorization server's key set.
func keys(d *probes.Deployment, judge func([]*wire.Document)) func(SpecContext) {
	found := probes.Start(d, d.Keys)
	return func(ctx SpecContext) {
		all, err := found.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if len(all) == 0 {
			suites.NotApplicable("the metadata names no keys (jwks_uri)")
		}
		judge(all)
	}
}

// printedKeys are public members of keys whose private halves are printed in
// standards, by their first characters.
var printedKeys = map[string]string{
	"0vx7agoebGcQSuuPiLJXZptN": "RFC 7517, appendix A.2", "MKBCTNIcKUSDii11ySs3526i": "RFC 7517, appendix A.2",
	"ofgWCuLjybRlzo0tZWJjNiuS": "RFC 7515, appendix A.2", "f83OJ3D2xF1Bg8vub9tLe1gH": "RFC 7515, appendix A.3",
	"AekpBQ8ST8a8VcfVOTNl353v": "RFC 7515, appendix A.4", "11qYAYKxCrfVS_7TyWQHOg7h": "RFC 8037, appendix A.1",
	"l8tFrhx-34tV3hRICRDY9zCk": "RFC 9449, section 4.1",
}

var _ = suites.Register(suites.Check{
	ID:       "as-jwks-quality",
	Title:    "The signing keys are strong and nobody else's",
	Role:     suites.AS,
	Area:     suites.Metadata,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "RFC 7518", Section: "3.3"}, {Doc: "RFC 8725", Section: "3.5"}},
	Since:    suites.V20250326,
	Covers:   []string{"asm-jwks-key-quality"},
	Remedy:   "Generate keys of your own: RSA of at least 2048 bits, or P-256 or Ed25519, each with a kid of its own.",
	Faults:   []fault.Fault{fault.KeysWeak, fault.KeysKnown, fault.KeysAmbiguous},
	Specs: func(d *probes.Deployment) {
		It("RSA of at least 2048 bits", keys(d, func(all []*wire.Document) {
			for _, key := range all {
				if modulus, ok := key.String("n"); ok {
					Expect(len(modulus)*6).To(BeNumerically(">=", 2040), "an RSA key has only %d bits", len(modulus)*6/8*8)
				}
			}
		}))
		It("not printed in a standard", keys(d, func(all []*wire.Document) {
			for _, key := range all {
				for _, member := range []string{"n", "x"} {
					value, _ := key.String(member)
					where := printedKeys[value[:min(len(value), 24)]]
					Expect(where).To(BeEmpty(), "the private half of a key is printed in a standard")
				}
			}
		}))
		It("each with a kid of its own", keys(d, func(all []*wire.Document) {
			seen := map[string]bool{}
			for _, key := range all {
				if kid, ok := key.String("kid"); ok {
					Expect(seen[kid]).To(BeFalse(), "two keys have the kid %q", kid)
					seen[kid] = true
				}
			}
		}))
	},
})

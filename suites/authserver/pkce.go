package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// unchallenged leaves PKCE out of an authorization request.
var unchallenged = probes.Without("code_challenge", "code_challenge_method")

// withoutPKCE are the flows of a client that does without PKCE altogether.
func withoutPKCE(d *probes.Deployment, client func(context.Context) (*probes.Client, error)) *probes.Future[[]probes.Tried] {
	return d.Try(client, probes.Trial{
		Name:          "a flow without code_challenge and code_verifier",
		Authorization: []probes.Mutation{unchallenged, probes.Without("nonce")},
		Redemption:    []probes.Mutation{probes.Without("code_verifier")},
	})
}

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-required-public",
	Title:    "A public client gets no token without a code challenge",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.1", "OAuth 2.1, 7.5.1", "RFC 9700, 2.1.1", "MCP 2026-07-28, Authorization Code Protection"),
	Since:    suites.V20250326,
	Covers:   []string{"as-pkce-challenge-required", "pkce-required-for-public"},
	Remedy:   "Require code_challenge with the method S256 in every authorization request, and treat an empty one as missing.",
	Faults:   []fault.Fault{fault.PKCENotRequired, fault.PKCEEmptyChallenge},
	Specs: func(d *probes.Deployment) {
		none := withoutPKCE(d, d.Client)
		empty := d.Try(d.Client, probes.Trial{
			Name:          "an empty code_challenge",
			Authorization: []probes.Mutation{probes.With("code_challenge", "")},
			Redemption:    []probes.Mutation{probes.Without("code_verifier")},
		}, probes.Trial{
			Name:          "a code_challenge_method alone",
			Authorization: []probes.Mutation{probes.Without("code_challenge")},
			Redemption:    []probes.Mutation{probes.Without("code_verifier")},
		})
		client := probes.Start(d, d.Client)
		public := func(judge func(SpecContext)) func(SpecContext) {
			return func(ctx SpecContext) {
				c, err := client.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				if c.Confidential() {
					suites.NotApplicable("the client of this run is confidential; as-pkce-required-confidential judges those")
				}
				judge(ctx)
			}
		}

		It("if it sends none", public(refused(d, none)))
		It("if it sends an empty one, or only a method", public(refused(d, empty)))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-required-confidential",
	Title:    "A confidential client gets no token without a code challenge either",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 7.5.1.1", "RFC 9700, 2.1.1"),
	Since:    suites.V20250326,
	Covers:   []string{"pkce-required-for-confidential"},
	Remedy:   "Require PKCE of every client: a secret does not stop a code from being injected into another session of the same client.",
	Needs:    []suites.Need{suites.ConfidentialClient},
	Faults:   []fault.Fault{fault.PKCENotRequiredConfidential, fault.PKCENotRequired},
	Specs: func(d *probes.Deployment) {
		It("nor a nonce", refused(d, withoutPKCE(d, d.ConfidentialClient)))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-plain-refused",
	Title:    "The challenge method plain is refused",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 9700, 2.1.1", "OAuth 2.1, 4.1.1", "RFC 7636, 7.2"),
	Since:    suites.V20250326,
	Covers:   []string{"pkce-plain-refused"},
	Remedy:   "Accept S256 only. Whoever can read the authorization request knows a plain verifier.",
	Faults:   []fault.Fault{fault.PKCEPlain},
	Specs: func(d *probes.Deployment) {
		verifier := probes.NewVerifier()
		It("although the verifier is right", refused(d, d.TryPKCE(probes.Trial{
			Name:          "code_challenge_method plain",
			Authorization: []probes.Mutation{probes.With("code_challenge_method", "plain"), probes.With("code_challenge", verifier)},
			Redemption:    []probes.Mutation{probes.With("code_verifier", verifier)},
		})))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-method-omitted",
	Title:    "A challenge without a method is refused, or taken for plain, and never left unverified",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.1", "RFC 7636, 4.3", "RFC 7636, 4.4.1"),
	Since:    suites.V20250326,
	Covers:   []string{"pkce-omitted-method-means-plain"},
	Remedy:   "Refuse a code_challenge that comes without code_challenge_method=S256: by default the method is plain.",
	Faults:   []fault.Fault{fault.PKCEMethodAbsent, fault.PKCEMethodDefault},
	Specs: func(d *probes.Deployment) {
		omitted := []probes.Mutation{probes.Without("code_challenge_method")}
		unverified := d.TryPKCE(
			probes.Trial{Name: "a wrong verifier", Authorization: omitted, Redemption: []probes.Mutation{probes.With("code_verifier", probes.NewVerifier())}},
			probes.Trial{Name: "no verifier", Authorization: omitted, Redemption: []probes.Mutation{probes.Without("code_verifier")}},
		)
		plain := d.TryPKCE(probes.Trial{
			Name: "the challenge as its own verifier", Authorization: omitted,
			Redemption: []probes.Mutation{probes.Change("code_verifier", probes.S256)},
		})

		It("whatever the verifier", refused(d, unverified))
		It("although plain should not be had by default", contested(d, plain,
			"a client that forgets the method gets plain, which protects nobody who can read the authorization request"))
	},
})

// asked makes a trial of the verifier that matches S256, or one that does not,
// under another name for the method.
func asked(method string, verifier ...probes.Mutation) probes.Trial {
	return probes.Trial{
		Name:          "code_challenge_method " + strings.ReplaceAll(method, " ", "␠"),
		Authorization: []probes.Mutation{probes.With("code_challenge_method", method)},
		Redemption:    verifier,
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-method-unknown",
	Title:    "An unknown challenge method is refused",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.2.1", "RFC 7636, 4.4.1"),
	Since:    suites.V20250326,
	Covers:   []string{"pkce-unknown-method-refused"},
	Remedy:   "Compare code_challenge_method with S256, byte for byte, and answer anything else with invalid_request.",
	Faults:   []fault.Fault{fault.PKCEMethodUnknown, fault.PKCEMethodLoose},
	Specs: func(d *probes.Deployment) {
		wrong := func() probes.Mutation { return probes.With("code_verifier", probes.NewVerifier()) }
		unverified := d.TryPKCE(asked("S512", wrong()), asked("none", wrong()), asked("null", wrong()), asked("s256", wrong()))
		misspelt := d.TryPKCE(asked("s256"), asked("S256 "), asked("SHA256"))

		It("rather than left unverified", refused(d, unverified))
		It("even if it looks like S256", contested(d, misspelt, "method names are taken loosely"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-downgrade",
	Title:    "A code that was asked for without a challenge is not given for a verifier",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9700, 2.1.1", "RFC 9700, 4.8.2", "OAuth 2.1, 4.1.3"),
	Since:    suites.V20250326,
	Covers:   []string{"pkce-downgrade-detected", "as-pkce-verifier-required"},
	Remedy:   "Refuse a token request with code_verifier for a code whose authorization request had no code_challenge: somebody took the challenge out on the way.",
	Faults:   []fault.Fault{fault.PKCEDowngrade},
	Specs: func(d *probes.Deployment) {
		downgraded := d.TryPKCE(
			probes.Trial{Name: "no code_challenge, but a verifier", Authorization: []probes.Mutation{unchallenged}},
			probes.Trial{Name: "an empty code_challenge, but a verifier", Authorization: []probes.Mutation{probes.With("code_challenge", "")}},
		)

		It("although the client sent one", refused(d, downgraded))
	},
})

// hexed is the SHA-256 sum of a verifier in hexadecimal.
func hexed(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return hex.EncodeToString(sum[:])
}

// standard is the S256 challenge of a verifier in the alphabet of plain base64.
func standard(verifier string) string {
	return strings.NewReplacer("-", "+", "_", "/").Replace(probes.S256(verifier))
}

// dashed makes a verifier whose challenge differs between the two alphabets.
func dashed() string {
	for {
		if v := probes.NewVerifier(); strings.ContainsAny(probes.S256(v), "-_") {
			return v
		}
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-challenge-syntax",
	Title:    "A challenge that cannot come from S256 matches no verifier",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cited("RFC 7636, 4.2", "RFC 7636, 4.6", "OAuth 2.1, 4.1.1"),
	Since:    suites.V20250326,
	Covers:   []string{"pkce-challenge-syntax"},
	Remedy:   "Refuse a code_challenge that is not 43 characters of base64url, and compare it as text.",
	Faults:   []fault.Fault{fault.ChallengePadded},
	Specs: func(d *probes.Deployment) {
		spelt := func(name string, challenge func(verifier string) string) probes.Trial {
			verifier := dashed()
			return probes.Trial{
				Name:          name,
				Authorization: []probes.Mutation{probes.With("code_challenge", challenge(verifier))},
				Redemption:    []probes.Mutation{probes.With("code_verifier", verifier)},
			}
		}
		others := d.TryPKCE(
			spelt("a padded challenge", func(v string) string { return probes.S256(v) + "=" }),
			spelt("a challenge in the alphabet of plain base64", standard),
			spelt("a challenge in hexadecimal", hexed),
			spelt("a challenge without its last character", func(v string) string { return probes.S256(v)[:42] }),
			spelt("a challenge of one character", func(string) string { return "a" }),
		)

		It("in another spelling or length", refused(d, others))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-challenge-not-leaked",
	Title:    "The code challenge does not come back with the code",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 4.1.2", "RFC 7636, 4.4"),
	Since:    suites.V20250326,
	Covers:   []string{"as-pkce-challenge-not-leaked"},
	Remedy:   "Keep the challenge on the server, with the code; if the code holds it, encrypt the code.",
	Faults:   []fault.Fault{fault.ChallengeLeaked},
	Specs: func(d *probes.Deployment) {
		flow := probes.Start(d, func(ctx context.Context) (*probes.Authorization, error) {
			c, err := d.Client(ctx)
			if err != nil {
				return nil, err
			}
			return d.Code(ctx, c)
		})

		It("where others can read it", func(ctx SpecContext) {
			a, err := flow.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			challenge := a.Request.Values.Get("code_challenge")
			for name, values := range a.Params {
				for _, value := range values {
					Expect(strings.Contains(value, challenge)).To(BeFalse(), "the parameter %s of the response contains the challenge", name)
					Expect(probes.Readable(value, challenge)).To(BeFalse(), "the parameter %s of the response contains the challenge, merely encoded", name)
				}
			}
		})
	},
})

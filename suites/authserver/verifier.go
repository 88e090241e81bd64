package authserver

import (
	"context"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// changed makes a trial whose token request has another verifier, made of the
// right one.
func changed(name string, change func(verifier string) string) probes.Trial {
	return probes.Trial{Name: name, Redemption: []probes.Mutation{probes.Change("code_verifier", change)}}
}

// otherCase swaps the case of every letter.
func otherCase(s string) string {
	swap := func(r rune) rune {
		if lower := strings.ToLower(string(r)); lower != string(r) {
			return []rune(lower)[0]
		}
		return []rune(strings.ToUpper(string(r)))[0]
	}
	return strings.Map(swap, s)
}

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-wrong-verifier",
	Title:    "A code is not given for a verifier that does not match the challenge",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.3", "RFC 7636, 4.6", "MCP 2026-07-28, Authorization Code Protection"),
	Since:    suites.V20250326,
	Covers:   []string{"as-pkce-verifier-checked", "pkce-wrong-verifier"},
	Remedy:   "Hash the verifier as it was sent and compare the result with the challenge of this very code.",
	Faults:   []fault.Fault{fault.VerifierIgnored, fault.VerifierTail, fault.VerifierTrimmed, fault.VerifierOfAnother},
	Specs: func(d *probes.Deployment) {
		random := probes.Start(d, d.WrongVerifier)
		altered := d.TryPKCE(
			changed("the right verifier and one more character", func(v string) string { return v + "A" }),
			changed("the right verifier without its last character", func(v string) string { return v[:len(v)-1] }),
			changed("the right verifier in the other case", otherCase),
			changed("the right verifier and a space", func(v string) string { return v + " " }),
			changed("the right verifier and a line break", func(v string) string { return v + "\n" }),
		)
		another := probes.Start(d, d.SwapVerifiers)

		It("a random one", func(ctx SpecContext) {
			Expect(random.Await(ctx)).To(suites.BeRefused())
		})
		It("the right one, altered", refused(d, altered))
		It("that of another transaction of the client", func(ctx SpecContext) {
			Expect(another.Await(ctx)).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-verifier-required",
	Title:    "A code that was asked for with a challenge is not given without a verifier",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.3", "RFC 9700, 2.1.1"),
	Since:    suites.V20250326,
	Covers:   []string{"as-pkce-verifier-required", "pkce-verifier-missing-or-empty"},
	Remedy:   "If a code has a challenge, refuse any token request without a matching code_verifier.",
	Faults:   []fault.Fault{fault.VerifierOptional, fault.VerifierEmpty},
	Specs: func(d *probes.Deployment) {
		missing := d.TryPKCE(probes.Trial{Name: "no code_verifier", Redemption: []probes.Mutation{probes.Without("code_verifier")}})
		empty := d.TryPKCE(
			probes.Trial{Name: "an empty code_verifier", Redemption: []probes.Mutation{probes.With("code_verifier", "")}},
			probes.Trial{Name: "the code_verifier null", Redemption: []probes.Mutation{probes.With("code_verifier", "null")}},
		)

		It("if it is missing", refused(d, missing))
		It("if it is empty", refused(d, empty))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-challenge-as-verifier",
	Title:    "The challenge does not work as its own verifier",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 7636, 4.6", "RFC 7636, 7.2", "OAuth 2.1, 4.1.3"),
	Since:    suites.V20250326,
	Covers:   []string{"as-pkce-verifier-checked", "pkce-challenge-as-verifier"},
	Remedy:   "Keep the challenge method with the code, and verify by that method alone.",
	Faults:   []fault.Fault{fault.VerifierIsChallenge, fault.PKCEMethodFromToken},
	Specs: func(d *probes.Deployment) {
		plainly := d.TryPKCE(changed("the challenge as the verifier", probes.S256))
		downgraded := d.TryPKCE(probes.Trial{
			Name:       "the challenge as the verifier, and code_challenge_method=plain",
			Redemption: []probes.Mutation{probes.Change("code_verifier", probes.S256), probes.With("code_challenge_method", "plain")},
		})

		It("although it is what the server compares with", refused(d, plainly))
		It("even if the token request asks for plain", refused(d, downgraded))
	},
})

// matching makes a trial with the verifier and its own S256 challenge.
func matching(name, verifier string) probes.Trial {
	return probes.Trial{
		Name:          name,
		Authorization: []probes.Mutation{probes.With("code_challenge", probes.S256(verifier))},
		Redemption:    []probes.Mutation{probes.With("code_verifier", verifier)},
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-verifier-syntax",
	Title:    "A verifier has 43 to 128 unreserved characters",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cited("RFC 7636, 4.1", "OAuth 2.1, 4.1.1"),
	Since:    suites.V20250326,
	Covers:   []string{"pkce-verifier-syntax"},
	Remedy:   "Take every verifier that RFC 7636 allows, and refuse others: a short one can be guessed by whoever saw the challenge.",
	Faults:   []fault.Fault{fault.VerifierBounds, fault.VerifierShort, fault.VerifierLong, fault.VerifierCharacters},
	Specs: func(d *probes.Deployment) {
		long := strings.Repeat(probes.NewVerifier(), 24)
		longest := d.Try(d.Client, matching("a verifier of 128 characters", long[:124]+"-._~"))
		short := d.TryPKCE(matching("a verifier of one character", "a"))
		tooLong := d.TryPKCE(matching("a verifier of 1,000 characters", long[:1000]))
		characters := d.TryPKCE(
			matching("a verifier with / and +", "/+"+long[:43]),
			matching("a verifier with characters that are not ASCII", "é"+long[:43]),
		)

		It("and all of them can be used", func(ctx SpecContext) {
			tried, err := longest.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(tried[0].Attempt).To(suites.BeAccepted(), "a verifier of 128 characters was refused")
		})
		It("not one alone", refused(d, short))
		It("not a thousand", refused(d, tooLong))
		It("and no others", refused(d, characters))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-guesses-limited",
	Title:    "A code does not survive guesses at its verifier",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 7.7", "RFC 9700, 4.5.3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"pkce-wrong-guess-burns-code"},
	Remedy:   "Throw a code away after a few token requests with a wrong verifier: its own client gets it right at once.",
	Faults:   []fault.Fault{fault.CodeGuessesUnlimited},
	Specs: func(d *probes.Deployment) {
		guesses := probes.Start(d, func(ctx context.Context) (*probes.Guesses, error) { return d.GuessVerifier(ctx, 3) })

		It("for ever", func(ctx SpecContext) {
			g, err := guesses.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(g.Last).To(suites.BeRefused(), "after %d wrong verifiers the right one still works", g.Wrong)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-challenge-lookup",
	Title:    "A code stays with its own client even if two clients use the same challenge",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("OAuth 2.1, 4.1.3", "RFC 9700, 2.1.1"),
	Since:    suites.V20250326,
	Covers:   []string{"pkce-challenge-reuse"},
	Remedy:   "Find the transaction by its code. A challenge is chosen by the client and identifies nothing.",
	Needs:    []suites.Need{suites.SecondClient},
	Faults:   []fault.Fault{fault.ChallengeIsLookup},
	Specs: func(d *probes.Deployment) {
		swapped := probes.Start(d, d.SwapClients)

		It("whoever redeems it", func(ctx SpecContext) {
			Expect(swapped.Await(ctx)).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-pkce-advertised",
	Title:    "The metadata says that S256 is supported",
	Role:     suites.AS,
	Area:     suites.PKCE,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("MCP 2026-07-28, Authorization Code Protection", "RFC 8414, 2"),
	Since:    suites.V20251125,
	Covers:   []string{"as-oidc-code-challenge-methods", "as-oauth-code-challenge-methods", "as-s256-supported", "asm-pkce-advertised"},
	Remedy:   "Publish code_challenge_methods_supported with S256 in every metadata document: MCP clients stop without it.",
	Faults:   []fault.Fault{fault.DiscoveryNoPKCE, fault.DiscoveryNoPKCEOpenID, fault.DiscoveryPlainOnly, fault.DiscoveryPlain},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)
		// in judges the member in all documents of a form.
		in := func(form string) func(SpecContext) {
			return func(ctx SpecContext) {
				x, err := discovery.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				found := false
				for _, f := range x.Metadata {
					if f.Document == nil || !strings.HasPrefix(f.Form, form) {
						continue
					}
					found = true
					methods, _ := f.Document.Strings("code_challenge_methods_supported")
					Expect(methods).To(ContainElement("S256"), "code_challenge_methods_supported of %s does not list S256", f.URL)
				}
				if !found {
					suites.NotApplicable("there is no such document")
				}
			}
		}

		It("in the OAuth metadata", in("oauth"))
		It("in the OpenID Connect discovery document", in("oidc"))
		It("and no weaker method", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, f := range x.Metadata {
				methods, _ := f.Document.Strings("code_challenge_methods_supported")
				if slices.Contains(methods, "plain") {
					suites.Warn("%s advertises the challenge method plain; as-pkce-plain-refused judges whether it works", f.URL)
				}
			}
		})
	},
})

package resourceserver

import (
	"context"
	"net/http"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// dpopServed needs a resource server that takes DPoP-bound tokens.
func dpopServed(ctx context.Context, d *probes.Deployment) (bool, string) {
	served, err := d.ServesProven(ctx)
	return err != nil || served, "a resource server that takes DPoP-bound tokens (dpop_signing_alg_values_supported in its metadata, or a DPoP challenge)"
}

// dpopNonces needs one that hands out nonces for proofs.
func dpopNonces(ctx context.Context, d *probes.Deployment) (bool, string) {
	nonces, err := d.GivesNonces(ctx)
	return err != nil || nonces.Given, "a resource server that hands out nonces for DPoP proofs"
}

// dpopCheck is a check on how bound tokens are taken.
func dpopCheck(c suites.Check) suites.Check {
	c.Role, c.Area, c.Since = suites.RS, suites.DPoP, suites.V20250326
	c.Needs = append([]suites.Need{dpopServed}, c.Needs...)
	return c
}

// dpopCites cites RFC 9449.
func dpopCites(sections ...string) []suites.Cite {
	var cites []suites.Cite
	for _, section := range sections {
		cites = append(cites, suites.Cite{Doc: "RFC 9449", Section: section})
	}
	return cites
}

// dpopTry makes the same provings whatever the token.
func dpopTry(d *probes.Deployment, provings ...probes.Proving) *probes.Future[[]probes.Varied] {
	return d.TryProvings(func(*probes.Proven) ([]probes.Proving, error) { return provings, nil })
}

// dpopForged is a proving whose proof is made of a sound one.
func dpopForged(r tokens.Recipe) probes.Proving { return probes.Proving{Name: r.Name, Forge: &r} }

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "rs-dpop-accepted",
	Title:    "A DPoP-bound token with a sound proof is accepted",
	Level:    suites.Must,
	Severity: suites.Info,
	Cites:    dpopCites("7.1", "4.3"),
	Covers:   []string{"rs-dpop-proof-validated"},
	Remedy: "Compare what the server expects of a proof (algorithm, htm, htu as clients see the URL, ath, iat, nonce) with RFC 9449; " +
		"behind a proxy htu is usually compared with an inner URL. The other checks of DPoP wait for this one.",
	Faults: []fault.Fault{fault.DPoPRefused},
	Specs: func(d *probes.Deployment) {
		sound := probes.Start(d, d.ProvenCall)

		It("under the scheme DPoP", func(ctx SpecContext) {
			answer, err := sound.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer).To(suites.BeAccepted())
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "rs-dpop-no-downgrade",
	Title:    "A DPoP-bound token is worth nothing without a proof",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    dpopCites("7.1", "7.2", "11.1"),
	Covers:   []string{"rs-dpop-no-bearer-downgrade", "dpop-no-downgrade-to-bearer"},
	Remedy:   "Refuse a token with a cnf claim under the Bearer scheme, and one under the DPoP scheme without a proof: a thief has no other way to use it.",
	Faults:   []fault.Fault{fault.DPoPDowngrade, fault.DPoPProofOptional},
	Specs: func(d *probes.Deployment) {
		plain := dpopTry(d, probes.Proving{Name: "as a bearer token", Scheme: "Bearer", None: true})
		unproven := dpopTry(d, probes.Proving{Name: "under the scheme DPoP without a proof", None: true})

		It("as a bearer token", func(ctx SpecContext) {
			expectRefused(ctx, d, plain, "a bound token is taken as a bearer token")
		})
		It("under the scheme DPoP", func(ctx SpecContext) {
			expectRefused(ctx, d, unproven, "a bound token is taken without a proof")
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "rs-dpop-proof-bound",
	Title:    "A DPoP proof is good for one method, one URL, one token and one key",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    dpopCites("4.3", "7.1"),
	Covers:   []string{"rs-dpop-proof-validated", "dpop-proof-binding"},
	Remedy:   "Compare htm, htu, ath and the thumbprint of the proof's key with this very request and its token, each time.",
	Faults:   []fault.Fault{fault.DPoPMethodUnchecked, fault.DPoPURLUnchecked, fault.DPoPTokenUnchecked, fault.DPoPKeyUnchecked},
	Specs: func(d *probes.Deployment) {
		elsewhere := *d.Endpoint
		elsewhere.Host = "elsewhere.mcpassay.example"
		method := dpopTry(d,
			probes.Proving{Name: "made for GET", Mutate: []tokens.Mutation{tokens.Claim("htm", "GET")}},
			probes.Proving{Name: "made for no method", Mutate: []tokens.Mutation{tokens.Without("htm")}})
		target := dpopTry(d,
			probes.Proving{Name: "made for another host", Mutate: []tokens.Mutation{tokens.Claim("htu", elsewhere.String())}},
			probes.Proving{Name: "made for another path", Mutate: []tokens.Mutation{tokens.Claim("htu", d.Endpoint.JoinPath("mcpassay").String())}},
			probes.Proving{Name: "made for no URL", Mutate: []tokens.Mutation{tokens.Without("htu")}})
		token := dpopTry(d,
			probes.Proving{Name: "made for another token", Mutate: []tokens.Mutation{tokens.ForToken(probes.NewVerifier())}},
			probes.Proving{Name: "made for no token", Mutate: []tokens.Mutation{tokens.Without("ath")}})
		key := d.TryOtherKey()

		It("the method of the request", func(ctx SpecContext) {
			expectRefused(ctx, d, method, "the protected call is carried out with a proof")
		})
		It("the URL of the request", func(ctx SpecContext) {
			expectRefused(ctx, d, target, "the protected call is carried out with a proof")
		})
		It("the token of the request", func(ctx SpecContext) {
			expectRefused(ctx, d, token, "the protected call is carried out with a proof")
		})
		It("the key of the token", func(ctx SpecContext) {
			expectRefused(ctx, d, key, "the protected call is carried out with a proof")
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "rs-dpop-proof-signed",
	Title:    "A DPoP proof is one JWT of its own type, signed by the public key it brings",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    dpopCites("4.2", "4.3", "11.6"),
	Covers:   []string{"rs-dpop-proof-validated", "dpop-proof-signature"},
	Remedy: "Verify the signature with the key of the jwk header under an allowlist of asymmetric algorithms, and require typ dpop+jwt, " +
		"one DPoP header and a key without private parts.",
	Faults: []fault.Fault{
		fault.DPoPSignatureUnchecked, fault.DPoPUnsigned, fault.DPoPSymmetric, fault.DPoPAnyType, fault.DPoPManyProofs, fault.DPoPPrivateKey,
	},
	Specs: func(d *probes.Deployment) {
		signature := d.TryProvings(func(p *probes.Proven) ([]probes.Proving, error) {
			forged := []probes.Proving{dpopForged(p.Holder.SignedByOther())}
			for _, r := range tokens.BrokenSignatures()[:4] { // the rest is about the curve of access tokens
				forged = append(forged, dpopForged(r))
			}
			return forged, nil
		})
		algorithm := dpopTry(d, dpopForged(tokens.Unprotected()), dpopForged(tokens.SharedSecretBrought()))
		kind := dpopTry(d,
			probes.Proving{Name: "of type JWT", Mutate: []tokens.Mutation{tokens.Header("typ", "JWT")}},
			probes.Proving{Name: "of no type", Mutate: []tokens.Mutation{tokens.Header("typ", nil)}})
		several := dpopTry(d, probes.Proving{Name: "beside another", Twice: true})
		private := d.TryProvings(func(p *probes.Proven) ([]probes.Proving, error) {
			return []probes.Proving{dpopForged(p.Holder.BringingPrivateKey())}, nil
		})

		It("by that key", func(ctx SpecContext) {
			expectRefused(ctx, d, signature, "the protected call is carried out with a proof")
		})
		It("under an asymmetric algorithm", func(ctx SpecContext) {
			expectRefused(ctx, d, algorithm, "the protected call is carried out with a proof")
		})
		It("of type dpop+jwt", func(ctx SpecContext) {
			expectRefused(ctx, d, kind, "the protected call is carried out with a proof")
		})
		It("alone in the request", func(ctx SpecContext) {
			names := served(awaited(ctx, d, several))
			if len(names) > 0 {
				suites.Warn("two DPoP headers are taken, where RFC 9449 allows one: which of them counts can differ between a gateway and the server")
			}
		})
		It("without private parts", func(ctx SpecContext) {
			names := served(awaited(ctx, d, private))
			if len(names) > 0 {
				suites.Warn("a proof that brings its private key is taken: whoever sees it can make others")
			}
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "rs-dpop-proof-age",
	Title:    "A DPoP proof is good for a few minutes from when it was made",
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    append(dpopCites("4.3", "11.1"), suites.Cite{Doc: "MCP DPoP extension", Section: "Resource servers"}),
	Covers:   []string{"rs-dpop-iat-window", "dpop-replay-and-nonce", "rs-dpop-replay-protection"},
	Remedy:   "Refuse proofs without iat and those whose iat is more than five minutes from now, or hand out nonces: a proof that was once seen must soon be worth nothing.",
	Faults:   []fault.Fault{fault.DPoPEternal, fault.DPoPHourOld, fault.DPoPPostdated, fault.DPoPUndated},
	Specs: func(d *probes.Deployment) {
		old := dpopTry(d, probes.AgedProofs(24*time.Hour, 30*time.Minute)...)
		future := dpopTry(d, probes.AgedProofs(-30*time.Minute, -24*time.Hour)...)
		undated := dpopTry(d, probes.Proving{Name: "that does not say when it was made", Mutate: []tokens.Mutation{tokens.Without("iat")}})
		nonces := probes.Start(d, d.GivesNonces)
		refuse := func(f *probes.Future[[]probes.Varied]) func(SpecContext) {
			return func(ctx SpecContext) {
				given, err := nonces.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				names := served(awaited(ctx, d, f))
				if given.Given && len(names) > 0 {
					suites.NotApplicable("the nonce in a proof tells when it was made, and iat is not looked at")
				}
				Expect(names).To(BeEmpty(), "the protected call is carried out with a proof")
			}
		}

		It("not for half an hour", refuse(old))
		It("not before", refuse(future))
		It("and says when that was", refuse(undated))
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "rs-dpop-replay",
	Title:    "A DPoP proof works once",
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    dpopCites("4.3", "11.1"),
	Covers:   []string{"dpop-replay-and-nonce", "rs-dpop-replay-protection"},
	Remedy:   "Remember the jti of proofs for as long as they are taken, or hand out nonces that work once; where neither can be had, keep the window of iat short.",
	Faults:   []fault.Fault{fault.DPoPReplayable},
	Specs: func(d *probes.Deployment) {
		again := probes.Start(d, d.ReplayProof)

		It("and not again right after", func(ctx SpecContext) {
			answer, err := again.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer).To(suites.BeRefused(), "whoever sees a request can send it again")
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "rs-dpop-nonce",
	Title:    "Once the server has handed out a nonce, DPoP proofs have to hold it",
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    dpopCites("9", "8"),
	Covers:   []string{"dpop-replay-and-nonce"},
	Remedy:   "Refuse proofs without a recent nonce of yours with use_dpop_nonce, or stop handing nonces out: they protect only where they are required.",
	Needs:    []suites.Need{dpopNonces},
	Faults:   []fault.Fault{fault.DPoPNonceIgnored, fault.DPoPNonceAny},
	Specs: func(d *probes.Deployment) {
		missing := dpopTry(d, probes.Proving{Name: "without a nonce", Mutate: []tokens.Mutation{tokens.Nonce("")}})
		invented := dpopTry(d, probes.Proving{Name: "with a nonce of its own", Mutate: []tokens.Mutation{tokens.Nonce(probes.NewVerifier())}})

		nonces := probes.Start(d, d.GivesNonces)

		It("and not none", func(ctx SpecContext) {
			given, err := nonces.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(served(awaited(ctx, d, missing))) > 0 && !given.Required {
				suites.Warn("nonces are handed out, and a proof that is fresh does without")
			}
			expectRefused(ctx, d, missing, "the protected call is carried out with a proof")
		})
		It("and no other", func(ctx SpecContext) {
			expectRefused(ctx, d, invented, "the protected call is carried out with a proof")
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "rs-dpop-challenge",
	Title:    "A failed DPoP proof is answered 401 with a DPoP challenge that says why",
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    append(dpopCites("7.1", "8"), suites.Cite{Doc: "MCP DPoP extension", Section: "Resource servers"}),
	Covers:   []string{"rs-dpop-401-challenge"},
	Remedy:   "Answer 401 with WWW-Authenticate: DPoP and error invalid_dpop_proof, invalid_token or use_dpop_nonce, so that clients know what to send next.",
	Faults:   []fault.Fault{fault.DPoPChallengeMissing, fault.DPoPChallengeStatus, fault.DPoPChallengeError},
	Specs: func(d *probes.Deployment) {
		failed := dpopTry(d,
			probes.Proving{Name: "made for another method", Mutate: []tokens.Mutation{tokens.Claim("htm", "GET")}},
			probes.Proving{Name: "made for another token", Mutate: []tokens.Mutation{tokens.ForToken(probes.NewVerifier())}})

		It("as the standard names it", func(ctx SpecContext) {
			for _, v := range awaited(ctx, d, failed) {
				if v.Served() {
					suites.LeaveTo(d, "rs-dpop-proof-bound", reports.ResourceServer, "a proof %s is taken", v.Name)
				}
				Expect(v.Answer).To(suites.HaveStatus(http.StatusUnauthorized))
				code, challenged := v.ChallengedDPoP()
				Expect(challenged).To(BeTrue(), "the answer to a proof %s has no DPoP challenge in WWW-Authenticate", v.Name)
				Expect(slices.Contains([]string{"invalid_dpop_proof", "invalid_token", "use_dpop_nonce"}, code)).To(BeTrue(),
					"the DPoP challenge that answers a proof %s has error=%q", v.Name, code)
			}
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "rs-dpop-audience",
	Title:    "A DPoP-bound token for another resource is refused, however well it is proven",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    append(dpopCites("7.1"), suites.Cite{Doc: "MCP DPoP extension", Section: "Resource servers"}),
	Covers:   []string{"rs-dpop-audience-still-checked"},
	Remedy:   "Validate bound tokens exactly as others, the audience first of all: the proof says who sends a token, not whom it is for.",
	Needs:    []suites.Need{suites.OtherResource},
	Faults:   []fault.Fault{fault.DPoPAudienceUnchecked},
	Specs: func(d *probes.Deployment) {
		foreign := probes.Start(d, d.BoundForeignToken)

		It("by its audience", func(ctx SpecContext) {
			answer, err := foreign.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer).To(suites.BeRefused())
		})
	},
}))

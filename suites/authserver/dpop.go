package authserver

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// dpopIssued needs an authorization server that issues DPoP-bound tokens.
func dpopIssued(ctx context.Context, d *probes.Deployment) (bool, string) {
	issued, err := d.IssuesBound(ctx)
	return err != nil || issued, "an authorization server that issues DPoP-bound tokens (dpop_signing_alg_values_supported in its metadata)"
}

// dpopTokenNonces needs one that hands out nonces for proofs.
func dpopTokenNonces(ctx context.Context, d *probes.Deployment) (bool, string) {
	nonces, err := d.TokenNonces(ctx)
	return err != nil || nonces.Given, "a token endpoint that hands out nonces for DPoP proofs"
}

// dpopCheck is a check on how tokens are bound.
func dpopCheck(c suites.Check) suites.Check {
	c.Role, c.Area, c.Since = suites.AS, suites.DPoP, suites.V20250326
	c.Needs = append([]suites.Need{dpopIssued}, c.Needs...)
	return c
}

// dpopTry redeems a code with proofs that do not depend on their holder.
func dpopTry(d *probes.Deployment, provings ...probes.Proving) *probes.Future[[]probes.Tried] {
	return d.TryTokenProofs(func(context.Context, *probes.Holder) ([]probes.Proving, error) { return provings, nil }, nil)
}

// dpopUnfit tells whether proofs may not be signed by the algorithm.
func dpopUnfit(alg string) bool {
	return strings.EqualFold(alg, "none") || strings.HasPrefix(strings.ToUpper(alg), "HS")
}

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "as-dpop-algorithms",
	Title:    "The metadata lists the asymmetric algorithms that DPoP proofs may have",
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 9449, 5.1", "MCP DPoP extension, Authorization servers"),
	Covers:   []string{"as-dpop-alg-values"},
	Remedy:   "Publish dpop_signing_alg_values_supported as an array of asymmetric algorithms, such as ES256, and never of none or an HMAC.",
	Faults:   []fault.Fault{fault.DPoPAlgorithmsMissing, fault.DPoPAlgorithmsText, fault.DPoPAlgorithmNone, fault.DPoPAlgorithmHMAC},
	Specs: func(d *probes.Deployment) {
		found := probes.Start(d, d.Metadata)

		It("as an array", func(ctx SpecContext) {
			metadata, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(metadata.Has("dpop_signing_alg_values_supported")).To(BeTrue(), "tokens are bound, and dpop_signing_alg_values_supported is missing")
			listed, ok := metadata.Strings("dpop_signing_alg_values_supported")
			Expect(ok && len(listed) > 0).To(BeTrue(), "dpop_signing_alg_values_supported is no array of algorithms")
		})
		It("and nothing else", func(ctx SpecContext) {
			metadata, err := found.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			listed, ok := metadata.Strings("dpop_signing_alg_values_supported")
			if !ok {
				suites.NotApplicable("no algorithms are listed")
			}
			Expect(slices.DeleteFunc(listed, func(alg string) bool { return !dpopUnfit(alg) })).To(BeEmpty(),
				"these prove nothing, and dpop_signing_alg_values_supported lists them")
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "as-dpop-token-bound",
	Title:    "A token request with a sound DPoP proof yields a token that is bound to its key, and says so",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9449, 5", "RFC 9449, 6.1"),
	Covers:   []string{"as-dpop-token-binding", "dpop-token-really-bound"},
	Remedy:   "Answer token_type DPoP and put the thumbprint of the proof's key into the token, as cnf.jkt.",
	Faults:   []fault.Fault{fault.TokenProofRefused, fault.TokenProofIgnored, fault.DPoPTokenUnbound, fault.DPoPTokenMistyped},
	Specs: func(d *probes.Deployment) {
		granted := probes.Start(d, d.BoundTokens)

		It("in the answer", func(ctx SpecContext) {
			p, err := granted.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			kind, _ := p.Document.String("token_type")
			Expect(strings.EqualFold(kind, "DPoP")).To(BeTrue(), "token_type is %q, so that the client takes the token for one that needs no proof", kind)
		})
		It("in the token", func(ctx SpecContext) {
			p, err := granted.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			_, readable, bound := p.BoundTo()
			if !readable {
				suites.NotApplicable("the access token is opaque: what it is bound to shows where it is used")
			}
			Expect(bound).To(BeTrue(), "cnf.jkt of the access token is not the thumbprint of the key that the request has proven")
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "as-dpop-proof-validated",
	Title:    "A token request with a bad DPoP proof yields no token",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9449, 4.3", "RFC 9449, 5"),
	Covers:   []string{"as-dpop-token-binding"},
	Remedy:   "Check the proof of a token request as RFC 9449 says, and answer invalid_dpop_proof if anything about it is wrong; a token without a binding is not what was asked for.",
	Faults:   []fault.Fault{fault.TokenProofUnsigned, fault.TokenProofMisplaced, fault.TokenProofEternal},
	Specs: func(d *probes.Deployment) {
		signature := d.TryTokenProofs(func(_ context.Context, h *probes.Holder) ([]probes.Proving, error) {
			forged := []probes.Proving{}
			for _, r := range []tokens.Recipe{h.SignedByOther(), tokens.Unprotected(), tokens.SharedSecretBrought()} {
				forged = append(forged, probes.Proving{Name: "a proof " + r.Name, Forge: &r})
			}
			return forged, nil
		}, nil)
		place := dpopTry(d,
			probes.Proving{Name: "a proof for GET", Mutate: []tokens.Mutation{tokens.Claim("htm", "GET")}},
			probes.Proving{Name: "a proof for another URL", Mutate: []tokens.Mutation{tokens.Claim("htu", "https://elsewhere.mcpassay.example/token")}},
			probes.Proving{Name: "a proof of another type", Mutate: []tokens.Mutation{tokens.Header("typ", "JWT")}})
		age := dpopTry(d, probes.AgedProofs(24*time.Hour, -24*time.Hour)...)
		nonces := probes.Start(d, d.TokenNonces)

		It("whose signature proves nothing", refused(d, signature))
		It("that was made for something else", refused(d, place))
		It("that was not made just now", func(ctx SpecContext) {
			given, err := nonces.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if given.Given {
				suites.NotApplicable("the nonce in a proof tells when it was made")
			}
			refused(d, age)(ctx)
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "as-dpop-nonce",
	Title:    "Once the token endpoint has handed out a nonce, DPoP proofs have to hold it",
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 9449, 8"),
	Covers:   []string{"as-dpop-token-binding"},
	Remedy:   "Refuse proofs without a recent nonce of yours with use_dpop_nonce, or stop handing nonces out: they protect only where they are required.",
	Needs:    []suites.Need{dpopTokenNonces},
	Faults:   []fault.Fault{fault.TokenProofNonceIgnored},
	Specs: func(d *probes.Deployment) {
		missing := dpopTry(d, probes.Proving{Name: "a proof without a nonce", Mutate: []tokens.Mutation{tokens.Nonce("")}})
		invented := dpopTry(d, probes.Proving{Name: "a proof with an invented nonce", Mutate: []tokens.Mutation{tokens.Nonce(probes.NewVerifier())}})
		nonces := probes.Start(d, d.TokenNonces)

		It("and not none", func(ctx SpecContext) {
			given, err := nonces.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if given.Required {
				refused(d, missing)(ctx)
				return
			}
			contested(d, missing, "nonces are handed out, and a proof that is fresh does without")(ctx)
		})
		It("and no other", refused(d, invented))
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "as-dpop-bound-client",
	Title:    "A client that is registered for bound tokens gets no others",
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 9449, 5.2"),
	Covers:   []string{"as-dpop-bound-clients-enforced", "dpop-registered-requirement"},
	Remedy:   "Refuse token requests without a proof from clients with dpop_bound_access_tokens; they registered it so that nobody can talk them out of it.",
	Needs:    []suites.Need{suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.DPoPRegistrationIgnored},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.BoundClient)

		It("for want of a proof", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			if errors.Is(err, probes.ErrNoBoundClients) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(succeeded(all)).To(BeEmpty(), "an access token was issued for")
			undecidedIfFiltered(d, all)
		})
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "as-dpop-code-bound",
	Title:    "A code that was asked for with dpop_jkt is redeemed by that key alone",
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 9449, 10"),
	Covers:   []string{"dpop-refresh-and-code-binding"},
	Remedy:   "Keep dpop_jkt with the code, and compare it with the thumbprint of the proof when the code is redeemed.",
	Faults:   []fault.Fault{fault.DPoPCodeUnbound},
	Specs: func(d *probes.Deployment) {
		tried := d.TryTokenProofs(func(ctx context.Context, h *probes.Holder) ([]probes.Proving, error) {
			other, err := d.OtherHolder(ctx, h)
			return []probes.Proving{{Name: "the proof of another key", By: other}, {Name: "no proof", None: true}}, err
		}, func(h *probes.Holder) []probes.Mutation { return []probes.Mutation{probes.With("dpop_jkt", h.Key)} })

		It("and by nobody else", refused(d, tried))
	},
}))

var _ = suites.Register(dpopCheck(suites.Check{
	ID:       "as-dpop-refresh-bound",
	Title:    "A public client refreshes bound tokens with their key alone",
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 9449, 5"),
	Covers:   []string{"dpop-refresh-and-code-binding"},
	Remedy:   "Bind the refresh tokens of public clients to the key of the proof they were issued with, and demand a proof by it with every refresh.",
	Needs:    []suites.Need{suites.RefreshTokens},
	Faults:   []fault.Fault{fault.DPoPRefreshUnbound, fault.DPoPRefreshDowngrades},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.RefreshBound)

		It("and nobody else does", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			if errors.Is(err, probes.ErrConfidential) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(succeeded(all)).To(BeEmpty(), "tokens were refreshed with")
			undecidedIfFiltered(d, all)
		})
	},
}))

package resourceserver

import (
	"context"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// jwtPractice cites RFC 8725, and what asks resource servers to follow it.
func jwtPractice(section string) []suites.Cite {
	return []suites.Cite{
		{Doc: "RFC 8725", Section: section}, {Doc: "RFC 9068", Section: "4"}, {Doc: "OAuth 2.1", Section: "5.2"},
	}
}

var _ = suites.Register(suites.Check{
	ID:       "rs-rejects-tampered-token",
	Title:    "A token is worth nothing without its issuer's signature",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    jwtPractice("3.3"),
	Since:    suites.V20250326,
	Covers:   []string{"rs-rejects-tampered-signature", "jwt-baseline", "jwt-signature-variants"},
	Remedy:   "Verify the signature of every token with the issuer's published keys before any claim is read; decoding is not verifying.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.SignatureUnchecked, fault.SignatureStripped, fault.ZeroSignature},
	Specs: func(d *probes.Deployment) {
		changed := d.TryForgeries(
			tokens.Altered("sub", "mcpassay-somebody-else"), tokens.Altered("scope", "mcpassay admin"), tokens.Altered("jti", "mcpassay"),
			tokens.Altered("exp", 4102444800))
		broken := d.TryForgeries(tokens.BrokenSignatures()...)
		another := probes.Start(d, func(ctx context.Context) ([]probes.Varied, error) {
			attacker, err := tokens.NewAttacker()
			if err != nil {
				return nil, err
			}
			return d.GuardedForgeries(ctx, attacker.SameKeyID(), attacker.SameKeyID().WithClaim("sub", "mcpassay-somebody-else"))
		})

		It("over every claim", func(ctx SpecContext) {
			expectRefused(ctx, d, changed, "the protected call is carried out for a token that was changed after signing")
		})
		It("unbroken", func(ctx SpecContext) {
			expectRefused(ctx, d, broken, "the protected call is carried out for a token with a broken signature")
		})
		It("by its key, not by another", func(ctx SpecContext) {
			expectRefused(ctx, d, another, "the protected call is carried out for a token that somebody else has signed")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-rejects-alg-none",
	Title:    "An unsecured token is refused, however it spells its algorithm",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    jwtPractice("3.2"),
	Since:    suites.V20250326,
	Covers:   []string{"rs-rejects-alg-none", "jwt-alg-none"},
	Remedy:   "Tell the JWT library which algorithms to accept, by an allowlist; never take the algorithm from the token.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.AcceptAlgNone, fault.AcceptAlgNoneSpelled},
	Specs: func(d *probes.Deployment) {
		tried := d.TryForgeries(tokens.Unsigned()...)

		It("as none in any case, or not at all", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "the protected call is carried out for a token that nobody has signed")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-rejects-public-hmac",
	Title:    "What everybody knows does not sign a token",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    jwtPractice("3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"rs-rejects-alg-none", "jwt-hmac-with-public-key", "jwt-weak-hmac-secret", "jwt-issuer-list"},
	Remedy:   "Accept the issuer's asymmetric algorithms only; a verifier that lets the token choose HS256 takes the public key for a shared secret.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.AcceptHMACPublicKey, fault.AcceptHMACEmptyKey},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, func(ctx context.Context) ([]probes.Varied, error) {
			jwks, err := d.KeySet(ctx)
			if err != nil {
				return nil, err
			}
			return d.GuardedForgeries(ctx, tokens.HMACSigned(jwks)...)
		})

		It("be it the issuer's public key or an empty secret", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "the protected call is carried out for a token that anybody can sign")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-rejects-brought-key",
	Title:    "A token does not bring the key to verify it with",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    append(jwtPractice("3.10"), suites.Cite{Doc: "RFC 7515", Section: "4.1.2"}),
	Since:    suites.V20250326,
	Covers:   []string{"rs-rejects-alg-none", "jwt-attacker-supplied-key"},
	Remedy:   "Take keys from the key set of the configured issuer alone, and ignore or refuse jwk, jku, x5c and x5u.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.AcceptEmbeddedKey, fault.FetchKeyURL, fault.FetchKeyURLBlindly},
	Specs: func(d *probes.Deployment) {
		embedded := probes.Start(d, func(ctx context.Context) ([]probes.Varied, error) {
			attacker, err := tokens.NewAttacker()
			if err != nil {
				return nil, err
			}
			return d.GuardedForgeries(ctx, attacker.EmbeddedKey(), attacker.EmbeddedKey().WithClaim("sub", "mcpassay-somebody-else"))
		})
		pointed := d.TryImpostor(func(a *tokens.Attacker, address string) []tokens.Recipe {
			return []tokens.Recipe{a.KeyURL("jku", address+"/jwks.json"), a.KeyURL("x5u", address+"/jwks.json")}
		})

		It("in its header", func(ctx SpecContext) {
			expectRefused(ctx, d, embedded, "the protected call is carried out for a token that somebody has signed with a key of his own, named in the token")
		})
		It("nor say where to fetch it", func(ctx SpecContext) {
			Expect(served(impostor(ctx, pointed).Calls)).To(BeEmpty(), "the protected call is carried out for a token that points at the key of whoever made it")
		})
		It("nor have the server fetch anything", func(ctx SpecContext) {
			Expect(impostor(ctx, pointed).Fetched).To(BeEmpty(), "the server fetches URLs that a token names: anybody can make it ask any server it reaches")
		})
	},
})

// impostor awaits what became of an impostor's tokens, and skips where none could
// have been reached.
func impostor(ctx SpecContext, f *probes.Future[*probes.Impostor]) *probes.Impostor {
	x, err := f.Await(ctx)
	if errors.Is(err, probes.ErrOutOfReach) {
		suites.NotApplicable("%v", err)
	}
	Expect(err).NotTo(HaveOccurred())
	return x
}

var _ = suites.Register(suites.Check{
	ID:       "rs-rejects-foreign-issuer",
	Title:    "A token of an authorization server that the resource does not name is refused",
	Role:     suites.RS,
	Area:     suites.Audience,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    append(jwtPractice("3.8"), suites.Cite{Doc: "MCP 2026-07-28", Section: "Authorization, Token Handling"}),
	Since:    suites.V20250618,
	Covers:   []string{"rs-rejects-foreign-issuer", "jwt-issuer-pinned", "jwt-issuer-list"},
	Remedy:   "Configure the issuer; never look up keys at whatever iss says.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.AcceptForeignIssuer},
	Specs: func(d *probes.Deployment) {
		tried := d.TryImpostor(func(a *tokens.Attacker, address string) []tokens.Recipe {
			return []tokens.Recipe{a.Issuer(address), a.Issuer(address + "/")}
		})

		It("though it is sound in itself", func(ctx SpecContext) {
			Expect(served(impostor(ctx, tried).Calls)).To(BeEmpty(), "the protected call is carried out for a token of an authorization server of ours")
		})
		It("without that server being asked", func(ctx SpecContext) {
			Expect(impostor(ctx, tried).Fetched).To(BeEmpty(), "the server asks whatever issuer a token names for its keys")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-key-id-harmless",
	Title:    "The key id of a token is looked up and nothing else",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    append(jwtPractice("3.10"), suites.Cite{Doc: "RFC 7515", Section: "4.1.4"}),
	Since:    suites.V20250326,
	Covers:   []string{"rs-rejects-alg-none", "jwt-kid-injection"},
	Remedy:   "Use kid only to choose among the keys that are already there; never in a path, a query or a command.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.AcceptHMACEmptyKey, fault.KeyIDServerError},
	Specs: func(d *probes.Deployment) {
		tried := d.TryForgeries(tokens.KeyIDInjections()...)

		It("even if it is a path or a query", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "the protected call is carried out for a token whose kid leads to a key that anybody knows")
		})
		It("and does not upset the server", func(ctx SpecContext) {
			for _, v := range awaited(ctx, d, tried) {
				if v.Crashed() {
					suites.Warn("a token %s is answered %d: something other than a look-up is done with kid", v.Name, v.Status)
				}
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-token-one-reading",
	Title:    "A token has one reading",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 7515", Section: "7.1"}, {Doc: "RFC 8725", Section: "2.4"}},
	Since:    suites.V20250326,
	Covers:   []string{"jwt-serialization-tricks"},
	Remedy:   "Use a library that takes the compact serialization as it is defined: three parts of base64url without padding, and nothing else.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.LooseTokenSyntax},
	Specs: func(d *probes.Deployment) {
		tried := d.TryForgeries(tokens.LooseSyntaxes()...)

		It("and is refused in a form that is not its own", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "a token is accepted in a form that it must not have: what checks it and what uses it may read it differently")
		})
	},
})

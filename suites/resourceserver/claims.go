package resourceserver

import (
	"context"
	"errors"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// expiry is a way to see what becomes of an expired token: to mint one, or to
// wait for one to expire.
func expiry(ctx context.Context, d *probes.Deployment) (bool, string) {
	if ok, _ := labTokens(ctx, d); ok {
		return true, ""
	}
	return suites.ShortLived(ctx, d)
}

// clockLeeway is the difference between clocks that nobody is blamed for.
const clockLeeway = 5 * time.Minute

var _ = suites.Register(suites.Check{
	ID:       "rs-401-expired-token",
	Title:    "An expired token is refused",
	Role:     suites.RS,
	Area:     suites.Lifetime,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "5.2"}, {Doc: "RFC 9068", Section: "4"}, {Doc: "RFC 7519", Section: "4.1.4"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-401-expired-token", "life-expired-token-refused", "jwt-expiry-claims"},
	Remedy:   "Check exp with every request, require it, and allow for no more than a few minutes between clocks.",
	Needs:    []suites.Need{expiry},
	Faults:   []fault.Fault{fault.AcceptExpired, fault.GenerousLeeway},
	Specs: func(d *probes.Deployment) {
		expired := probes.Start(d, d.ExpiredToken)

		It("soon after its end", func(ctx SpecContext) {
			x, err := expired.Await(ctx)
			if errors.Is(err, probes.ErrPatience) {
				suites.NotApplicable("%v", err)
			}
			Expect(err).NotTo(HaveOccurred())
			if x.Served() && x.Past < clockLeeway {
				suites.Warn("a token is still accepted %s after it expired", x.Past.Round(time.Second))
			}
			Expect(x.Served()).To(BeFalse(), "a token is still accepted %s after it expired", x.Past.Round(time.Second))
		})
	},
})

// minted is a check whose tokens only the authorization server's key can sign.
func minted(c suites.Check, forgeries func(*tokens.Issuer) []tokens.Recipe, assertion, message string) suites.Check {
	c.Role, c.Needs = suites.RS, []suites.Need{labTokens}
	c.Specs = func(d *probes.Deployment) {
		tried := d.TryMinted(forgeries(d.Target.Lab)...)
		It(assertion, func(ctx SpecContext) { expectRefused(ctx, d, tried, message) })
	}
	return c
}

var _ = suites.Register(minted(suites.Check{
	ID:       "rs-expiry-required",
	Title:    "A token without a usable end is refused",
	Area:     suites.Lifetime,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9068", Section: "4"}, {Doc: "RFC 7519", Section: "4.1.4"}},
	Since:    suites.V20250326,
	Covers:   []string{"jwt-expiry-claims"},
	Remedy:   "Require exp, and require it to be a number; many libraries check it only if it is there.",
	Faults:   []fault.Fault{fault.AcceptMissingExpiry, fault.AcceptTextExpiry},
}, func(lab *tokens.Issuer) []tokens.Recipe {
	return []tokens.Recipe{
		lab.With("without exp", tokens.Without("exp")),
		lab.With("whose exp is null", tokens.Claim("exp", nil)),
		lab.With("whose exp is no number", tokens.Claim("exp", "never")),
		lab.With("whose exp is an array", tokens.Claim("exp", []int64{9999999999})),
		lab.With("whose exp is an object", tokens.Claim("exp", map[string]any{})),
	}
}, "whose exp is missing or no number", "the protected call is carried out for a token that never ends"))

var _ = suites.Register(minted(suites.Check{
	ID:       "rs-rejects-early-token",
	Title:    "A token is refused before its time",
	Area:     suites.Lifetime,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 7519", Section: "4.1.5"}},
	Since:    suites.V20250326,
	Covers:   []string{"jwt-expiry-claims"},
	Remedy:   "Check nbf if it is there, with no more than a few minutes of leeway.",
	Faults:   []fault.Fault{fault.AcceptNotYetValid},
}, func(lab *tokens.Issuer) []tokens.Recipe {
	return []tokens.Recipe{lab.With("that begins in an hour", tokens.Dated("nbf", time.Hour), tokens.Dated("exp", 2*time.Hour))}
}, "which nbf names", "the protected call is carried out for a token that is not valid yet"))

var _ = suites.Register(minted(suites.Check{
	ID:       "rs-rejects-unknown-critical",
	Title:    "A token with a critical header that the server does not know is refused",
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 7515", Section: "4.1.11"}},
	Since:    suites.V20250326,
	Covers:   []string{"jwt-critical-headers"},
	Remedy:   "Refuse tokens whose crit names anything that is not implemented.",
	Faults:   []fault.Fault{fault.AcceptUnknownCritical},
}, func(lab *tokens.Issuer) []tokens.Recipe { return lab.MisissuedCritical()[:1] },
	"even if the signature is sound", "the protected call is carried out for a token that says it must not be used without understanding more of it"))

var _ = suites.Register(suites.Check{
	ID:       "rs-token-type-enforced",
	Title:    "Another kind of token by the same issuer is not an access token",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9068", Section: "4"}, {Doc: "RFC 8725", Section: "3.11"}},
	Since:    suites.V20250618,
	Covers:   []string{"jwt-type-enforced"},
	Remedy:   "Require typ to be at+jwt, or at least refuse tokens that say they are something else.",
	Needs:    []suites.Need{labTokens},
	Faults:   []fault.Fault{fault.AcceptAnyType},
	Specs: func(d *probes.Deployment) {
		tried := d.TryMinted(d.Target.Lab.MisissuedTypes()...)
		// Most issuers are older than RFC 9068, and most servers have to take theirs.
		usual := []string{"of type JWT", "without a type"}

		It("by its typ", func(ctx SpecContext) {
			var foreign []string
			for _, name := range served(awaited(ctx, d, tried)) {
				if slices.Contains(usual, name) {
					d.Note("a token %s is accepted", name)
					continue
				}
				foreign = append(foreign, name)
			}
			Expect(foreign).To(BeEmpty(), "the protected call is carried out for tokens that are no access tokens")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-issuer-exact",
	Title:    "The issuer of a token is compared whole",
	Role:     suites.RS,
	Area:     suites.Audience,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9068", Section: "4"}, {Doc: "RFC 8725", Section: "3.8"}},
	Since:    suites.V20250618,
	Covers:   []string{"jwt-issuer-pinned", "jwt-issuer-list", "jwt-key-belongs-to-issuer"},
	Remedy:   "Compare iss with the configured issuer by equality, also when the key is known: tenants of one service may share keys.",
	Needs:    []suites.Need{labTokens},
	Faults:   []fault.Fault{fault.IssuerUnchecked, fault.IssuerPrefixMatch},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, func(ctx context.Context) ([]probes.Varied, error) {
			x, err := d.Discovery(ctx)
			if err != nil {
				return nil, err
			}
			return d.Minted(ctx, d.Target.Lab.MisissuedIssuers(x.Issuer)...)
		})

		It("and has to be the trusted one", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "the protected call is carried out for a token of another issuer that has the key")
		})
	},
})

var _ = suites.Register(minted(suites.Check{
	ID:       "rs-subject-required",
	Title:    "A token that speaks for nobody is refused",
	Area:     suites.TokenUse,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9068", Section: "2.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"jwt-subject-and-client-claims"},
	Remedy:   "Require sub to be a string with something in it; a default account is somebody's.",
	Faults:   []fault.Fault{fault.AcceptMissingSubject},
}, func(lab *tokens.Issuer) []tokens.Recipe { return lab.MisissuedSubjects() },
	"rather than served as some default account", "the protected call is carried out for a token without a usable sub"))

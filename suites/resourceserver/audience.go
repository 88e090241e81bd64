package resourceserver

import (
	"context"
	"net/url"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// labTokens needs a resource server that takes what the lab's key has signed, so
// that tokens can be presented which only its authorization server could issue.
func labTokens(ctx context.Context, d *probes.Deployment) (bool, string) {
	if ok, want := suites.OurIssuer(ctx, d); !ok {
		return false, want
	}
	taken, err := d.TakesLabTokens(ctx)
	return err != nil || taken, "a resource server that verifies access tokens itself, and this one looks them up"
}

// foreignTokens needs tokens for others than the server: genuine ones or minted.
func foreignTokens(ctx context.Context, d *probes.Deployment) (bool, string) {
	if ok, _ := labTokens(ctx, d); ok {
		return true, ""
	}
	return suites.OtherResource(ctx, d)
}

var ownAudience = []suites.Cite{
	{Doc: "MCP 2026-07-28", Section: "Token Audience Binding and Validation"}, {Doc: "RFC 9068", Section: "4"}, {Doc: "RFC 8707", Section: "2"},
}

const exactAudience = "Compare aud with the server's own identifier, whole and by equality, and refuse the token if none of its values is that."

var _ = suites.Register(suites.Check{
	ID:       "rs-audience-validated",
	Title:    "A token for another resource of the same authorization server is refused",
	Role:     suites.RS,
	Area:     suites.Audience,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    ownAudience,
	Since:    suites.V20250618,
	Covers:   []string{"rs-audience-validated", "aud-foreign-token-refused", "aud-introspected-token"},
	Remedy:   "Check aud (or what introspection says of it) against the server's own identifier; a signature only tells who issued a token, not for whom.",
	Needs:    []suites.Need{foreignTokens},
	Faults:   []fault.Fault{fault.AcceptAnyAudience, fault.AudienceOriginMatch},
	Specs: func(d *probes.Deployment) {
		var genuine, signed *probes.Future[*probes.Answer]
		if d.Target.OtherResource != "" {
			genuine = probes.Start(d, d.ForeignToken)
		}
		if d.Target.Lab != nil {
			signed = probes.Start(d, d.UnrelatedToken)
		}

		It("though it is genuine", func(ctx SpecContext) {
			if genuine == nil {
				suites.NotApplicable("a second resource would have to be known (resources.other in the configuration)")
			}
			answer, err := genuine.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.Served()).To(BeFalse(), "a token that was asked for %s opens the protected call", d.Target.OtherResource)
		})
		It("whatever that is", func(ctx SpecContext) {
			if ok, want := labTokens(ctx, d); !ok {
				suites.NotApplicable("needs %s", want)
			}
			answer, err := signed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.Served()).To(BeFalse(), "a token for an audience that has nothing to do with the server opens the protected call")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-audience-missing-refused",
	Title:    "A token for nobody in particular is refused",
	Role:     suites.RS,
	Area:     suites.Audience,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    ownAudience,
	Since:    suites.V20250618,
	Covers:   []string{"rs-audience-missing-rejected", "aud-missing-refused"},
	Remedy:   "Refuse tokens without aud; many libraries check the claim only if it is there.",
	Needs:    []suites.Need{labTokens},
	Faults:   []fault.Fault{fault.AcceptMissingAudience},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, func(ctx context.Context) ([]probes.Varied, error) {
			return d.MintedFor(ctx, d.Target.Lab.EmptyAudiences()...)
		})

		It("whose aud is missing, null or empty", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "the protected call is carried out for a token without an audience")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-audience-generic-refused",
	Title:    "An audience that means everything does not mean this server",
	Role:     suites.RS,
	Area:     suites.Audience,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    ownAudience,
	Since:    suites.V20251125,
	Covers:   []string{"rs-audience-generic-rejected"},
	Remedy:   exactAudience,
	Needs:    []suites.Need{labTokens},
	Faults:   []fault.Fault{fault.AudienceGeneric},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, func(ctx context.Context) ([]probes.Varied, error) {
			x, err := d.Discovery(ctx)
			if err != nil {
				return nil, err
			}
			c, err := d.Client(ctx)
			if err != nil {
				return nil, err
			}
			return d.MintedFor(ctx, d.Target.Lab.For("api", "account", "default", "*", x.Issuer, c.ID)...)
		})

		It("such as the issuer, the client or the word api", func(ctx SpecContext) {
			expectRefused(ctx, d, tried, "the protected call is carried out for a token that is not for this server in particular")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-audience-exact",
	Title:    "An audience that resembles the server's is not taken for it",
	Role:     suites.RS,
	Area:     suites.Audience,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "RFC 7519", Section: "4.1.3"}, {Doc: "RFC 8725", Section: "3.9"}, {Doc: "MCP 2026-07-28", Section: "Token Audience Binding and Validation"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-audience-prefix-confusion", "aud-comparison-exact"},
	Remedy:   exactAudience,
	Needs:    []suites.Need{labTokens},
	Faults:   []fault.Fault{fault.AudiencePrefixMatch, fault.AudienceOriginMatch, fault.AudienceHostMatch, fault.AudienceCaseFolded},
	Specs: func(d *probes.Deployment) {
		looksLike := d.TryAudiences(tokens.Lookalikes)
		joined := d.TryAudiences(func(resource string) []string {
			return []string{resource + ",https://elsewhere.example", resource + " https://elsewhere.example", "https://elsewhere.example " + resource}
		})
		slashed := d.TryAudiences(func(resource string) []string { return []string{otherSlash(resource)} })

		It("be it longer, shorter or elsewhere", func(ctx SpecContext) {
			resource, err := d.Resource(ctx)
			Expect(err).NotTo(HaveOccurred())
			risky := map[string]string{
				"meant for " + originOf(resource):        "tokens for the whole origin are accepted: every server on it can use them against the others",
				"meant for " + strings.ToUpper(resource): "the audience is compared without regard to case",
			}
			all := served(awaited(ctx, d, looksLike))
			taken := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return risky[name] != "" })
			Expect(taken).To(BeEmpty(), "the protected call is carried out for tokens for others")
			for _, name := range all {
				suites.Warn("%s", risky[name])
			}
		})
		It("nor found within a longer text", func(ctx SpecContext) {
			expectRefused(ctx, d, joined, "the protected call is carried out for a token whose aud has the server's identifier somewhere in it")
			if len(served(awaited(ctx, d, slashed))) > 0 {
				d.Note("a slash at the end of the audience makes no difference")
			}
		})
	},
})

// originOf is the scheme, host and port of a resource.
func originOf(resource string) string {
	u, err := url.Parse(resource)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// otherSlash is the resource with a slash at the end, or without the one it has.
func otherSlash(resource string) string {
	if cut, had := strings.CutSuffix(resource, "/"); had {
		return cut
	}
	return resource + "/"
}

var _ = suites.Register(suites.Check{
	ID:       "rs-audience-array-accepted",
	Title:    "An audience may be written as an array",
	Role:     suites.RS,
	Area:     suites.Audience,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 7519", Section: "4.1.3"}},
	Since:    suites.V20250618,
	Covers:   []string{"aud-comparison-exact"},
	Remedy:   "Read aud as a string and as an array of strings.",
	Needs:    []suites.Need{labTokens},
	Faults:   []fault.Fault{fault.AudienceArrayRefused},
	Specs: func(d *probes.Deployment) {
		single := d.TryAudienceValues(func(resource string) []any { return []any{[]string{resource}} })
		several := d.TryAudienceValues(func(resource string) []any {
			return []any{[]string{resource, "https://elsewhere.example"}, []string{"https://elsewhere.example", resource}}
		})

		It("with the server's identifier in it", func(ctx SpecContext) {
			for _, v := range awaited(ctx, d, single) {
				Expect(v.Served()).To(BeTrue(), "a token whose aud is an array of the server's identifier is refused: %s", v.Said())
			}
			for _, v := range awaited(ctx, d, several) {
				if !v.Served() {
					d.Note("a token that is for others too is refused: %s", v.Said())
				}
			}
		})
	},
})

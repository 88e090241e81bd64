package authserver

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// personal are claims about a user that a resource server rarely needs (OpenID
// Connect Core, section 5.1). A name to show is not among them.
var personal = []string{
	"email", "phone_number", "address", "birthdate", "gender", "given_name", "family_name", "middle_name", "picture", "zoneinfo",
}

// neverTold are claims that must never leave the authorization server.
var neverTold = []string{"password", "secret", "client_secret", "refresh_token", "access_token", "id_token", "upstream_token", "api_key"}

var _ = suites.Register(suites.Check{
	ID:       "as-token-profile",
	Title:    "A JWT access token says what it must and no more",
	Role:     suites.AS,
	Area:     suites.JWTValidation,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("RFC 9068, 2.1", "RFC 9068, 2.2", "RFC 9068, 6"),
	Since:    suites.V20250326,
	Covers:   []string{"jwt-issued-token-profile"},
	Remedy:   "Sign with an asymmetric key; give type at+jwt and the claims iss, exp, aud, sub, client_id, iat and jti; leave out what the resource server does not need to know of the user.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.TokenClaimsMissing, fault.TokenPersonalData, fault.TokenSymmetric},
	Specs: func(d *probes.Deployment) {
		baseline := probes.Start(d, d.Baseline)
		await := func(ctx SpecContext) *probes.JWT {
			t, err := baseline.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			jwt, _ := t.JWT()
			return jwt
		}

		It("about itself", func(ctx SpecContext) {
			jwt := await(ctx)
			typ, _ := jwt.Header.String("typ")
			var missing []string
			for _, name := range []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} {
				if !jwt.Claims.Has(name) {
					missing = append(missing, name)
				}
			}
			if typ = strings.TrimPrefix(strings.ToLower(typ), "application/"); typ != "at+jwt" {
				d.Note("the token is of type %q and does not claim to follow RFC 9068; it lacks %v", typ, missing)
				return
			}
			Expect(missing).To(BeEmpty(), "the token says that it follows RFC 9068, and lacks claims")
		})
		It("under a key that only the issuer has", func(ctx SpecContext) {
			alg, _ := await(ctx).Header.String("alg")
			Expect(strings.HasPrefix(alg, "HS") || strings.EqualFold(alg, "none")).To(BeFalse(), "the token is signed with %s: whoever verifies it could have made it", alg)
		})
		It("but not about the user's life", func(ctx SpecContext) {
			jwt := await(ctx)
			var surplus []string
			for name := range jwt.Claims.Members {
				Expect(neverTold).NotTo(ContainElement(strings.ToLower(name)), "the token holds a secret")
				if slices.Contains(personal, name) {
					surplus = append(surplus, name)
				}
			}
			if slices.Sort(surplus); len(surplus) > 0 {
				suites.Warn("every client and every server that sees the token reads %s", strings.Join(surplus, ", "))
			}
		})
	},
})

package authserver

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// revocable is what checks of revocation need: it is seen by refresh tokens, and
// uses a client of its own.
var revocable = []suites.Need{suites.Revocation, suites.RefreshTokens, suites.SecondClient}

var _ = suites.Register(suites.Check{
	ID:       "as-revocation-works",
	Title:    "Revoking a token ends it, and is answered 200 whether or not the token lives",
	Role:     suites.AS,
	Area:     suites.TokenRevocation,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 7009, 2.1", "RFC 7009, 2.2"),
	Since:    suites.V20250326,
	Covers:   []string{"rev-basic-behaviour", "rt-dies-with-grant"},
	Remedy:   "Take revocation by POST, look for the token among all kinds whatever the hint, and answer 200 for tokens that you do not know.",
	Needs:    revocable,
	Faults:   []fault.Fault{fault.RevokeNothing, fault.RevokeUnknown, fault.RevokeHint, fault.RevokeByGet},
	Specs: func(d *probes.Deployment) {
		revoked := probes.Start(d, d.RevokeTokens)
		judge := func(judge func(r *probes.Revocations)) func(SpecContext) {
			return func(ctx SpecContext) {
				r, err := revoked.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				judge(r)
			}
		}

		It("a refresh token", judge(func(r *probes.Revocations) {
			Expect(r.Own).To(suites.HaveStatus(http.StatusOK, http.StatusNoContent))
			Expect(r.Dead).To(suites.BeRefused(), "a revoked refresh token still works")
		}))
		It("one that is dead or unknown", judge(func(r *probes.Revocations) {
			Expect(r.Again).To(suites.HaveStatus(http.StatusOK, http.StatusNoContent))
			Expect(r.Unknown).To(suites.HaveStatus(http.StatusOK, http.StatusNoContent))
		}))
		It("even if the hint is wrong", judge(func(r *probes.Revocations) {
			Expect(r.Misled).To(suites.BeRefused(), "a refresh token that was revoked as an access token still works")
		}))
		It("but not by GET", judge(func(r *probes.Revocations) {
			Expect(r.ByGet).To(suites.BeAccepted(), "a GET with the token in the URL revoked it")
		}))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-revocation-own-tokens-only",
	Title:    "Nobody can revoke the tokens of another client",
	Role:     suites.AS,
	Area:     suites.TokenRevocation,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 7009, 2.1"),
	Since:    suites.V20250326,
	Covers:   []string{"rev-foreign-token"},
	Remedy:   "Identify the client that asks, and leave tokens alone that were issued to another.",
	Needs:    revocable,
	Faults:   []fault.Fault{fault.RevokeForeign, fault.RevokeAnonymous},
	Specs: func(d *probes.Deployment) {
		foreign := probes.Start(d, func(ctx context.Context) (*probes.Tokens, error) { return d.RevokeForeign(ctx, d.Client) })
		anonymous := probes.Start(d, func(ctx context.Context) (*probes.Tokens, error) {
			return d.RevokeForeign(ctx, d.Client, probes.WithHeader("Authorization", ""), probes.Without("client_id", "client_secret"))
		})

		It("as a client of its own", func(ctx SpecContext) {
			Expect(foreign.Await(ctx)).To(suites.BeAccepted(), "another client revoked the refresh token")
		})
		It("without saying who asks", func(ctx SpecContext) {
			Expect(anonymous.Await(ctx)).To(suites.BeAccepted(), "somebody who did not say who they are revoked the refresh token")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-revocation-ends-grant",
	Title:    "Revoking a refresh token ends the access tokens of its grant",
	Role:     suites.AS,
	Area:     suites.TokenRevocation,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 7009, 2.1"),
	Since:    suites.V20250326,
	Covers:   []string{"rev-refresh-cascades"},
	Remedy:   "Revoke the grant, not the one token: introspection must then say that its access tokens are not active.",
	Needs:    append([]suites.Need{suites.OpaqueAccessTokens}, revocable...),
	Faults:   []fault.Fault{fault.RevokeKeepsGrant},
	Specs: func(d *probes.Deployment) {
		called := probes.Start(d, d.RevokeGrant)

		It("at the resource server", func(ctx SpecContext) {
			Expect(called.Await(ctx)).To(suites.BeRefused(), "an access token that was first used after its grant was revoked is accepted")
		})
	},
})

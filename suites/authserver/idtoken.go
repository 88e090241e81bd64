package authserver

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// clockSkew is what a clock may differ by before a lifetime counts as over.
const clockSkew = 5 * time.Minute

var _ = suites.Register(suites.Check{
	ID:       "as-id-token-binding",
	Title:    "An ID token belongs to the transaction in which it was issued",
	Role:     suites.AS,
	Area:     suites.AuthorizationRequest,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OpenID Connect Core, 2", "OpenID Connect Core, 3.1.2.1", "OpenID Connect Core, 3.1.3.7", "RFC 9700, 4.5.3.2"),
	Since:    suites.V20250326,
	Covers:   []string{"authz-id-token-binding"},
	Remedy:   "Sign ID tokens with a published asymmetric key, name yourself, the client and an end in the future, and repeat the nonce of the request exactly.",
	Needs:    []suites.Need{suites.OpenID},
	Faults: []fault.Fault{
		fault.IDTokenNonceDropped, fault.IDTokenNonceInvented, fault.IDTokenAudience, fault.IDTokenIssuer,
		fault.IDTokenUnsigned, fault.IDTokenExpired,
	},
	Specs: func(d *probes.Deployment) {
		issued := func(nonce bool) *probes.Future[*probes.Identified] {
			return probes.Start(d, func(ctx context.Context) (*probes.Identified, error) { return d.Identify(ctx, nonce) })
		}
		sound, without := issued(true), issued(false)
		judged := func(f *probes.Future[*probes.Identified], judge func(SpecContext, *probes.Identified)) func(SpecContext) {
			return func(ctx SpecContext) {
				i, err := f.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				if i == nil {
					suites.NotApplicable("no ID token came of the scope openid")
				}
				judge(ctx, i)
			}
		}

		It("by a signature of a published key", judged(sound, func(_ SpecContext, i *probes.Identified) {
			Expect(i.Signed).NotTo(HaveOccurred(), "the ID token is not signed by the server")
		}))
		It("by its issuer", judged(sound, func(ctx SpecContext, i *probes.Identified) {
			x, err := d.Discovery(ctx)
			Expect(err).NotTo(HaveOccurred())
			declared, _ := x.AS.Document.String("issuer")
			issuer, _ := i.Claims.String("iss")
			Expect(issuer).To(Equal(declared), "the ID token's iss is not the issuer of the metadata")
		}))
		It("by its audience", judged(sound, func(_ SpecContext, i *probes.Identified) {
			audience := i.Audience()
			Expect(audience).To(ContainElement(i.Client.ID), "the ID token is not for the client")
			if len(audience) > 1 {
				party, _ := i.Claims.String("azp")
				Expect(party).To(Equal(i.Client.ID), "the ID token is for several audiences %q, and azp does not name the client", audience)
			}
		}))
		It("by its lifetime", judged(sound, func(_ SpecContext, i *probes.Identified) {
			expires, ok := i.Claims.Number("exp")
			Expect(ok).To(BeTrue(), "the ID token has no exp")
			Expect(time.Unix(int64(expires), 0).Add(clockSkew)).To(BeTemporally(">", i.Tokens.Response.At), "the ID token had expired when it was issued")
		}))
		It("by its nonce", judged(sound, func(_ SpecContext, i *probes.Identified) {
			nonce, _ := i.Claims.String("nonce")
			Expect(nonce).To(Equal(i.Nonce), "the nonce of the ID token is not the one that was sent")
		}))
		It("and by none if none was sent", judged(without, func(_ SpecContext, i *probes.Identified) {
			Expect(i.Claims.Has("nonce")).To(BeFalse(), "the ID token has a nonce although none was sent")
		}))
	},
})

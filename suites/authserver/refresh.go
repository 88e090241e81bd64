package authserver

import (
	"context"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

func oauth21(section string) []suites.Cite {
	return []suites.Cite{{Doc: "OAuth 2.1", Section: section}}
}

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-flow",
	Title:    "A refresh token that was issued yields a new access token",
	Role:     suites.AS,
	Area:     suites.Refresh,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    oauth21("4.3"),
	Since:    suites.V20250326,
	Covers:   []string{"as-refresh-issuance-discretion"},
	Remedy:   "Accept the refresh tokens you issue, or issue none.",
	Needs:    []suites.Need{suites.RefreshTokens},
	Faults:   []fault.Fault{fault.RefreshRefused},
	Specs: func(d *probes.Deployment) {
		refreshed := probes.Start(d, d.SoundRefresh)

		It("when its client uses it", func(ctx SpecContext) {
			Expect(refreshed.Await(ctx)).To(suites.BeAccepted())
		})
	},
})

// graceLimit is the longest time for which a used refresh token may go on being
// accepted for the sake of clients that refresh in parallel.
const graceLimit = 5 * time.Minute

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-rotation",
	Title:    "A public client's refresh token is replaced with each use",
	Role:     suites.AS,
	Area:     suites.Refresh,
	Level:    suites.Must,
	Levels:   map[suites.Revision]suites.Level{suites.V20250326: suites.Should, suites.V20250618: suites.Must},
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "4.3.1"}, {Doc: "MCP 2026-07-28", Section: "Token Theft"}},
	Since:    suites.V20250326,
	Covers:   []string{"as-refresh-rotation-public", "rt-rotated-or-bound"},
	Remedy:   "Issue a new refresh token with every refresh of a public client, or bind its refresh tokens to a key.",
	Needs:    []suites.Need{suites.RefreshTokens},
	Faults:   []fault.Fault{fault.RefreshNotRotated},
	Specs: func(d *probes.Deployment) {
		replay := probes.Start(d, d.ReplayRefresh)

		It("unless it is bound to a key", func(ctx SpecContext) {
			r, err := replay.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if r.First.Client.Confidential() {
				suites.NotApplicable("the client is confidential: its refresh tokens are bound to its credentials")
			}
			Expect(r.Rotated).To(BeTrue(), "the same refresh token stays in use")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-used-token-refused",
	Title:    "A refresh token that was used and replaced is dead",
	Role:     suites.AS,
	Area:     suites.Refresh,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 9700", Section: "4.14.2"}, {Doc: "OAuth 2.1", Section: "4.3.1"}},
	Since:    suites.V20250618,
	Covers:   []string{"rt-used-token-refused", "rt-grace-window-bounded"},
	Remedy:   "Refuse a replaced refresh token; a grace window for parallel refreshes should be seconds, and never more than a few minutes.",
	Needs:    []suites.Need{suites.RefreshTokens},
	Faults:   []fault.Fault{fault.RefreshOldWorks, fault.RefreshGrace},
	Specs: func(d *probes.Deployment) {
		replay := probes.Start(d, d.ReplayRefresh)

		It("at the latest after a short grace window", func(ctx SpecContext) {
			r := rotated(ctx, replay)
			if !r.Reuse.Issued() {
				return
			}
			d.Note("a used refresh token is accepted again at once, as within a grace window")
			switch {
			case !r.Late.Issued():
			case r.Waited >= graceLimit:
				Fail("a used refresh token is still accepted after " + r.Waited.Round(time.Second).String())
			default:
				suites.Warn("a used refresh token is still accepted after %s; run with --wait %s to tell a grace window from a token that never dies",
					r.Waited.Round(time.Second), graceLimit)
			}
		})
	},
})

// rotated awaits a replay and skips when there was nothing to replay.
func rotated(ctx SpecContext, replay *probes.Future[*probes.Replay]) *probes.Replay {
	r, err := replay.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	if !r.Rotated {
		suites.NotApplicable("refresh tokens are not rotated; as-refresh-rotation judges that")
	}
	return r
}

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-reuse-ends-grant",
	Title:    "Using a replaced refresh token ends the whole grant",
	Role:     suites.AS,
	Area:     suites.Refresh,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 9700", Section: "4.14.2"}, {Doc: "OAuth 2.1", Section: "4.3.1"}},
	Since:    suites.V20250618,
	Covers:   []string{"as-refresh-replay-revokes", "rt-reuse-kills-family"},
	Remedy:   "Revoke the newest refresh token too when an old one turns up: thief and client cannot be told apart, and otherwise the theft is never noticed.",
	Needs:    []suites.Need{suites.RefreshTokens},
	Faults:   []fault.Fault{fault.RefreshReuseForgiven, fault.RefreshForks},
	Specs: func(d *probes.Deployment) {
		replay := probes.Start(d, d.ReplayRefresh)

		It("so that the newest token is dead as well", func(ctx SpecContext) {
			r := rotated(ctx, replay)
			if r.Reuse.Issued() {
				suites.NotApplicable("the reuse was accepted; as-refresh-used-token-refused judges that")
			}
			if r.First.Client.Confidential() {
				suites.NotApplicable("the client is confidential: its refresh tokens are bound to its credentials")
			}
			Expect(r.Newest).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-bound-to-client",
	Title:    "A refresh token works for no other client",
	Role:     suites.AS,
	Area:     suites.Refresh,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "RFC 6749", Section: "10.4"}, {Doc: "OAuth 2.1", Section: "4.3"}},
	Since:    suites.V20250326,
	Covers:   []string{"as-refresh-bound-to-client", "rt-bound-to-client"},
	Remedy:   "Compare the client of the request with the one the refresh token was issued to.",
	Needs:    []suites.Need{suites.RefreshTokens, suites.SecondClient},
	Faults:   []fault.Fault{fault.RefreshAnyClient, fault.RefreshClientBlind},
	Specs: func(d *probes.Deployment) {
		other := d.StealRefresh(d.SecondClient)
		nobody := d.StealRefresh(d.DisposableClient, probes.Without("client_id", "client_secret"), probes.WithHeader("Authorization", ""))

		It("that presents it", func(ctx SpecContext) {
			Expect(other.Await(ctx)).To(suites.BeRefused())
		})
		It("nor for nobody in particular", func(ctx SpecContext) {
			Expect(nobody.Await(ctx)).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-scope-cannot-widen",
	Title:    "A refresh never yields scopes beyond the grant",
	Role:     suites.AS,
	Area:     suites.Refresh,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    oauth21("4.3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"as-refresh-scope-not-widened", "rt-scope-cannot-grow"},
	Remedy:   "Check the scopes of a refresh against those of its own grant, not against what the client may have or the user agreed to elsewhere.",
	Needs:    []suites.Need{suites.RefreshTokens, suites.TwoScopes},
	Faults:   []fault.Fault{fault.RefreshScopeWidens, fault.RefreshScopeMerged},
	Specs: func(d *probes.Deployment) {
		widened := d.WidenRefresh(func(granted, wanted string) [][]probes.Mutation {
			return [][]probes.Mutation{{}, {probes.With("scope", granted+" "+wanted)}, {probes.With("scope", wanted)}}
		})
		judge := func(ctx SpecContext, which ...int) {
			w, err := widened.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if slices.Contains(w.Granted, w.Wanted) {
				suites.NotApplicable("the server grants %s with %s", w.Wanted, strings.Join(w.Asked, " "))
			}
			for _, i := range which {
				Expect(scopesOf(w.Results[i])).NotTo(ContainElement(w.Wanted), "the refreshed token has a scope that was not granted")
			}
		}

		It("that the same user granted the client on another occasion", func(ctx SpecContext) { judge(ctx, 0) })
		It("that the refresh asks for", func(ctx SpecContext) { judge(ctx, 1, 2) })
	},
})

// scopesOf are the scopes of a token: those it says itself, else those that its
// response names. A refusal may name scopes too, and gives none.
func scopesOf(t *probes.Tokens) []string {
	if !t.Issued() {
		return nil
	}
	if jwt, ok := t.JWT(); ok {
		if scope, ok := jwt.Claims.String("scope"); ok {
			return strings.Fields(scope)
		}
	}
	named, _ := t.Scopes()
	return named
}

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-narrowing-not-sticky",
	Title:    "Asking for fewer scopes narrows only that access token",
	Role:     suites.AS,
	Area:     suites.Refresh,
	Level:    suites.Must,
	Severity: suites.Info,
	Cites:    oauth21("4.3.1"),
	Since:    suites.V20250326,
	Covers:   []string{"rt-narrowing-is-not-sticky"},
	Remedy:   "Keep the grant's scopes with the refresh token, whatever one refresh asked for.",
	Needs:    []suites.Need{suites.RefreshTokens, suites.TwoScopes},
	Faults:   []fault.Fault{fault.RefreshScopeSticky},
	Specs: func(d *probes.Deployment) {
		type narrowing struct {
			narrow, again *probes.Tokens
			both          []string
		}
		narrowed := probes.Start(d, func(ctx context.Context) (n narrowing, err error) {
			n.narrow, n.again, n.both, err = d.NarrowRefresh(ctx)
			return n, err
		})

		It("and the next refresh has them all again", func(ctx SpecContext) {
			n, err := narrowed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !n.narrow.Issued() {
				suites.NotApplicable("a narrower refresh is refused")
			}
			again := scopesOf(n.again)
			if again == nil {
				suites.NotApplicable("the scopes of a token cannot be read")
			}
			Expect(again).To(ContainElements(n.both), "after a narrower refresh the grant has lost scopes")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-only-when-registered",
	Title:    "A client that is not registered for refresh tokens gets none",
	Role:     suites.AS,
	Area:     suites.Refresh,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 7591", Section: "2"}},
	Since:    suites.V20250326,
	Covers:   []string{"rt-only-when-registered"},
	Remedy:   "Issue refresh tokens only to clients whose grant_types contain refresh_token, or report in the registration response that you added it.",
	Needs:    []suites.Need{suites.RefreshTokens, suites.DynamicRegistration},
	Faults:   []fault.Fault{fault.RefreshUnregistered},
	Specs: func(d *probes.Deployment) {
		type unregistered struct {
			client *probes.Client
			tokens *probes.Tokens
		}
		granted := probes.Start(d, func(ctx context.Context) (u unregistered, err error) {
			if u.client, err = d.RegisterSoundly(ctx, map[string]any{"grant_types": []string{"authorization_code"}}); err != nil {
				return u, err
			}
			u.tokens, err = d.Grant(ctx, u.client)
			return u, err
		})

		It("in the token response", func(ctx SpecContext) {
			u, err := granted.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if types, ok := u.client.Metadata.Strings("grant_types"); !ok || slices.Contains(types, "refresh_token") {
				suites.NotApplicable("the registration response does not confirm that the client has no refresh tokens")
			}
			Expect(u.tokens.Refresh).To(BeEmpty(), "a client registered for authorization_code only got a refresh token")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-refresh-resource-cannot-widen",
	Title:    "A refresh cannot move the token to another resource",
	Role:     suites.AS,
	Area:     suites.Resource,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    rfc8707("2.2"),
	Since:    suites.V20250618,
	Covers:   []string{"ri-refresh-cannot-widen", "as-resource-not-widened", "ri-second-resource"},
	Remedy:   "Keep the resource with the refresh token; accept it again in a refresh, and refuse any other with invalid_target.",
	Needs:    []suites.Need{suites.RefreshTokens, suites.JWTAccessTokens, suites.OtherResource},
	Faults:   []fault.Fault{fault.RefreshResourceWidens, fault.RefreshResourceBoth, fault.RefreshResourceLost},
	Specs: func(d *probes.Deployment) {
		other := d.Target.OtherResource
		tried := d.TryRefresh(
			[]probes.Mutation{probes.Without("resource")},
			[]probes.Mutation{probes.With("resource", other)},
			[]probes.Mutation{probes.Add("resource", other)},
		)

		It("by naming one", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(all[1].For(other)).To(BeFalse(), "a refresh that named a second resource got a token for it")
		})
		It("by naming one more", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(all[2].For(other)).To(BeFalse(), "a refresh that added a second resource got a token for it")
		})
		It("by naming none", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			resource, err := d.Resource(ctx)
			Expect(err).NotTo(HaveOccurred())
			baseline, err := d.Baseline(ctx)
			Expect(err).NotTo(HaveOccurred())
			if jwt, ok := baseline.JWT(); !ok || !slices.Contains(jwt.Audience(), resource) {
				suites.NotApplicable("not even the first token is for the resource; as-audience-follows-resource judges that")
			}
			if all[0].Issued() && all[0].Readable {
				Expect(all[0].Audience).To(ContainElement(resource), "a refresh without resource got a token for something else")
			}
		})
	},
})

package authserver

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// answers are the token responses of a code and, where there are refresh tokens,
// of a refresh.
func answers(d *probes.Deployment) *probes.Future[[]*probes.Tokens] {
	return probes.Start(d, func(ctx context.Context) ([]*probes.Tokens, error) {
		baseline, err := d.Baseline(ctx)
		if err != nil {
			return nil, err
		}
		all := []*probes.Tokens{baseline}
		second, _ := suites.SecondClient(ctx, d)
		if baseline.Refresh == "" || !second {
			return all, nil
		}
		refreshed, err := d.SoundRefresh(ctx)
		if err != nil {
			d.Note("the response to a refresh was not looked at: %v", err)
			return all, nil
		}
		return append(all, refreshed), nil
	})
}

// each judges every token response.
func each(responses *probes.Future[[]*probes.Tokens], judge func(t *probes.Tokens)) func(SpecContext) {
	return func(ctx SpecContext) {
		all, err := responses.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, t := range all {
			judge(t)
		}
	}
}

var _ = suites.Register(suites.Check{
	ID:       "as-token-response-members",
	Title:    "A token response has the members that a client needs, with the right types",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 3.2.3", "RFC 6749, 5.1"),
	Since:    suites.V20250326,
	Covers:   []string{"as-token-response-members", "tok-response-shape"},
	Remedy:   "Answer with JSON that has access_token, token_type, expires_in as a number, and scope where it is not what the client asked for.",
	Faults:   []fault.Fault{fault.TokenTypeMissing, fault.TokenExpiryText, fault.TokenExpiryMissing, fault.TokenScopeUnstated},
	Specs: func(d *probes.Deployment) {
		responses := answers(d)
		unasked := probes.Start(d, func(ctx context.Context) (*probes.Attempt, error) {
			c, err := d.Client(ctx)
			if err != nil {
				return nil, err
			}
			if _, err := d.Baseline(ctx); err != nil {
				return nil, err
			}
			return d.Attempt(ctx, c, []probes.Mutation{probes.Without("scope")}, nil)
		})

		It("a token type that is known", each(responses, func(t *probes.Tokens) {
			kind, _ := t.Document.String("token_type")
			Expect(strings.EqualFold(kind, "Bearer") || strings.EqualFold(kind, "DPoP")).To(BeTrue(),
				"%s was answered with the token_type %q", t.Response.From, kind)
		}))
		It("expires_in as a positive number", each(responses, func(t *probes.Tokens) {
			if t.Document.Has("expires_in") {
				lifetime, ok := t.ExpiresIn()
				Expect(ok && lifetime > 0).To(BeTrue(), "expires_in is %s", t.Document.Members["expires_in"])
			}
		}))
		It("expires_in at all", each(responses, func(t *probes.Tokens) {
			if !t.Document.Has("expires_in") {
				suites.Warn("%s was answered without expires_in: clients cannot know when to refresh", t.Response.From)
			}
		}))
		It("the scope, where it is not what was asked for", func(ctx SpecContext) {
			attempt, err := unasked.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !attempt.Issued() {
				suites.NotApplicable("the server issues no token to a client that names no scope")
			}
			if attempt.Tokens.Document.Has("scope") {
				return
			}
			jwt, ok := attempt.Tokens.JWT()
			if !ok {
				suites.NotApplicable("the scopes of an opaque token cannot be read")
			}
			granted, _ := jwt.Claims.String("scope")
			Expect(granted).To(BeEmpty(), "no scope was asked for, %q was granted, and the response does not say so", granted)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-token-response-form",
	Title:    "A token response is JSON that no cache may keep",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 3.2.3", "RFC 6749, 5.1", "RFC 9111, 5.2.2.5"),
	Since:    suites.V20250326,
	Covers:   []string{"as-token-no-store", "tok-response-shape"},
	Remedy:   "Answer token requests with Content-Type: application/json and Cache-Control: no-store.",
	Faults:   []fault.Fault{fault.TokenCacheable, fault.TokenMediaType},
	Specs: func(d *probes.Deployment) {
		responses := answers(d)

		It("Cache-Control: no-store", each(responses, func(t *probes.Tokens) {
			Expect(t).To(suites.NotBeCacheable())
		}))
		It("application/json", each(responses, func(t *probes.Tokens) {
			Expect(t).To(suites.HaveMediaType("application/json"))
		}))
	},
})

// errorCodes are the error codes of token responses that some standard defines.
var errorCodes = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope", // RFC 6749
	"invalid_target",                                                       // RFC 8707
	"authorization_pending", "slow_down", "access_denied", "expired_token", // RFC 8628
	"use_dpop_nonce", "invalid_dpop_proof", // RFC 9449
	"interaction_required", "insufficient_user_authentication", "unmet_authentication", // OpenID Connect, RFC 9470
}

var _ = suites.Register(suites.Check{
	ID:       "as-token-error-form",
	Title:    "A refused token request is answered with status 400 or 401 and a JSON error",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 3.2.4", "RFC 6749, 5.2"),
	Since:    suites.V20250326,
	Covers:   []string{"as-token-error-format", "err-token-endpoint-form"},
	Remedy:   "Answer with status 400 (401 where client authentication failed) and a JSON object whose error is one of the defined codes; clients decide by it whether to refresh, to ask the user or to give up.",
	Faults:   []fault.Fault{fault.TokenErrorStatus, fault.TokenErrorPage, fault.TokenErrorCode},
	Specs: func(d *probes.Deployment) {
		junk := d.Try(d.Client,
			probes.Trial{Name: "an unknown code", Redemption: []probes.Mutation{probes.With("code", "unknown-"+probes.NewVerifier())}},
			probes.Trial{Name: "an unknown grant type", Redemption: []probes.Mutation{probes.With("grant_type", "urn:mcpassay:unknown")}},
			probes.Trial{Name: "no code", Redemption: []probes.Mutation{probes.Without("code")}},
		)
		refusals := func(judge func(t probes.Tried)) func(SpecContext) {
			return func(ctx SpecContext) {
				tried, err := junk.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				for _, t := range tried {
					switch {
					case t.Tokens == nil || t.Issued():
						suites.Undecided(d, reports.AuthServer, "%s: %s", t.Name, t.Ended())
					case t.Filtered():
						suites.Undecided(d, reports.Edge, "%s: something in front of the server answered %d", t.Name, t.Tokens.Response.Status)
					}
					judge(t)
				}
			}
		}

		It("by its status", refusals(func(t probes.Tried) {
			status := t.Tokens.Response.Status
			Expect(status >= 400 && status < 500).To(BeTrue(), "%s was answered %d", t.Name, status)
			if status != http.StatusBadRequest && status != http.StatusUnauthorized {
				d.Note("%s was answered %d", t.Name, status)
			}
		}))
		It("by its body", refusals(func(t probes.Tried) {
			Expect(t.Tokens.Document).NotTo(BeNil(), "%s was not answered with a JSON object", t.Name)
			Expect(t.Tokens.Error).NotTo(BeEmpty(), "%s was answered with the error %s", t.Name, text(t.Tokens.Document.Members["error"]))
		}))
		It("by a code that clients can know", refusals(func(t probes.Tried) {
			if t.Tokens.Error != "" && !slices.Contains(errorCodes, t.Tokens.Error) {
				suites.Warn("%s was answered with the error %q, which no standard defines", t.Name, t.Tokens.Error)
			}
		}))
	},
})

// text is a member as it stands, or says that it is not there.
func text(member json.RawMessage) string {
	if member == nil {
		return "absent"
	}
	return string(member)
}

package resourceserver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

var insufficientScope = []suites.Cite{
	{Doc: "MCP 2026-07-28", Section: "Authorization, Runtime Insufficient Scope Errors"}, {Doc: "RFC 6750", Section: "3.1"},
}

var _ = suites.Register(suites.Check{
	ID:       "rs-403-not-a-result",
	Title:    "A missing scope is reported by the HTTP status, not within a result",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Error Handling"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-http-status-not-200-jsonrpc"},
	Remedy:   "Check scopes before the tool runs and answer 403 with a challenge; a client cannot step up after a tool error under status 200.",
	Faults:   []fault.Fault{fault.ScopeAsResult},
	Specs: func(d *probes.Deployment) {
		scoping := probes.Start(d, d.Scoping)

		It("of the tool", func(ctx SpecContext) {
			for _, t := range lacking(ctx, scoping) {
				if t.Answer.Status == http.StatusOK && d.RateLimited() {
					suites.BlockedBy(d, d.Unserved("", reports.ResourceServer, t.Tell(), t.Answer))
				}
				Expect(t.Answer.Status).NotTo(Equal(http.StatusOK), "%s was refused under status 200", t.Tell())
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-403-insufficient-scope",
	Title:    "A valid token without enough scope is answered 403",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Levels:   map[suites.Revision]suites.Level{suites.V20250326: suites.Must, suites.V20251125: suites.Should},
	Severity: suites.Low,
	Cites:    insufficientScope,
	Since:    suites.V20250326,
	Covers:   []string{"rs-403-insufficient-scope", "scope-insufficient-challenge", "err-rs-status-mapping"},
	Remedy:   "Keep 401 for tokens that are not valid here. A client that is told 401 throws a good token away and asks for the same again.",
	Faults:   []fault.Fault{fault.ScopeUnauthorized},
	Specs: func(d *probes.Deployment) {
		scoping := probes.Start(d, d.Scoping)

		It("to a call that it does not cover", func(ctx SpecContext) {
			for _, t := range lacking(ctx, scoping) {
				if t.Answer.Status == http.StatusOK {
					suites.NotApplicable("the refusal is reported within a result")
				}
				Expect(t.Answer).To(suites.HaveStatus(http.StatusForbidden), t.Tell())
			}
		})
	},
})

// challengesAtAll skips when the server has no good challenge anywhere: what is
// wrong with that, rs-401-bearer-challenge and rs-401-www-authenticate say.
func challengesAtAll(ctx SpecContext, discovery *probes.Future[*probes.Discovery]) *probes.Discovery {
	x, err := discovery.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	for _, c := range wire.Bearer(x.Challenges) {
		if len(c.Params) > 0 && len(x.Malformed) == 0 {
			return x
		}
	}
	suites.NotApplicable("the server has no well-formed Bearer challenge for a request without a token either")
	return nil
}

var _ = suites.Register(suites.Check{
	ID:       "rs-403-error-code",
	Title:    "A 403 for a missing scope says insufficient_scope in a Bearer challenge",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    insufficientScope,
	Since:    suites.V20251125,
	Covers:   []string{"rs-403-challenge-error-code", "scope-insufficient-challenge"},
	Remedy:   "Send WWW-Authenticate: Bearer error=\"insufficient_scope\" with the 403; without it a client cannot tell a missing scope from a prohibition.",
	Faults:   []fault.Fault{fault.ScopeNoChallenge, fault.ScopeNoError},
	Specs: func(d *probes.Deployment) {
		discovery, scoping := probes.Start(d, d.Discovery), probes.Start(d, d.Scoping)

		It("as its error", func(ctx SpecContext) {
			challengesAtAll(ctx, discovery)
			for _, t := range forbidden(ctx, scoping) {
				Expect(t.Answer.InsufficientScope()).NotTo(BeNil(), "%s was answered 403 without it", t.Tell())
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-403-scope",
	Title:    "A 403 for a missing scope names the scopes that the operation needs",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    insufficientScope,
	Since:    suites.V20251125,
	Covers:   []string{"rs-403-challenge-scope", "scope-insufficient-challenge"},
	Remedy:   "Put every scope that the refused operation needs into the scope parameter of the challenge.",
	Faults:   []fault.Fault{fault.ScopeUnnamed},
	Specs: func(d *probes.Deployment) {
		scoping := probes.Start(d, d.Scoping)

		It("in its challenge", func(ctx SpecContext) {
			for _, t := range forbidden(ctx, scoping) {
				if t.Answer.InsufficientScope() == nil {
					suites.NotApplicable("the 403 has no challenge that says insufficient_scope")
				}
				Expect(t.Answer.Challenged()).NotTo(BeEmpty(), "%s was answered 403 without naming a scope", t.Tell())
			}
		})
	},
})

// climbed awaits what came of following the challenges.
func climbed(ctx SpecContext, stepUps *probes.Future[[]*probes.StepUp]) []*probes.StepUp {
	all, err := stepUps.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	if len(all) == 0 {
		suites.NotApplicable("no refusal names a scope to ask for")
	}
	return all
}

var _ = suites.Register(suites.Check{
	ID:       "rs-403-scope-helps",
	Title:    "A token with the scopes that a 403 names opens the operation",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 6750", Section: "3.1"}, {Doc: "MCP 2026-07-28", Section: "Authorization, Step-Up Authorization Flow"}},
	Since:    suites.V20251125,
	Covers:   []string{"rs-403-challenge-scope"},
	Remedy:   "Name scopes as the authorization server spells them, and accept a token that has them; otherwise clients ask the user again and again.",
	Faults:   []fault.Fault{fault.ScopeNamedWrongly},
	Specs: func(d *probes.Deployment) {
		scoping, stepUps := probes.Start(d, d.Scoping), probes.Start(d, d.StepUps)

		It("or leads on", func(ctx SpecContext) {
			all := climbed(ctx, stepUps)
			known := tried(ctx, scoping).Known
			for _, s := range all {
				unknown := slices.DeleteFunc(slices.Clone(s.Named), func(n string) bool { return slices.Contains(known, n) })
				switch {
				case s.Got == nil && len(unknown) > 0:
					Fail(fmt.Sprintf("%s was refused and %s named, which the authorization server does not grant and nothing publishes",
						s.Tell(), strings.Join(unknown, " ")))
				case !s.Granted():
					suites.Undecided(d, reports.Configuration, "the authorization server does not grant %s to this client and user", strings.Join(s.Named, " "))
				case s.Retried.Served(), furtherScopes(s) != nil: // the latter is for rs-403-all-scopes-at-once
				default:
					Fail(fmt.Sprintf("%s was refused and %s named; with that it was %s", s.Tell(), strings.Join(s.Named, " "), s.Retried.Said()))
				}
			}
		})
	},
})

// furtherScopes are what the answer after a step-up asks for that the new token
// does not have.
func furtherScopes(s *probes.StepUp) []string {
	if s.Retried.Served() || s.Retried.InsufficientScope() == nil {
		return nil
	}
	return slices.DeleteFunc(s.Retried.Challenged(), func(n string) bool { return slices.Contains(s.Got.Held, n) })
}

var _ = suites.Register(suites.Check{
	ID:       "rs-403-all-scopes-at-once",
	Title:    "All scopes that an operation needs are challenged together",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Runtime Insufficient Scope Errors, Server Scope Management"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-403-all-scopes-at-once"},
	Remedy:   "Collect every scope that the operation needs before refusing; each further challenge costs the user another consent page.",
	Faults:   []fault.Fault{fault.ScopeOneByOne},
	Specs: func(d *probes.Deployment) {
		stepUps := probes.Start(d, d.StepUps)

		It("and not one after the other", func(ctx SpecContext) {
			for _, s := range climbed(ctx, stepUps) {
				if s.Granted() {
					Expect(furtherScopes(s)).To(BeEmpty(), "%s was refused for %s, and after that for more", s.Tell(), strings.Join(s.Named, " "))
				}
			}
		})
	},
})

// pointer is the resource_metadata of a Bearer challenge among challenges.
func pointer(challenges []wire.Challenge) (string, bool) {
	for _, c := range wire.Bearer(challenges) {
		if p, ok := c.Get("resource_metadata"); ok {
			return p, true
		}
	}
	return "", false
}

// pointers are what the refusals for a scope point at.
func pointers(trials []*probes.LimitedCall) (there []string, without []*probes.LimitedCall) {
	for _, t := range trials {
		challenges, _ := wire.Challenges(t.Answer.Header)
		p, ok := pointer(challenges)
		switch {
		case t.Answer.InsufficientScope() == nil:
		case !ok:
			without = append(without, t)
		case !slices.Contains(there, p):
			there = append(there, p)
		}
	}
	return there, without
}

var _ = suites.Register(suites.Check{
	ID:       "rs-403-resource-metadata",
	Title:    "A 403 for a missing scope points at the protected resource metadata, as a 401 does",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    insufficientScope[:1],
	Since:    suites.V20251125,
	Covers:   []string{"rs-403-challenge-resource-metadata"},
	Remedy:   "Repeat resource_metadata in the challenge of the 403.",
	Faults:   []fault.Fault{fault.ScopeNoPointer},
	Specs: func(d *probes.Deployment) {
		discovery, scoping := probes.Start(d, d.Discovery), probes.Start(d, d.Scoping)

		It("by resource_metadata", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if _, ok := pointer(x.Challenges); !ok {
				suites.NotApplicable("the 401 does not point at metadata either")
			}
			if _, without := pointers(forbidden(ctx, scoping)); len(without) > 0 {
				Fail(without[0].Tell() + " was answered 403 without resource_metadata")
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-403-resource-metadata-same",
	Title:    "The metadata that a 403 points at is that of this resource",
	Role:     suites.RS,
	Area:     suites.Scope,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 9728", Section: "5.1"}, insufficientScope[0]},
	Since:    suites.V20251125,
	Covers:   []string{"rs-403-challenge-resource-metadata"},
	Remedy:   "Send the same resource_metadata with 403 as with 401.",
	Faults:   []fault.Fault{fault.ScopeForeignPointer},
	Specs: func(d *probes.Deployment) {
		discovery, scoping := probes.Start(d, d.Discovery), probes.Start(d, d.Scoping)
		pointed := probes.Start(d, func(ctx context.Context) (map[string]string, error) {
			s, err := d.Scoping(ctx)
			if err != nil {
				return nil, err
			}
			there, _ := pointers(s.Lacking())
			resources := map[string]string{}
			for _, p := range there {
				resources[p], _ = d.Fetch(ctx, p).Document.String("resource")
			}
			return resources, nil
		})

		It("and no other", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			usual, ok := pointer(x.Challenges)
			if x.PRM == nil || !ok || x.PRM.URL != usual {
				suites.NotApplicable("the 401 does not point at metadata that could be compared")
			}
			there, _ := pointers(forbidden(ctx, scoping))
			if len(there) == 0 {
				suites.NotApplicable("no 403 points at metadata")
			}
			resources, err := pointed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			resource, _ := x.PRM.Document.String("resource")
			for _, p := range there {
				if p != usual {
					Expect(resources[p]).To(Equal(resource), "the 403 points at %s and the 401 at %s", p, usual)
				}
			}
		})
	},
})

package authserver

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// statedScopes are the scopes that a token was issued with, and whether anything says so.
func statedScopes(t *probes.Tokens) (scopes []string, stated bool) {
	if scopes, ok := t.Scopes(); ok {
		return scopes, true
	}
	if jwt, ok := t.JWT(); ok {
		return jwt.Scopes()
	}
	return nil, false
}

// unasked is a flow whose authorization request has no scope.
func unasked(d *probes.Deployment) *probes.Future[*probes.Attempt] {
	return probes.Start(d, probes.Once(d, "no scope", func(ctx context.Context) (*probes.Attempt, error) {
		return d.TryAuthorization(probes.Without("scope", "nonce", "prompt")).Await(ctx)
	}).Get)
}

var _ = suites.Register(suites.Check{
	ID:       "as-scope-default",
	Title:    "A request without scope gets a default that is stated, or is refused",
	Role:     suites.AS,
	Area:     suites.Scope,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 1.4.1", "RFC 6749, 3.3", "RFC 6749, 5.1", "MCP 2026-07-28, Scope Selection Strategy"),
	Since:    suites.V20250326,
	Covers:   []string{"as-scope-default-or-fail"},
	Remedy:   "Give clients that name no scope a small default and name it in the token response, or answer invalid_scope.",
	Faults:   []fault.Fault{fault.ScopeDefaultCrash, fault.ScopeDefaultUnscoped},
	Specs: func(d *probes.Deployment) {
		attempt := unasked(d)

		It("and does no harm to the server", func(ctx SpecContext) {
			a, err := attempt.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			page := a.Authorization.Landing.Page
			broken := a.Authorization.Code == "" && page != nil && page.Status >= 500
			Expect(broken || a.Authorization.Error == "server_error").To(BeFalse(), "a request without scope ended in a server error")
		})
		It("in the token response or in the token", func(ctx SpecContext) {
			a, err := attempt.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !a.Issued() {
				d.Note("a request without scope is refused: %s", a.Ended())
				return
			}
			all, err := d.AllScopes(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(all) == 0 {
				suites.NotApplicable("nothing says that scopes are used")
			}
			scopes, stated := statedScopes(a.Tokens)
			Expect(stated).To(BeTrue(), "a token was issued, and neither the response nor the token says with which scope")
			d.Note("a request without scope gets %q", scopes)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-scope-default-minimal",
	Title:    "A request without scope does not get every scope there is",
	Role:     suites.AS,
	Area:     suites.Scope,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("OAuth 2.1, 1.4.1", "OAuth 2.1, 7.9", "RFC 6749, 3.3", "MCP Security Best Practices, Scope Minimization"),
	Since:    suites.V20250326,
	Covers:   []string{"scope-default-minimal"},
	Remedy:   "Let the default be what basic use needs; whoever wants more can ask for it by name.",
	Needs:    []suites.Need{suites.TwoScopes},
	Faults:   []fault.Fault{fault.ScopeDefaultAll},
	Specs: func(d *probes.Deployment) {
		attempt := unasked(d)

		It("but a part of them", func(ctx SpecContext) {
			a, err := attempt.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !a.Issued() {
				return
			}
			all, err := d.AllScopes(ctx)
			Expect(err).NotTo(HaveOccurred())
			scopes, stated := statedScopes(a.Tokens)
			if !stated {
				suites.NotApplicable("what was granted is not stated; as-scope-default judges that")
			}
			left := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(scopes, s) })
			Expect(left).NotTo(BeEmpty(), "a request without scope gets all scopes of the resource, %q", scopes)
		})
	},
})

// unknownScope is a scope that no server has.
const unknownScope = "mcpassay.unknown"

var _ = suites.Register(suites.Check{
	ID:       "as-scope-unknown",
	Title:    "A scope that the server does not know is refused, or left out and the client told",
	Role:     suites.AS,
	Area:     suites.Scope,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    cited("OAuth 2.1, 1.4.1", "OAuth 2.1, 3.2.3", "OAuth 2.1, 4.1.2.1", "RFC 6749, 3.3"),
	Since:    suites.V20250326,
	Covers:   []string{"scope-unknown-request"},
	Remedy:   "Answer invalid_scope, or leave unknown scopes out and name what was granted in the token response.",
	Faults:   []fault.Fault{fault.ScopeUnknownGranted, fault.ScopeUnknownDropped},
	Specs: func(d *probes.Deployment) {
		tried := d.Try(d.Client,
			probes.Trial{Name: "beside known ones", Authorization: []probes.Mutation{
				probes.Change("scope", func(known string) string { return known + " " + unknownScope }),
			}},
			probes.Trial{Name: "alone", Authorization: []probes.Mutation{probes.With("scope", unknownScope), probes.Without("nonce", "prompt")}},
		)
		judged := func(judge func(*probes.Tried)) func(SpecContext) {
			return func(ctx SpecContext) {
				all, err := tried.Await(ctx)
				Expect(err).NotTo(HaveOccurred())
				for i := range all {
					if all[i].Issued() {
						judge(&all[i])
					}
				}
			}
		}

		It("rather than granted", judged(func(t *probes.Tried) {
			scopes, _ := statedScopes(t.Tokens)
			Expect(scopes).NotTo(ContainElement(unknownScope), "a scope that nobody knows was granted %s", t.Name)
		}))
		It("rather than left out without a word", judged(func(t *probes.Tried) {
			_, told := t.Tokens.Scopes()
			Expect(told).To(BeTrue(), "asked for %s, an unknown scope is neither refused nor does the token response say what was granted", t.Name)
		}))
	},
})

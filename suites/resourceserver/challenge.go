// Package resourceserver holds the checks on the MCP server as an OAuth resource
// server.
package resourceserver

import (
	"context"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// unknownToken looks like an access token and is none.
const unknownToken = "mcpassay-unknown-token-6f1e0c4b7a"

// anonymously and withUnknownToken are what every deployment must refuse. They
// need no controls: that the endpoint works for others is not in question.
func anonymously(d *probes.Deployment) *probes.Future[*probes.Answer] {
	return probes.Start(d, func(ctx context.Context) (*probes.Answer, error) {
		return d.Send(ctx, d.NewMessage())
	})
}

func withUnknownToken(d *probes.Deployment) *probes.Future[*probes.Answer] {
	return probes.Start(d, func(ctx context.Context) (*probes.Answer, error) {
		m := d.NewMessage()
		m.Header.Set("Authorization", "Bearer "+unknownToken)
		return d.Send(ctx, m)
	})
}

// unauthorized returns the Bearer challenges of a 401. It skips when the answer is
// another, which rs-401-without-token judges, and when no such challenge says
// anything, which rs-401-bearer-challenge judges.
func unauthorized(a *probes.Answer) []wire.Challenge {
	if a.Status != http.StatusUnauthorized {
		suites.NotApplicable("the request was answered %d, not 401", a.Status)
	}
	challenges, _ := wire.Challenges(a.Header)
	bearer := slices.DeleteFunc(wire.Bearer(challenges), func(c wire.Challenge) bool { return len(c.Params) == 0 })
	if len(bearer) == 0 {
		suites.NotApplicable("the 401 has no Bearer challenge that can be read")
	}
	return bearer
}

var _ = suites.Register(suites.Check{
	ID:       "rs-401-without-token",
	Title:    "A request without credentials is answered 401",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Authorization, Error Handling"}, {Doc: "RFC 6750", Section: "3"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-401-without-token", "tu-anonymous-401", "rs-http-status-not-200-jsonrpc"},
	Remedy:   "Answer every request to the MCP endpoint that carries no access token with status 401, before looking at its body.",
	Faults:   []fault.Fault{fault.AnonymousForbidden, fault.AnonymousRedirect, fault.UnauthorizedAsResult},
	Specs: func(d *probes.Deployment) {
		anonymous := anonymously(d)

		It("and the protected call is not carried out", func(ctx SpecContext) {
			answer, err := anonymous.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer).To(suites.BeRefused())
			Expect(answer).To(suites.HaveStatus(http.StatusUnauthorized))
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-401-www-authenticate",
	Title:    "Every 401 carries a challenge",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 9110", Section: "15.5.2"}, {Doc: "OAuth 2.1", Section: "5.3.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-401-www-authenticate", "prm-challenge-parameter"},
	Remedy:   "Send WWW-Authenticate with every 401, whatever was wrong with the credentials; clients begin discovery there.",
	Faults:   []fault.Fault{fault.ChallengeMissing},
	Specs: func(d *probes.Deployment) {
		anonymous, unknown := anonymously(d), withUnknownToken(d)
		judge := func(a *probes.Answer) {
			if a.Status != http.StatusUnauthorized {
				suites.NotApplicable("the request was answered %d, not 401", a.Status)
			}
			Expect(a.Header.Values("WWW-Authenticate")).NotTo(BeEmpty(), "%s was answered 401 without WWW-Authenticate", a.From)
		}

		It("when there was no token", func(ctx SpecContext) {
			answer, err := anonymous.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			judge(answer)
		})
		It("when the token is unknown", func(ctx SpecContext) {
			answer, err := unknown.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			judge(answer)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-401-bearer-challenge",
	Title:    "The challenge is a well-formed Bearer challenge",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 6750", Section: "3"}, {Doc: "RFC 9110", Section: "11.6.1"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-401-bearer-challenge-syntax"},
	Remedy:   "Send one Bearer challenge with quoted parameters, each at most once; let a library write it rather than string concatenation.",
	Faults: []fault.Fault{
		fault.ChallengeBare, fault.ChallengeOtherScheme, fault.ChallengeUnterminated, fault.ChallengeTwice,
	},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)
		challenged := func(ctx SpecContext) *probes.Discovery {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(x.Anonymous.Header.Values("WWW-Authenticate")) == 0 {
				suites.NotApplicable("there is no challenge")
			}
			return x
		}

		It("of the scheme Bearer", func(ctx SpecContext) {
			x := challenged(ctx)
			Expect(wire.Bearer(x.Challenges)).NotTo(BeEmpty(), "no challenge to %s is of the scheme Bearer", x.Anonymous.From)
		})
		It("with at least one parameter", func(ctx SpecContext) {
			x := challenged(ctx)
			for _, c := range wire.Bearer(x.Challenges) {
				Expect(c.Params).NotTo(BeEmpty(), "the Bearer challenge to %s has no parameter that could be read", x.Anonymous.From)
			}
		})
		It("that can be parsed, each parameter once", func(ctx SpecContext) {
			x := challenged(ctx)
			Expect(x.Malformed).To(BeEmpty(), "%s was answered with a malformed WWW-Authenticate", x.Anonymous.From)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-401-no-error-without-token",
	Title:    "A request without credentials is told of no error",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Should,
	Severity: suites.Info,
	Cites:    []suites.Cite{{Doc: "RFC 6750", Section: "3.1"}, {Doc: "OAuth 2.1", Section: "5.3.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-401-no-error-code-without-token"},
	Remedy:   "Leave error and error_description out of the challenge when no token was presented; clients take an error for a rejected token.",
	Faults:   []fault.Fault{fault.ChallengeErrorUnasked},
	Specs: func(d *probes.Deployment) {
		anonymous := anonymously(d)

		It("in the challenge", func(ctx SpecContext) {
			answer, err := anonymous.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, c := range unauthorized(answer) {
				code, told := c.Get("error")
				Expect(told).To(BeFalse(), "the challenge says error=%q although no token was presented", code)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-401-invalid-token-error",
	Title:    "A rejected token is explained as invalid_token",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Should,
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 6750", Section: "3.1"}, {Doc: "OAuth 2.1", Section: "5.3.2"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-401-invalid-token-error"},
	Remedy:   "Put error=\"invalid_token\" into the challenge when a token was presented and rejected, so that clients know to get a new one.",
	Faults:   []fault.Fault{fault.ChallengeNoError, fault.ChallengeOwnError},
	Specs: func(d *probes.Deployment) {
		unknown := withUnknownToken(d)

		It("in the challenge", func(ctx SpecContext) {
			answer, err := unknown.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, c := range unauthorized(answer) {
				code, _ := c.Get("error")
				Expect(code).To(Equal("invalid_token"), "a rejected token is explained with error=%q", code)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-401-resource-metadata-present",
	Title:    "The challenge points at the protected resource metadata",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.May,
	Levels:   map[suites.Revision]suites.Level{suites.V20250618: suites.Must, suites.V20251125: suites.May},
	Severity: suites.Low,
	Cites:    []suites.Cite{{Doc: "RFC 9728", Section: "5.1"}, {Doc: "MCP 2026-07-28", Section: "Protected Resource Metadata Discovery Requirements"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-401-resource-metadata-param"},
	Remedy:   "Add resource_metadata with the absolute URL of the metadata to the Bearer challenge; clients of revision 2025-06-18 look nowhere else.",
	Faults:   []fault.Fault{fault.PointerMissing, fault.PointerInDescription},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)

		It("by resource_metadata", func(ctx SpecContext) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if x.PRM == nil {
				suites.NotApplicable("there is no metadata to point at")
			}
			if len(x.Malformed) > 0 {
				suites.NotApplicable("the challenge is malformed") // for rs-401-bearer-challenge
			}
			bearer := unauthorized(&probes.Answer{Response: x.Anonymous})
			pointed := false
			for _, c := range bearer {
				_, has := c.Get("resource_metadata")
				pointed = pointed || has
			}
			Expect(pointed).To(BeTrue(), "the Bearer challenge to %s has no resource_metadata parameter", x.Anonymous.From)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-401-resource-metadata-valid",
	Title:    "A resource_metadata parameter is the absolute URL of the metadata",
	Role:     suites.RS,
	Area:     suites.Discovery,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 9728", Section: "5.1"}},
	Since:    suites.V20250618,
	Covers:   []string{"rs-401-resource-metadata-param", "prm-challenge-parameter", "prm-https"},
	Remedy:   "Write the absolute URL at which the metadata is really served, as the client sees it; behind a proxy take it from configuration.",
	Faults:   []fault.Fault{fault.PointerRelative, fault.PointerDead},
	Specs: func(d *probes.Deployment) {
		discovery := probes.Start(d, d.Discovery)
		pointers := func(ctx SpecContext) (*probes.Discovery, []string) {
			x, err := discovery.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var all []string
			for _, c := range wire.Bearer(x.Challenges) {
				if pointer, ok := c.Get("resource_metadata"); ok {
					all = append(all, pointer)
				}
			}
			if len(all) == 0 {
				suites.NotApplicable("the challenge has no resource_metadata parameter")
			}
			return x, all
		}

		It("in form", func(ctx SpecContext) {
			_, all := pointers(ctx)
			for _, pointer := range all {
				Expect(pointer).To(suites.BeSecureURL())
			}
		})
		It("where the document is", func(ctx SpecContext) {
			x, all := pointers(ctx)
			document(ctx, d, discovery) // without any, the pointer is not the cause
			for _, pointer := range all {
				for _, fetched := range x.PRMs {
					if fetched.URL == pointer && strings.Contains(pointer, "://") {
						Expect(fetched.Document).NotTo(BeNil(), "%s gives no metadata: %v", pointer, fetched.Err)
					}
				}
			}
		})
	},
})

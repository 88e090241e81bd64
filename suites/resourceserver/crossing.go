package resourceserver

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// expectNoMixup judges answers that were meant for one user.
func expectNoMixup(ctx SpecContext, called *probes.Future[[]probes.Mixup]) {
	mixed, err := called.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	for _, m := range mixed {
		Expect(m.Got).To(Equal(m.Asked), "a call of the %s, %s, is answered as if it were the %s's", m.Asked, m.Wire, m.Got)
	}
}

var _ = suites.Register(suites.Check{
	ID:       "rs-answers-not-crossed",
	Title:    "Two users who call at the same time with the same id each get their own answer",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Base Protocol, Messages"}, {Doc: "CWE-488", Section: ""}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-answers-not-crossed"},
	Remedy:   "Have a server object for each request or session. JSON-RPC ids are unique within one client only.",
	Needs:    []suites.Need{suites.SecondUser, suites.TellingUsersApart},
	Faults:   []fault.Fault{fault.AnswersCrossed},
	Specs: func(d *probes.Deployment) {
		called := probes.Start(d, d.Overlap)

		It("round after round", func(ctx SpecContext) { expectNoMixup(ctx, called) })
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-connection-identity",
	Title:    "Users who share a connection are told apart by their tokens",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Base Protocol, Statelessness"}, {Doc: "SEP-2575", Section: "Security Implications"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-no-identity-from-connection"},
	Remedy:   "Take the caller from the token of each request. Gateways send the requests of many users over one connection.",
	Needs:    []suites.Need{suites.SecondUser, suites.TellingUsersApart},
	Faults:   []fault.Fault{fault.ConnectionIdentity},
	Specs: func(d *probes.Deployment) {
		called := probes.Start(d, d.OneConnection)

		It("whoever came before", func(ctx SpecContext) { expectNoMixup(ctx, called) })
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-stream-resume-isolated",
	Title:    "Only the owner of a stream can have the rest of it",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2025-11-25", Section: "Transports, Resumability and Redelivery"}, sessionHijacking},
	Since:    suites.V20250326,
	Until:    suites.V20260728,
	Covers:   []string{"rs-stream-resume-isolated"},
	Remedy:   "Keep events by session, and replay those of the session that asks. Event ids are no secrets.",
	Needs:    []suites.Need{suites.Sessions},
	Faults:   []fault.Fault{fault.ReplayAcrossSessions, fault.GetUnguarded},
	Specs: func(d *probes.Deployment) {
		resumed := probes.Start(d, d.Resume)
		look := func(ctx SpecContext) *probes.Resumption {
			x, err := resumed.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			switch {
			case !x.Numbered:
				suites.NotApplicable("the server gives the events of its streams no ids")
			case !x.Replayed:
				suites.NotApplicable("the server replays nothing to the stream's owner either")
			}
			return x
		}

		It("not another user", func(ctx SpecContext) {
			x := look(ctx)
			if len(d.Target.Users) < 2 {
				suites.NotApplicable("no second user is known (users in the configuration)")
			}
			Expect(x.Other).To(BeFalse(), "another user, in a session of their own, is sent the rest of the stream")
		})
		It("not somebody without a token", func(ctx SpecContext) {
			Expect(look(ctx).Bare).To(BeFalse(), "without a token, the rest of the stream is sent to whoever names the session")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-json-spelling",
	Title:    "What decides about scope reads a message as what runs it does",
	Role:     suites.RS,
	Area:     suites.TokenUse,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "CWE-436", Section: ""}, {Doc: "RFC 8259", Section: "4"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-json-spelling"},
	Remedy:   "Parse a message once and decide by what was parsed; refuse members that are there twice, and batches where there are none.",
	Faults:   []fault.Fault{fault.ScopeFirstMember, fault.ScopeExactMember, fault.ScopeFirstOfMany},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.CallRespelt)

		It("however it is spelled", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if all == nil {
				suites.NotApplicable("no operation is known that a token with fewer scopes is refused (operations in the configuration)")
			}
			for _, r := range all {
				Expect(r.Ran).To(BeFalse(), "a call that the token does not cover is carried out, spelled with %s", r.Name)
			}
		})
	},
})

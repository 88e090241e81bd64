package resourceserver

import (
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var roundTrips = []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Multi Round-Trip Requests, Server Requirements"}}

// reliedUpon skips unless the server looks at requestState at all: one that takes
// any string keeps nothing in it.
func reliedUpon(x *probes.RoundTrial) {
	if x.MadeUp.Served() {
		suites.NotApplicable("the server does not rely on requestState: it takes any string for one")
	}
}

var _ = suites.Register(suites.Check{
	ID:       "rs-request-state-integrity",
	Title:    "A requestState that was altered is refused",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    roundTrips,
	Since:    suites.V20260728,
	Covers:   []string{"rs-request-state-integrity"},
	Remedy:   "Authenticate requestState with a key of the server's (HMAC or AEAD), and refuse whatever does not verify.",
	Needs:    []suites.Need{suites.RequestState},
	Faults:   []fault.Fault{fault.RequestStateUnsigned},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.TryRounds)

		It("wherever that was", func(ctx SpecContext) {
			x, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			reliedUpon(x)
			for _, what := range slices.Sorted(maps.Keys(x.Altered)) {
				Expect(x.Altered[what]).To(suites.BeRefused(), "altered: %s", what)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-request-state-bound",
	Title:    "A requestState is good for the user and the call that it was made for",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    roundTrips,
	Since:    suites.V20260728,
	Covers:   []string{"rs-request-state-bound"},
	Remedy:   "Put user, method and a digest of the arguments under the seal, and compare them with the request that brings it back.",
	Needs:    []suites.Need{suites.RequestState},
	Faults:   []fault.Fault{fault.RequestStateForAnyone, fault.RequestStateForAnything},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.TryRounds)

		It("not for another user", func(ctx SpecContext) {
			x, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			reliedUpon(x)
			if x.Other == nil {
				suites.NotApplicable("no second user is known (users in the configuration)")
			}
			Expect(x.Other).To(suites.BeRefused())
		})
		It("not for other arguments", func(ctx SpecContext) {
			x, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			reliedUpon(x)
			if x.Else == nil {
				suites.NotApplicable("the call has no arguments that could be others")
			}
			Expect(x.Else).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-request-state-expires",
	Title:    "A requestState is good for a short time",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    roundTrips,
	Since:    suites.V20260728,
	Covers:   []string{"rs-request-state-bound"},
	Remedy:   "Put the time of expiry under the seal, and refuse what comes later.",
	Needs:    []suites.Need{suites.RequestState, suites.ExpiringRequestState},
	Faults:   []fault.Fault{fault.RequestStateForever},
	Specs: func(d *probes.Deployment) {
		late := probes.Start(d, d.LateRound)

		It("and for no longer", func(ctx SpecContext) {
			Expect(late.Await(ctx)).To(suites.BeRefused())
		})
	},
})

// Package authserver holds the checks on the authorization server.
package authserver

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var _ = suites.Register(suites.Check{
	ID:       "as-code-flow",
	Title:    "An ordinary authorization code flow yields an access token",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.Info,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "4.1"}, {Doc: "MCP 2026-07-28", Section: "Authorization Flow"}},
	Since:    suites.V20250326,
	Covers:   []string{"as-oauth21-implemented", "as-resource-tolerated", "redirect-baseline"},
	Remedy:   "Follow the evidence to the first answer that is not what a client expects; every other check of the flow waits for this one.",
	Faults:   []fault.Fault{fault.TokenEndpointFails, fault.ResourceRefused},
	Specs: func(d *probes.Deployment) {
		flow := probes.Start(d, d.Baseline)

		It("from authorization request to token response", func(ctx SpecContext) {
			Expect(flow.Await(ctx)).To(suites.BeAccepted())
		})
	},
})

package resourceserver

import (
	"context"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// workloadServed needs a workload whose tokens the resource server takes.
func workloadServed(ctx context.Context, d *probes.Deployment) (bool, string) {
	if len(d.Target.Workloads) == 0 {
		return false, "a workload whose issuer the authorization server trusts, with the issuer's key (workloads in the configuration)"
	}
	served, err := d.Serves(ctx, d.ByWorkload(d.Target.Workloads[0]))
	return err != nil || served, "a resource server that takes tokens of workloads"
}

var _ = suites.Register(suites.Check{
	ID:       "rs-wif-token-validated",
	Title:    "Tokens of workloads are validated as those of users are",
	Role:     suites.RS,
	Area:     suites.WorkloadIdentity,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "OAuth 2.1", Section: "5.2"}, {Doc: "RFC 9068", Section: "4"}, {Doc: "MCP workload identity federation extension", Section: "Resource servers"}},
	Since:    suites.V20250326,
	Covers:   []string{"rs-wif-baseline-validation"},
	Remedy:   "Send every token through the same validation, whoever it speaks for; a way of its own for services is the one that is forgotten.",
	Needs:    []suites.Need{workloadServed},
	Faults:   []fault.Fault{fault.MachineSignatureUnchecked, fault.MachineAudienceUnchecked, fault.MachineScopeUnchecked},
	Specs: func(d *probes.Deployment) {
		var elsewhere probes.Issuance
		if len(d.Target.Workloads) > 1 {
			elsewhere = d.ByWorkload(d.Target.Workloads[1])
		}
		issuedSpecs(d, d.ByWorkload(d.Target.Workloads[0]), elsewhere)
	},
})

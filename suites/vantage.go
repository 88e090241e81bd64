package suites

import "github.com/mcpassay/mcpassay/probes"

// standsIn says why a check does not apply to a party that is our own, or "".
func standsIn(d *probes.Deployment, role Role) string {
	switch {
	case role == RS && d.Target.Ours.ResourceServer:
		return "our own resource server stands in: only the authorization server is under test"
	case role == AS && d.Target.Ours.AuthServer:
		return "our own authorization server stands in: only the resource server is under test"
	}
	return ""
}

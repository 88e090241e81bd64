package suites

import (
	"context"

	"github.com/mcpassay/mcpassay/probes"
)

// Proxy needs an authorization server that sends users on to an identity provider
// as a client of that.
func Proxy(ctx context.Context, d *probes.Deployment) (bool, string) {
	hop, err := d.Upstream(ctx)
	return err != nil || hop != nil, "an authorization server that sends users on to an identity provider, and users sign in at this one itself"
}

// OldestRevision needs an MCP server that speaks no newer revision than 2025-03-26.
// One that is only asked to do so tells clients more than that revision knows.
func OldestRevision(ctx context.Context, d *probes.Deployment) (bool, string) {
	era, err := d.Era(ctx)
	return err == nil && era.Version == probes.Oldest && d.Target.Spec == "", "an MCP server that speaks 2025-03-26 and nothing newer"
}

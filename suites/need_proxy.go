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

// OldestRevision needs a run for 2025-03-26, or a server whose clients can be of
// no newer revision: it speaks none, and publishes no protected resource metadata,
// which all of those start from.
func OldestRevision(ctx context.Context, d *probes.Deployment) (bool, string) {
	const want = "an MCP server of 2025-03-26, which publishes no protected resource metadata, or a run for that revision (--spec 2025-03-26)"
	if d.Target.Spec != "" {
		return d.Target.Spec == probes.Oldest, want
	}
	found, err := d.Discovery(ctx)
	if err != nil || found.PRM != nil {
		return false, want
	}
	era, err := d.Era(ctx)
	return err == nil && era.Version == probes.Oldest, want
}

// OwnProvider needs an identity provider of ours, which can end what it gave.
func OwnProvider(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.Provider != nil, "an authorization server that has an identity provider of ours sign users in (--lab-idp)"
}

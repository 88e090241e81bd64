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

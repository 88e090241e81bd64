package suites

import (
	"context"
	"strings"

	"github.com/mcpassay/mcpassay/probes"
)

// AuthServerTLS needs an authorization server that speaks https.
func AuthServerTLS(ctx context.Context, d *probes.Deployment) (bool, string) {
	x, err := d.Discovery(ctx)
	return err != nil || strings.HasPrefix(x.Issuer, "https:"), "an authorization server on https, and this one speaks http on loopback"
}

// ResourceServerTLS needs a resource server that speaks https.
func ResourceServerTLS(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Endpoint.Scheme == "https", "an MCP server on https, and this one speaks http on loopback"
}

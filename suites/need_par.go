package suites

import (
	"context"
	"time"

	"github.com/mcpassay/mcpassay/probes"
)

// PushedAuthorization needs an authorization server that takes pushed requests.
var PushedAuthorization = advertises("pushed_authorization_request_endpoint", "an authorization server that takes pushed authorization requests")

// ExpiringPushes needs request URIs that expire while the run waits, or later.
func ExpiringPushes(ctx context.Context, d *probes.Deployment) (bool, string) {
	wait, err := d.PushWait(ctx)
	return err != nil || d.Waits(probes.ParkedPush, wait),
		"to wait until a request URI has expired, and that takes " + wait.Round(time.Second).String() + " (--wait, or --park and mcpassay resume)"
}

// PushRequired needs a server, or a registration, that says that all requests
// have to be pushed.
func PushRequired(ctx context.Context, d *probes.Deployment) (bool, string) {
	if d.PushesAll(ctx) {
		return true, ""
	}
	c, err := d.PushingClient(ctx)
	return err != nil || c != nil, "an authorization server, or a client of it, whose requests all have to be pushed"
}

// OpenID needs an authorization server that says it issues ID tokens.
func OpenID(ctx context.Context, d *probes.Deployment) (bool, string) {
	issues, err := d.IssuesIDTokens(ctx)
	return err != nil || issues, "an authorization server that supports the scope openid"
}

// RequestObjects needs an authorization server that takes signed request objects
// by value, and a client whose key it knows.
func RequestObjects(ctx context.Context, d *probes.Deployment) (bool, string) {
	takes, err := d.TakesRequestObjects(ctx)
	return err != nil || takes, "an authorization server that takes request objects by value from a client whose key it knows"
}

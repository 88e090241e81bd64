package reference

import (
	"context"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// identityHeader is where some gateways tell the servers behind them who calls.
// We read nothing from it: what counts is the token.
const identityHeader = "X-Authenticated-Userid"

// readPhantom does what a gateway does that keeps JWTs away from clients: it gets
// one for the opaque token, and the server behind verifies it. A JWT from outside
// is to the gateway an opaque token like any other, and an unknown one.
func (v *verifier) readPhantom(ctx context.Context, token string, expected tokens.Expected) (*tokens.Token, []tokens.Check, error) {
	phantom := token
	if !v.faults.Has(fault.PhantomInner) || strings.Count(token, ".") != 2 {
		answer, err := v.authority.askFor(ctx, introspection, url.Values{"token": {token}}, mediaJWT)
		if err != nil {
			return nil, nil, err
		}
		phantom = string(answer)
	}
	t, err := tokens.Parse(phantom) // what is not active is answered in JSON
	return t, expected.Checks(), err
}

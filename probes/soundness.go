package probes

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

// soundRefused says why a token that the authorization server has issued for the
// resource server does not open it. The resource server is to blame only where
// it has no reason to refuse: not for a token that is not meant for it, nor for
// one it cannot verify with what its authorization server publishes.
func (d *Deployment) soundRefused(ctx context.Context, token string, a *Answer) error {
	said := "the protected call with an access token was " + a.Said()
	because := func(by string, owner reports.Owner, format string, args ...any) error {
		return &Blocked{By: by, Owner: owner, Err: fmt.Errorf(said+": "+format, args...)}
	}
	if challenges, _ := wire.Challenges(a.Header); a.Status == http.StatusForbidden {
		for _, c := range wire.Bearer(challenges) {
			if code, _ := c.Get("error"); code == "insufficient_scope" {
				return because("rs-scope-downscoped-accepted", reports.ResourceServer, "the scopes that it asks for are not enough")
			}
		}
	}
	resource, err := d.Resource(ctx)
	if err != nil {
		return err
	}
	if endpoint := d.Endpoint.String(); d.Target.Ours.ResourceServer {
		// It goes by the name that the authorization server knows it by.
	} else if resource == endpoint+"/" {
		return because("rs-prm-resource-no-trailing-slash", reports.ResourceServer, "its metadata names the resource %q", resource)
	} else if !strings.HasPrefix(endpoint, resource) {
		return because("rs-prm-resource", reports.ResourceServer, "its metadata names the resource %q", resource)
	}
	if x, err := d.Discovery(ctx); err == nil && x.AS != nil {
		if issuer, _ := x.AS.Document.String("issuer"); issuer != x.Issuer {
			return because("as-metadata-issuer-identical", reports.AuthServer, "the metadata of %q names the issuer %q", x.Issuer, issuer)
		}
	}
	if jwt, ok := DecodeJWT(token); ok {
		if audience := jwt.Audience(); !slices.Contains(audience, resource) {
			return because("as-audience-follows-resource", reports.AuthServer, "it is not for %q but for %q", resource, audience)
		}
		if expiry, ok := jwt.Claims.Number("exp"); !ok || time.Unix(int64(expiry), 0).Before(d.Now()) {
			return because("as-access-token-short-lived", reports.AuthServer, "it has no exp, or one that is past")
		}
		if by := d.unusableKey(ctx, jwt); by != "" {
			return because(by, reports.AuthServer, "the key set holds no one public key under its kid")
		}
	}
	if d.Target.Ours.ResourceServer {
		return because("resource server of ours", reports.Configuration,
			"it could not verify the token: opaque ones take credentials for introspection (as.introspect_as in the configuration)")
	}
	return &Blocked{By: "rs-accepts-bearer-header", Owner: reports.ResourceServer, Err: fmt.Errorf("%s", said)}
}

// unusableKey names the check on the key set that tells why a token's signature
// cannot be verified; none if its key is there, alone under its id and public.
func (d *Deployment) unusableKey(ctx context.Context, jwt *JWT) string {
	kid, named := jwt.Header.String("kid")
	keys, err := d.Keys(ctx)
	if !named || err != nil || len(keys) == 0 {
		return ""
	}
	found := slices.DeleteFunc(keys, func(key *wire.Document) bool {
		id, _ := key.String("kid")
		return id != kid
	})
	switch {
	case len(found) != 1:
		return "as-jwks-quality"
	case found[0].Has("d"):
		return "as-jwks-public"
	}
	return ""
}

package suites

import (
	"context"
	"errors"
	"time"

	"github.com/mcpassay/mcpassay/probes"
)

// A Need tells whether the deployment offers what a check is about, and what is
// missing if not. What could not be found out counts as offered: the check then
// says what blocks it.
type Need func(ctx context.Context, d *probes.Deployment) (offered bool, want string)

// advertises needs a member of the authorization server's metadata.
func advertises(member, want string) Need {
	return func(ctx context.Context, d *probes.Deployment) (bool, string) {
		metadata, err := d.Metadata(ctx)
		return err != nil || metadata.Has(member), want
	}
}

// What checks can need.
var (
	DynamicRegistration = advertises("registration_endpoint", "an authorization server that offers dynamic client registration")
	Revocation          = advertises("revocation_endpoint", "an authorization server that offers token revocation")
	Introspection       = advertises("introspection_endpoint", "an authorization server that offers token introspection")
)

// SecondClient needs two clients: registered by the run, or configured.
func SecondClient(ctx context.Context, d *probes.Deployment) (bool, string) {
	_, err := d.Metadata(ctx)
	return err != nil || d.Registers(ctx) || len(d.Target.Clients) > 1,
		"a second client: configure one, since the authorization server registers none"
}

// ConfidentialClient needs a client that authenticates with a secret.
func ConfidentialClient(ctx context.Context, d *probes.Deployment) (bool, string) {
	_, err := d.ConfidentialClient(ctx)
	return !errors.Is(err, probes.ErrNoSecret), "a client with a secret: configure one, since the authorization server registers none"
}

// RegisteredSecrets needs an authorization server that registers clients with a
// secret.
func RegisteredSecrets(ctx context.Context, d *probes.Deployment) (bool, string) {
	_, err := d.OtherConfidentialClient(ctx)
	return !errors.Is(err, probes.ErrNoSecret), "an authorization server that registers clients with a secret"
}

// OpaqueAccessTokens needs access tokens that are not JWTs.
func OpaqueAccessTokens(ctx context.Context, d *probes.Deployment) (bool, string) {
	const want = "opaque access tokens, and these are JWTs, which live until they expire"
	t, err := d.Baseline(ctx)
	if err != nil {
		return true, want
	}
	_, isJWT := t.JWT()
	return !isJWT, want
}

// Management needs registered clients that can be managed (RFC 7592).
func Management(ctx context.Context, d *probes.Deployment) (bool, string) {
	const want = "registrations that name a client configuration endpoint (RFC 7592)"
	if !d.Registers(ctx) {
		return false, want
	}
	c, err := d.SecondClient(ctx)
	if err != nil {
		return true, want
	}
	_, _, ok := c.Management()
	return ok, want
}

// RefreshTokens needs an authorization server that issues refresh tokens.
func RefreshTokens(ctx context.Context, d *probes.Deployment) (bool, string) {
	t, err := d.Baseline(ctx)
	return err != nil || t.Refresh != "", "refresh tokens, and the authorization server issues none to the client of this run"
}

// JWTAccessTokens needs access tokens that are JWTs.
func JWTAccessTokens(ctx context.Context, d *probes.Deployment) (bool, string) {
	const want = "access tokens that are JWTs, and these are opaque"
	t, err := d.Baseline(ctx)
	if err != nil {
		return true, want
	}
	_, ok := t.JWT()
	return ok, want
}

// IDTokens needs an authorization server that issues ID tokens for this run's scopes.
func IDTokens(ctx context.Context, d *probes.Deployment) (bool, string) {
	t, err := d.Baseline(ctx)
	return err != nil || t.ID != "", "ID tokens: ask for the scope openid (scopes in the configuration)"
}

// OurIssuer needs the key that the resource server trusts, to sign tokens that
// are genuine but wrong.
func OurIssuer(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.Lab != nil, "the signing key of an authorization server that the resource server trusts"
}

// OtherResource needs a second resource that the authorization server serves.
func OtherResource(ctx context.Context, d *probes.Deployment) (bool, string) {
	resource, err := d.Resource(ctx)
	return d.Target.OtherResource != "" && (err != nil || d.Target.OtherResource != resource), "a second resource of the same authorization server (resources.other in the configuration)"
}

// UpstreamSeen needs to see which credentials reach the upstream.
func UpstreamSeen(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.Upstream != nil, "an upstream that says which credentials reached it"
}

// SecondUser needs two users who can sign in.
func SecondUser(_ context.Context, d *probes.Deployment) (bool, string) {
	return len(d.Target.Users) > 1, "a second user (users in the configuration)"
}

// Disturbing needs the user's word that other users of the system may be disturbed.
func Disturbing(_ context.Context, d *probes.Deployment) (bool, string) {
	return d.Target.Disturb, "leave to disturb other users of the system (--disturb)"
}

// TwoScopes needs at least two scopes to ask for.
func TwoScopes(ctx context.Context, d *probes.Deployment) (bool, string) {
	scopes, err := d.AllScopes(ctx)
	return err != nil || len(scopes) > 1, "two scopes to ask for (scopes in the configuration)"
}

// ShortLived needs access tokens that expire while the run waits.
func ShortLived(ctx context.Context, d *probes.Deployment) (bool, string) {
	want := "access tokens that live no longer than the run may wait (--wait " + d.Target.Wait.Round(time.Second).String() + ")"
	t, err := d.Baseline(ctx)
	if err != nil {
		return true, want
	}
	lifetime, declared := t.ExpiresIn()
	return declared && d.Waits(probes.ParkedAccess, lifetime), want
}

// ExpiringCodes needs authorization codes that expire while the run waits.
func ExpiringCodes(_ context.Context, d *probes.Deployment) (bool, string) {
	wait := d.CodeWait()
	return d.Waits(probes.ParkedCode, wait), "to wait until a code has expired, and that takes " + wait.Round(time.Second).String() + " (--wait, or --park and mcpassay resume)"
}

// RefreshTokensEnd needs refresh tokens whose end is known, and can be waited for.
func RefreshTokensEnd(ctx context.Context, d *probes.Deployment) (bool, string) {
	wait, known := d.RefreshWait(ctx)
	if !known {
		return false, "refresh tokens whose end is known: from the token response, or from the configuration (contract.refresh_token_lifetime)"
	}
	return d.Waits(probes.ParkedRefresh, wait), "to wait until a refresh token has ended, and that takes " + wait.Round(time.Second).String() + " (--wait, or --park and mcpassay resume)"
}

// SecretsEnd needs client secrets that end, while the run waits or later.
func SecretsEnd(ctx context.Context, d *probes.Deployment) (bool, string) {
	wait, ends := d.SecretWait(ctx)
	if !ends {
		return false, "registered clients whose secrets expire (client_secret_expires_at)"
	}
	return d.Waits(probes.ParkedSecret, wait), "to wait until a client secret has expired, and that takes " + wait.Round(time.Second).String() + " (--wait, or --park and mcpassay resume)"
}

// Sessions needs the older wire, which has sessions.
func Sessions(ctx context.Context, d *probes.Deployment) (bool, string) {
	s, err := d.HasSessions(ctx)
	return err != nil || s, "an MCP server that keeps sessions (initialize)"
}

// Documents needs an authorization server that reads the client ID metadata
// documents of the run.
func Documents(ctx context.Context, d *probes.Deployment) (bool, string) {
	_, err := d.DocumentClient(ctx)
	if errors.Is(err, probes.ErrNoDocuments) {
		return false, err.Error()
	}
	return true, probes.ErrNoDocuments.Error()
}

package reference

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// A verifier decides whether a token is an access token for one resource.
type verifier struct {
	audience  string
	authority *authority
	opaque    bool          // tokens are references, to be introspected
	phantom   bool          // by a gateway, which hands on JWTs
	foreign   bool          // the authorization server is not ours
	ahead     time.Duration // how fast the deployment's clock is
	upstream  string        // the identifier of the API behind, only for a fault

	shared *tokens.Issuer // the authorization server's keys, only for a fault
	faults fault.Set
}

// verify returns whom the token speaks for, or a refusal. Any other error says
// that the authorization server could not be asked.
func (v *verifier) verify(ctx context.Context, token string) (*caller, error) {
	t, checks, err := v.read(ctx, token)
	switch {
	case errors.Is(err, errUnavailable) && v.faults.Has(fault.IntrospectionFailsOpen):
		return anonymous(), nil
	case errors.Is(err, errUnavailable):
		return nil, err
	case err != nil && v.faults.Has(fault.GarbageAccepted):
		return anonymous(), nil
	case err != nil && v.faults.Has(fault.RefreshTokenAccepted):
		return v.introspectBlindly(ctx, token)
	case err != nil:
		return nil, errInvalidToken
	case v.faults.Has(fault.KeyIDServerError) && !isPlainKeyID(t):
		return nil, errServer
	}
	if v.opaque && (v.faults.Has(fault.IntrospectionClaimsIgnored) || v.faults.Has(fault.IntrospectionStatus)) {
		checks = nil
	}
	for _, c := range append(checks, tokens.Check{Name: checkActor, Test: hasReadableActor}) {
		err := c.Test(t)
		switch {
		case v.refusesWrongly(c.Name, t):
			return nil, errInvalidToken
		case err == nil, v.overlooks(ctx, c.Name, t):
		case errors.Is(err, errUnavailable):
			return nil, err
		case errors.As(err, new(*refusal)):
			return nil, err
		case c.Name == tokens.CheckExpiry:
			return nil, errExpired
		default:
			return nil, errInvalidToken // which check it was is nobody's business
		}
	}
	return v.callerOf(t, token), nil
}

// now is the deployment's time.
func (v *verifier) now() time.Time { return time.Now().Add(v.ahead) }

// read makes claims of a token: by parsing it, or by asking the authorization
// server what it stands for (RFC 7662).
func (v *verifier) read(ctx context.Context, token string) (*tokens.Token, []tokens.Check, error) {
	expected := tokens.Expected{
		Issuer:   v.authority.issuer,
		Audience: v.audience,
		Key:      func(kid string) (tokens.Key, error) { return v.authority.key(ctx, kid) },
		Now:      v.now,
	}
	if v.foreign {
		return v.readForeign(ctx, token, expected)
	}
	if v.phantom {
		return v.readPhantom(ctx, token, expected)
	}
	if v.opaque {
		claims, err := v.authority.introspect(ctx, token)
		return claims, expected.ClaimChecks(), err
	}
	if t := v.decrypted(token); t != nil {
		return t, expected.ClaimChecks(), nil
	}
	parse := tokens.Parse
	if v.faults.Has(fault.LooseTokenSyntax) {
		parse = tokens.ParseLoosely
	}
	t, err := parse(token)
	return t, expected.Checks(), err
}

func (v *verifier) callerOf(t *tokens.Token, token string) *caller {
	who := &caller{Scopes: t.Scopes(), token: token}
	who.Subject, _ = t.String("sub")
	who.Client, _ = t.String("client_id")
	if end, _ := t.Time("exp"); !end.IsZero() {
		who.Expires = end.Add(-v.ahead)
	}
	who.key = t.Confirmation()
	v.mistakeActor(who, t)
	if v.faults.Has(fault.SubjectTrimmed) {
		who.Subject = strings.ToLower(strings.TrimSpace(who.Subject))
	}
	if who.Subject == "" { // only with fault.AcceptMissingSubject, and elsewhere
		who.Subject = "default"
	}
	if time.Since(who.Expires) >= tokens.Leeway { // only with faults: it does not bind them
		who.Expires = time.Time{}
	}
	return who
}

package reference

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// overlooks tells whether a fault lets a token pass that did not pass the check.
// Without faults it never does.
func (v *verifier) overlooks(ctx context.Context, check string, t *tokens.Token) bool {
	if len(v.faults) == 0 {
		return false
	}
	if v.overlooksMachine(check, t) {
		return true
	}
	switch check {
	case checkActor:
		return v.faults.Has(fault.ActMalformed)
	case tokens.CheckType:
		return v.faults.Has(fault.AcceptAnyType) || v.believesIDToken(t)
	case tokens.CheckCritical:
		return v.faults.Has(fault.AcceptUnknownCritical)
	case tokens.CheckAlgorithm:
		return v.believesUnsigned(t) || v.believesHMAC(ctx, t)
	case tokens.CheckKeySource:
		return v.believesBroughtKey(ctx, t)
	case tokens.CheckIssuer:
		return v.overlooksIssuer(ctx, t) || v.overlooksSlash(t)
	case tokens.CheckSignature:
		return v.faults.Has(fault.SignatureUnchecked) || v.believesUnsigned(t) || v.believesHMAC(ctx, t) ||
			v.believesBroughtKey(ctx, t) || v.believesForeignIssuer(ctx, t)
	case tokens.CheckAudience:
		return v.overlooksAudience(t) || v.believesIDToken(t)
	case tokens.CheckExpiry:
		return v.overlooksExpiry(t)
	case tokens.CheckNotBefore:
		return v.faults.Has(fault.AcceptNotYetValid)
	case tokens.CheckSubject:
		return v.faults.Has(fault.AcceptMissingSubject) || v.believesIDToken(t)
	}
	return false
}

// overlooksSlash takes the issuer with a slash for the one without.
func (v *verifier) overlooksSlash(t *tokens.Token) bool {
	issuer, _ := t.String("iss")
	return v.faults.Has(fault.TokenIssuerSlash) && issuer == v.authority.issuer+"/"
}

// refusesWrongly tells whether a fault makes a check refuse what it should not.
func (v *verifier) refusesWrongly(check string, t *tokens.Token) bool {
	_, isString := t.String("aud")
	return check == tokens.CheckAudience && !isString && v.faults.Has(fault.AudienceArrayRefused)
}

// believesIDToken takes a statement to the client about its user for a permission.
func (v *verifier) believesIDToken(t *tokens.Token) bool {
	_, forClient := t.String("client_id")
	return v.faults.Has(fault.IDTokenAccepted) && !forClient
}

// believesUnsigned holds the faults that do without a signature.
func (v *verifier) believesUnsigned(t *tokens.Token) bool {
	alg := t.Algorithm()
	return v.faults.Has(fault.AcceptAlgNone) && alg == "none" ||
		v.faults.Has(fault.AcceptAlgNoneSpelled) && alg != "none" && strings.EqualFold(strings.TrimSpace(alg), "none") ||
		v.faults.Has(fault.SignatureStripped) && alg == "ES256" && !t.Signed() ||
		v.faults.Has(fault.ZeroSignature) && alg == "ES256" && t.ZeroSigned()
}

// believesHMAC holds the faults that take the algorithm from the token.
func (v *verifier) believesHMAC(ctx context.Context, t *tokens.Token) bool {
	if v.faults.Has(fault.AcceptHMACEmptyKey) && t.VerifyHMAC(nil) {
		return true
	}
	if !v.faults.Has(fault.AcceptHMACPublicKey) {
		return false
	}
	for _, secret := range tokens.PublicSecrets(v.authority.published(ctx)) {
		if t.VerifyHMAC(secret.Bytes) {
			return true
		}
	}
	return false
}

// believesBroughtKey holds the faults that take the key from the token.
func (v *verifier) believesBroughtKey(ctx context.Context, t *tokens.Token) bool {
	if raw, ok := t.Header["jwk"]; ok && v.faults.Has(fault.AcceptEmbeddedKey) {
		key, err := tokens.ParseKey(raw)
		return err == nil && key.Verify(t) == nil
	}
	if !v.faults.Has(fault.FetchKeyURL) && !v.faults.Has(fault.FetchKeyURLBlindly) {
		return false
	}
	for _, name := range []string{"jku", "x5u"} {
		var address string
		if json.Unmarshal(t.Header[name], &address) != nil {
			continue
		}
		keys, err := v.authority.fetchKeys(ctx, address)
		if err == nil && keys[t.KeyID()].Verify(t) == nil {
			return v.faults.Has(fault.FetchKeyURL)
		}
	}
	return false
}

func (v *verifier) overlooksIssuer(ctx context.Context, t *tokens.Token) bool {
	issuer, _ := t.String("iss")
	return v.faults.Has(fault.IssuerUnchecked) ||
		v.faults.Has(fault.IssuerPrefixMatch) && strings.HasPrefix(issuer, v.authority.issuer) ||
		v.believesForeignIssuer(ctx, t)
}

// believesForeignIssuer asks whatever issuer the token names for its keys.
func (v *verifier) believesForeignIssuer(ctx context.Context, t *tokens.Token) bool {
	issuer, _ := t.String("iss")
	if !v.faults.Has(fault.AcceptForeignIssuer) || issuer == v.authority.issuer {
		return false
	}
	foreign := newAuthority(issuer, "")
	defer foreign.close()
	key, err := foreign.key(ctx, t.KeyID())
	return err == nil && key.Verify(t) == nil
}

func (v *verifier) overlooksAudience(t *tokens.Token) bool {
	if t.Confirmation() != "" && v.faults.Has(fault.DPoPAudienceUnchecked) {
		return true
	}
	audience, err := t.Audience()
	missing := err != nil || len(audience) == 0 || slices.Contains(audience, "")
	if missing {
		return v.faults.Has(fault.AcceptMissingAudience)
	}
	return v.faults.Has(fault.AcceptAnyAudience) || slices.ContainsFunc(audience, v.resemblesUs)
}

// resemblesUs holds the faulty ways to compare an audience with ours.
func (v *verifier) resemblesUs(audience string) bool {
	theirs, err := url.Parse(audience)
	if err != nil {
		return false
	}
	ours, err := url.Parse(v.audience)
	if err != nil {
		return false
	}
	f := v.faults
	return f.Has(fault.AudiencePrefixMatch) && strings.HasPrefix(audience, v.audience) ||
		f.Has(fault.AudienceOriginMatch) && theirs.Scheme == ours.Scheme && theirs.Host == ours.Host ||
		f.Has(fault.AudienceHostMatch) && theirs.Hostname() == ours.Hostname() && theirs.Path == ours.Path ||
		f.Has(fault.AudienceCaseFolded) && strings.EqualFold(audience, v.audience) ||
		f.Has(fault.AudienceGeneric) && (audience == "api" || audience == v.authority.issuer) ||
		f.Has(fault.UpstreamTokenAccepted) && audience == v.upstream
}

func (v *verifier) overlooksExpiry(t *tokens.Token) bool {
	expiry, err := t.Time("exp")
	switch {
	case err != nil:
		return v.faults.Has(fault.AcceptTextExpiry)
	case expiry.IsZero():
		return v.faults.Has(fault.AcceptMissingExpiry)
	}
	return v.faults.Has(fault.AcceptExpired) ||
		v.faults.Has(fault.GenerousLeeway) && time.Since(expiry) < time.Hour
}

// introspectBlindly asks the authorization server about any string and looks at
// nothing but active.
func (v *verifier) introspectBlindly(ctx context.Context, token string) (*caller, error) {
	t, err := v.authority.introspect(ctx, token)
	if err != nil {
		return nil, errInvalidToken
	}
	return v.callerOf(t, token), nil
}

// isPlainKeyID tells whether kid is absent or what key ids usually look like.
func isPlainKeyID(t *tokens.Token) bool {
	_, present := t.Header["kid"]
	return !present || isB64Token(t.KeyID()) && !strings.ContainsAny(t.KeyID(), "./")
}

package reference

import (
	"slices"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// maxAssertionLifetime bounds how long an assertion has to be remembered.
const maxAssertionLifetime = time.Hour

// assertedBy is the client that an assertion is about. Whether that is true the
// client's keys tell.
func (s *AuthServer) assertedBy(p params) string {
	if s.faults.Has(fault.AssertionAnySubject) && p.get("client_id") != "" {
		return p.get("client_id")
	}
	return tokens.UnverifiedSubject(p.get("client_assertion"))
}

// assertionHolds checks a client assertion (RFC 7523, section 3). It is for us
// alone, by our issuer identifier or the token endpoint, and works once.
func (s *AuthServer) assertionHolds(assertion string, client *Client) bool {
	a, err := tokens.VerifyAssertion(assertion, client.jwks)
	if err != nil {
		if a = s.assertionOverlooked(assertion, client); a == nil {
			return false
		}
	}
	subject := a.Subject == client.ID || s.faults.Has(fault.AssertionAnySubject)
	issuer := a.Issuer == client.ID || s.faults.Has(fault.AssertionAnyIssuer)
	if s.faults.Has(fault.AssertionRefused) || !issuer || !subject || !s.assertedToUs(a) || !s.assertedNow(a) {
		return false
	}
	switch {
	case s.takesTwice():
		return true
	case a.ID == "":
		return false
	}
	now := s.now()
	seen := client.ID + " " + a.ID
	if _, used := s.assertions.get(seen, now); used && !s.faults.Has(fault.AssertionReplayable) {
		return false
	}
	s.races(fault.AssertionRaces, seen, "")
	s.assertions.put(seen, true, now.Add(maxAssertionLifetime))
	return true
}

// assertedToUs tells whether we are the one that the assertion is for.
func (s *AuthServer) assertedToUs(a *tokens.Assertion) bool {
	ours := []string{s.issuer, s.at("/token")}
	if s.faults.Has(fault.AssertionIssuerRefused) {
		ours = ours[1:]
	}
	switch {
	case len(a.Audience) == 0:
		return s.faults.Has(fault.AssertionNoAudience)
	case s.faults.Has(fault.AssertionAnyAudience):
		return true
	case len(a.Audience) > 1 && !s.faults.Has(fault.AssertionManyAudiences):
		return false
	}
	return slices.ContainsFunc(a.Audience, func(audience string) bool { return contains(ours, audience) })
}

// assertedNow tells whether the assertion is valid at this time, and not for ever.
func (s *AuthServer) assertedNow(a *tokens.Assertion) bool {
	now := s.now()
	switch {
	case now.Before(a.NotBefore) && !s.faults.Has(fault.AssertionPremature):
		return false
	case a.Expires.IsZero():
		return s.faults.Has(fault.AssertionEternal)
	}
	return (now.Before(a.Expires) || s.faults.Has(fault.AssertionExpired)) && a.Expires.Before(now.Add(maxAssertionLifetime))
}

// assertionOverlooked holds the faults that let a signature pass that does not
// verify; nil if none does.
func (s *AuthServer) assertionOverlooked(assertion string, client *Client) *tokens.Assertion {
	t, err := tokens.Parse(assertion)
	if err != nil {
		return nil
	}
	symmetric := slices.ContainsFunc(tokens.PublicSecrets(client.jwks), func(known tokens.Secret) bool { return t.VerifyHMAC(known.Bytes) })
	switch {
	case s.faults.Has(fault.DocumentKeyAny) && client.host != "",
		s.faults.Has(fault.AssertionNoAudience) && t.Claims["aud"] == nil,
		s.faults.Has(fault.AssertionUnverified) && t.Algorithm() == "ES256",
		s.faults.Has(fault.AssertionUnsigned) && t.Algorithm() == "none",
		s.faults.Has(fault.AssertionSymmetric) && symmetric:
		return tokens.ReadAssertion(t)
	}
	return nil
}

// describeClientAuth says in the metadata how clients authenticate.
func (s *AuthServer) describeClientAuth(document map[string]any) {
	if s.faults.Has(fault.AssertionAlgorithmsGone) {
		delete(document, "token_endpoint_auth_signing_alg_values_supported")
	}
	if s.faults.Has(fault.MachineMethodsGone) {
		document["token_endpoint_auth_methods_supported"] = []string{authNone, authPost}
	}
}

package reference

import (
	"errors"
	"net/http"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// provenKey holds, among the parameters of a token request, the thumbprint of the
// key that the request has proven, under the name it has in an authorization
// request (RFC 9449, section 10). What a client sends under it is dropped.
const provenKey = "dpop_jkt"

// readProof checks the DPoP proof of a token request (RFC 9449, section 5). A
// client that is registered for bound tokens has to send one (section 5.2).
func (s *AuthServer) readProof(w http.ResponseWriter, r *http.Request, p params, client *Client) *denial {
	delete(p, provenKey)
	if problem := s.readCertificate(r, p, client); problem != nil {
		return problem
	}
	if nonce := s.proofs.current(); nonce != "" {
		w.Header().Set("DPoP-Nonce", nonce)
	}
	key, err := s.proofs.check(r, tokens.ExpectedProof{Method: http.MethodPost, URL: s.at("/token"), Now: s.now})
	switch {
	case errors.Is(err, errNonce):
		return refuse(useNonce, "the DPoP proof needs the nonce of DPoP-Nonce")
	case s.faults.Has(fault.TokenProofIgnored):
		return nil
	case err != nil, key != "" && s.faults.Has(fault.TokenProofRefused):
		return refuse(invalidProof, "the DPoP proof does not fit the request")
	case key == "" && client.boundTokens && !s.faults.Has(fault.DPoPRegistrationIgnored):
		return refuse(invalidProof, "the client is registered for bound tokens, and sent no DPoP proof")
	case key != "":
		p[provenKey] = []string{key}
	}
	return nil
}

// tokenProofs guards the token endpoint.
func (s *AuthServer) tokenProofs() *proofGuard {
	g := newProofGuard(s.faults, s.variants)
	g.nonceGoes = [2]fault.Fault{fault.TokenProofNonceIgnored, fault.TokenProofNonceIgnored}
	g.overlooks = func(check string, _ *tokens.Token) bool {
		switch check {
		case tokens.CheckSignature, tokens.CheckAlgorithm:
			return s.faults.Has(fault.TokenProofUnsigned)
		case tokens.CheckType, tokens.CheckMethod, tokens.CheckURL:
			return s.faults.Has(fault.TokenProofMisplaced)
		case tokens.CheckIssued:
			return s.faults.Has(fault.TokenProofEternal)
		}
		return false
	}
	return g
}

// codeKeyRefused checks that whoever redeems a code holds the key that it was
// asked for with (RFC 9449, section 10).
func (s *AuthServer) codeKeyRefused(code *authCode, p params) bool {
	return code.key != "" && p.get(provenKey) != code.key && !s.faults.Has(fault.DPoPCodeUnbound)
}

// refreshKeyRefused checks that whoever refreshes the tokens of a public client
// holds the key that they are bound to (RFC 9449, section 5). A confidential
// client proves itself otherwise, and may change its key.
func (s *AuthServer) refreshKeyRefused(g *grant, client *Client, p params) bool {
	if g.key == "" || client.AuthMethod != authNone || p.get(provenKey) == g.key {
		return false
	}
	if p.get(provenKey) == "" {
		return !s.faults.Has(fault.DPoPRefreshDowngrades)
	}
	return !s.faults.Has(fault.DPoPRefreshUnbound)
}

// bind has the tokens of the grant bound to what the request has proven.
func (g *grant) bind(p params) {
	g.key, g.certificate = p.get(provenKey), p.get(provenCertificate)
}

// confirm binds an access token to the key and the certificate of its grant (RFC
// 9449, section 6; RFC 8705, section 3.1). A token from an exchange is another
// client's, who has proven neither.
func (s *AuthServer) confirm(claims tokens.Claims, a accessRequest) {
	confirmed := map[string]any{}
	if a.grant.key != "" && !s.faults.Has(fault.DPoPTokenUnbound) {
		confirmed["jkt"] = a.grant.key
	}
	if a.grant.certificate != "" {
		confirmed["x5t#S256"] = a.grant.certificate
	}
	if len(confirmed) > 0 && a.source == nil {
		claims["cnf"] = confirmed
	}
}

// typed says in a token response what the token has to be presented by.
func (s *AuthServer) typed(response map[string]any, g *grant) map[string]any {
	if _, stated := response["token_type"]; stated && g.key != "" && !s.faults.Has(fault.DPoPTokenMistyped) {
		response["token_type"] = schemeDPoP
	}
	return response
}

// describeProofs says in the metadata what proofs may be signed with (RFC 9449,
// section 5.1).
func (s *AuthServer) describeProofs(document map[string]any) {
	const member = "dpop_signing_alg_values_supported"
	document[member] = proofAlgorithms
	switch {
	case s.faults.Has(fault.DPoPAlgorithmsMissing):
		delete(document, member)
	case s.faults.Has(fault.DPoPAlgorithmsText):
		document[member] = "ES256"
	case s.faults.Has(fault.DPoPAlgorithmNone):
		document[member] = []string{"ES256", "none"}
	case s.faults.Has(fault.DPoPAlgorithmHMAC):
		document[member] = []string{"ES256", "HS256"}
	}
}

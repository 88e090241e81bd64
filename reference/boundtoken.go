package reference

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

var (
	errBoundToken   = &refusal{status: http.StatusUnauthorized, code: "invalid_token", description: "the access token is bound to a key, and is presented by the DPoP scheme", bound: true}
	errUnboundToken = &refusal{status: http.StatusUnauthorized, code: "invalid_token", description: "the access token is bound to no key", bound: true}
	errBadProof     = &refusal{status: http.StatusUnauthorized, code: invalidProof, description: "the DPoP proof does not fit the request", bound: true}
)

// usesDPoP tells whether the request presents its token by the DPoP scheme.
func usesDPoP(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, schemeDPoP)
}

// proven makes sure that whoever presents a bound token holds its key: by a proof
// for this very request (RFC 9449, section 7.1). Neither kind of token passes for
// the other, or a stolen one would do without the key.
func (e *endpoint) proven(r *http.Request, who *caller) error {
	dpop := usesDPoP(r)
	switch {
	case dpop && e.faults.Has(fault.DPoPRefused):
		return errBadProof
	case !dpop && who.key == "", !dpop && e.faults.Has(fault.DPoPDowngrade):
		return nil
	case !dpop:
		return errBoundToken
	case who.key == "":
		return errUnboundToken
	}
	key, err := e.proofs.check(r, tokens.ExpectedProof{Method: r.Method, URL: e.url, Access: who.token, Thumbprint: who.key, Now: e.verifier.now})
	switch {
	case errors.Is(err, errNonce):
		return &refusal{
			status: http.StatusUnauthorized, code: useNonce, description: "the DPoP proof needs the nonce of DPoP-Nonce",
			bound: true, nonce: e.proofs.current(),
		}
	case err != nil, key == "" && !e.faults.Has(fault.DPoPProofOptional):
		return errBadProof
	}
	return nil
}

// boundChallenge is the challenge of the DPoP scheme (RFC 9449, section 7.1). It
// says what a Bearer challenge would, and which algorithms proofs may have.
func (e *endpoint) boundChallenge(params []parameter) string {
	if e.faults.Has(fault.DPoPChallengeError) && len(params) > 0 && params[0].name == "error" {
		params = params[1:]
	}
	params = append(params[:len(params):len(params)], parameter{"algs", strings.Join(proofAlgorithms, " ")})
	return schemeDPoP + strings.TrimPrefix(challenge(params), "Bearer")
}

// callProofs guards the endpoint.
func (e *endpoint) callProofs() *proofGuard {
	g := newProofGuard(e.faults, e.variants)
	g.nonceGoes = [2]fault.Fault{fault.DPoPNonceIgnored, fault.DPoPNonceAny}
	g.overlooks = func(check string, t *tokens.Token) bool {
		f := e.faults
		symmetric := f.Has(fault.DPoPSymmetric) && t.Algorithm() == "HS256"
		switch check {
		case tokens.CheckType:
			return f.Has(fault.DPoPAnyType)
		case tokens.CheckAlgorithm:
			return symmetric || f.Has(fault.DPoPUnsigned) && t.Algorithm() == "none"
		case tokens.CheckProofKey:
			return symmetric || f.Has(fault.DPoPPrivateKey)
		case tokens.CheckSignature:
			return symmetric || f.Has(fault.DPoPPrivateKey) || f.Has(fault.DPoPSignatureUnchecked) ||
				f.Has(fault.DPoPUnsigned) && t.Algorithm() == "none"
		case tokens.CheckMethod:
			return f.Has(fault.DPoPMethodUnchecked)
		case tokens.CheckURL:
			return f.Has(fault.DPoPURLUnchecked)
		case tokens.CheckTokenHash:
			return f.Has(fault.DPoPTokenUnchecked)
		case tokens.CheckIssued:
			return e.overlooksAge(t)
		case tokens.CheckBinding:
			return symmetric || f.Has(fault.DPoPKeyUnchecked)
		}
		return false
	}
	return g
}

// overlooksAge holds the faults that take proofs of the wrong time.
func (e *endpoint) overlooksAge(t *tokens.Token) bool {
	issued, err := t.Time("iat")
	switch {
	case err != nil, issued.IsZero():
		return e.faults.Has(fault.DPoPUndated)
	case issued.After(time.Now()):
		return e.faults.Has(fault.DPoPPostdated)
	}
	return e.faults.Has(fault.DPoPEternal) || e.faults.Has(fault.DPoPHourOld) && time.Since(issued) < 45*time.Minute
}

package reference

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// schemeDPoP is the authentication scheme and the token type of bound tokens, and
// the header of their proofs (RFC 9449).
const schemeDPoP = "DPoP"

// The error codes of RFC 9449, sections 5 and 8.
const (
	invalidProof = "invalid_dpop_proof"
	useNonce     = "use_dpop_nonce"
)

// proofAlgorithms are what proofs may be signed with.
var proofAlgorithms = []string{"ES256"}

// Why a proof is refused. Which check it was is for the sender to find out.
var (
	errProof = errors.New("the DPoP proof does not fit the request")
	errNonce = errors.New("the DPoP proof needs a nonce of ours")
)

// A proofGuard checks DPoP proofs (RFC 9449, section 4.3) and takes each one once.
type proofGuard struct {
	faults    fault.Set
	overlooks func(check string, t *tokens.Token) bool // only with faults
	nonceGoes [2]fault.Fault                           // a nonce may be missing, or any

	mu             sync.Mutex
	seen           *shelf[bool]
	nonce, earlier string // what proofs have to hold; empty: nothing
	renewed        time.Time
	changes        bool // see ClientLab
}

// nonceLifetime is how long a nonce is handed out; it is taken as long again.
const nonceLifetime = time.Minute

func newProofGuard(faults fault.Set, variants variant.Set) *proofGuard {
	g := &proofGuard{faults: faults, seen: newShelf[bool]()}
	if variants.Has(variant.DPoPNonces) {
		g.nonce, g.renewed = secret(), time.Now()
	}
	return g
}

// current is the nonce for the next proof; empty if none is needed.
func (g *proofGuard) current() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.nonce != "" && time.Since(g.renewed) > nonceLifetime {
		g.earlier, g.nonce, g.renewed = g.nonce, secret(), time.Now()
	}
	return g.nonce
}

// check returns the thumbprint of the key that the request proves; it is empty
// if there is no proof, which is for the caller to judge.
func (g *proofGuard) check(r *http.Request, expected tokens.ExpectedProof) (thumbprint string, err error) {
	proofs := r.Header.Values(schemeDPoP)
	switch {
	case len(proofs) == 0:
		return "", nil
	case len(proofs) > 1 && !g.faults.Has(fault.DPoPManyProofs):
		return "", errProof
	}
	t, err := tokens.Parse(proofs[0])
	if err != nil {
		return "", errProof
	}
	for _, c := range expected.Checks() {
		if c.Test(t) != nil && (g.overlooks == nil || !g.overlooks(c.Name, t)) {
			return "", errProof
		}
	}
	if err := g.fresh(t); err != nil {
		return "", err
	}
	return t.BroughtThumbprint(), nil
}

// fresh tells whether a proof is new: it holds a nonce of ours if we hand them
// out, and was not seen before.
func (g *proofGuard) fresh(t *tokens.Token) error {
	current := g.current()
	g.mu.Lock()
	defer g.mu.Unlock()
	nonce, named := t.String("nonce")
	ours := nonce == current || nonce == g.earlier && nonce != ""
	overlooked := !named && g.faults.Has(g.nonceGoes[0]) || named && g.faults.Has(g.nonceGoes[1])
	if current != "" && !ours && !overlooked {
		return errNonce
	}
	id, _ := t.String("jti")
	key := t.BroughtThumbprint() + " " + id
	now := time.Now()
	if _, used := g.seen.get(key, now); used && !g.faults.Has(fault.DPoPReplayable) {
		return errProof
	}
	g.seen.put(key, true, now.Add(2*tokens.ProofWindow))
	g.changed()
	return nil
}

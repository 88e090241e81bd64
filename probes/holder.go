package probes

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reports"
)

const (
	schemeDPoP  = "DPoP"
	nonceHeader = "DPoP-Nonce"
	useNonce    = "use_dpop_nonce"
)

// A Holder holds a key that tokens are bound to (RFC 9449), and the nonces that
// servers have given it.
type Holder struct {
	*tokens.Prover
	Key string // its thumbprint

	mu       sync.Mutex
	nonces   map[string]string // by origin
	required map[string]bool   // origins that have refused a proof for want of a nonce
}

// Nonces is what a server does about nonces.
type Nonces struct {
	Given    bool // it hands them out
	Required bool // it has refused a proof for want of one
}

// noncesOf is what the server at the URL has done about nonces so far.
func (h *Holder) noncesOf(target string) Nonces {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Nonces{h.nonces[originOf(target)] != "", h.required[originOf(target)]}
}

// NewHolder makes a holder with a fresh key, for an algorithm that both servers
// know.
func (d *Deployment) NewHolder(ctx context.Context) (*Holder, error) {
	alg, err := d.proofAlgorithm(ctx)
	if err != nil {
		return nil, err
	}
	prover, err := tokens.NewProver(alg)
	if err != nil {
		return nil, err
	}
	d.keepTime(prover)
	key, err := prover.Thumbprint()
	return &Holder{Prover: prover, Key: key, nonces: map[string]string{}, required: map[string]bool{}}, err
}

// algorithmsDPoP names the algorithms of proofs, in the metadata of either server.
const algorithmsDPoP = "dpop_signing_alg_values_supported"

func (d *Deployment) proofAlgorithm(ctx context.Context) (string, error) {
	x, err := d.Discovery(ctx)
	if err != nil {
		return "", err
	}
	var common []string
	for _, f := range []*Fetched{x.AS, x.PRM} {
		if f == nil {
			continue
		}
		listed, ok := f.Document.Strings(algorithmsDPoP)
		switch {
		case !ok || len(listed) == 0:
		case common == nil:
			common = listed
		default:
			common = slices.DeleteFunc(slices.Clone(common), func(alg string) bool { return !slices.Contains(listed, alg) })
		}
	}
	alg, ok := tokens.ChooseAlgorithm(common)
	if !ok {
		return "", &Blocked{By: "as-dpop-algorithms", Owner: reports.AuthServer, Err: fmt.Errorf("none of the algorithms %q is known here", common)}
	}
	return alg, nil
}

// nonceFor is the newest nonce of the server at the URL; empty if it gave none.
func (h *Holder) nonceFor(target string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.nonces[originOf(target)]
}

// learn keeps the nonce of an answer. It tells whether the answer asks for it.
func (h *Holder) learn(target string, res *wire.Response) (asked bool) {
	nonce := res.Header.Get(nonceHeader)
	if nonce == "" {
		return false
	}
	challenges, _ := wire.Challenges(res.Header)
	asked = strings.Contains(string(res.Body), `"`+useNonce+`"`) || slices.ContainsFunc(challenges, func(c wire.Challenge) bool {
		code, _ := c.Get("error")
		return code == useNonce
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.required[originOf(target)] = h.required[originOf(target)] || asked
	h.nonces[originOf(target)] = nonce
	return asked
}

// adopt takes over the nonces of another holder.
func (h *Holder) adopt(other *Holder) {
	other.mu.Lock()
	defer other.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nonces = maps.Clone(other.nonces)
}

func originOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return target
	}
	return origin(u)
}

// A Proving is how a request is proven to hold a key: soundly, but for what is
// set here.
type Proving struct {
	Name   string // what is different, in a few words
	By     *Holder
	Mutate []tokens.Mutation // of the proof
	Forge  *tokens.Recipe    // makes another proof of the sound one
	Twice  bool              // two proofs are sent, both sound
	None   bool              // none is sent
	Sent   []string          // these are sent, whatever they prove
	Scheme string            // of the Authorization header; default DPoP
}

// proofs are the values of the DPoP header for one request.
func (v Proving) proofs(h *Holder, method, target, access string) ([]string, error) {
	if v.By != nil {
		h = v.By
	}
	switch {
	case v.None:
		return nil, nil
	case v.Sent != nil:
		return v.Sent, nil
	}
	base := []tokens.Mutation{tokens.Nonce(h.nonceFor(target))}
	if access != "" {
		base = append(base, tokens.ForToken(access))
	}
	var all []string
	for len(all) == 0 || v.Twice && len(all) < 2 {
		proof, err := h.Proof(method, target, append(base, v.Mutate...)...)
		if err == nil && v.Forge != nil {
			proof, err = v.Forge.Make(proof)
		}
		if err != nil {
			return nil, fmt.Errorf("make a proof: %w", err)
		}
		all = append(all, proof)
	}
	return all, nil
}

// ProvenRequest sends a token request with a proof (RFC 9449, section 5), and
// once more if the server asks for a nonce of its own.
func (d *Deployment) ProvenRequest(ctx context.Context, c *Client, form url.Values, h *Holder, v Proving, mutations ...Mutation) (*Tokens, error) {
	endpoint, err := d.ServerEndpoint(ctx, "token_endpoint")
	if err != nil {
		return nil, err
	}
	send := func() (*Tokens, bool, error) {
		proofs, err := v.proofs(h, http.MethodPost, endpoint, "")
		if err != nil {
			return nil, false, err
		}
		prove := func(f *Form) { f.Header[schemeDPoP] = proofs } // the canonical key would be Dpop: the name has no case
		t, err := d.TokenRequest(ctx, c, form, append([]Mutation{prove}, mutations...)...)
		if err != nil {
			return nil, false, err
		}
		holder := h
		if v.By != nil {
			holder = v.By
		}
		return t, holder.learn(endpoint, t.Response), nil
	}
	t, again, err := send()
	if err == nil && again && !t.Issued() && !v.None && v.Sent == nil {
		t, _, err = send()
	}
	return t, err
}

// Proven are tokens that are bound to the key of a holder.
type Proven struct {
	*Tokens
	Holder *Holder
}

// ProvenGrant takes a sound flow to tokens that are bound to the holder's key.
// The mutations are those of the authorization request.
func (d *Deployment) ProvenGrant(ctx context.Context, c *Client, h *Holder, mutations ...Mutation) (*Proven, error) {
	a, err := d.Code(ctx, c, mutations...)
	if err != nil {
		return nil, err
	}
	return d.ProvenRedemption(ctx, a, h)
}

// ProvenRedemption redeems a code soundly, with a proof.
func (d *Deployment) ProvenRedemption(ctx context.Context, a *Authorization, h *Holder) (*Proven, error) {
	t, err := d.ProvenRequest(ctx, a.Request.Client, redemption(a), h, Proving{})
	if err != nil {
		return nil, err
	}
	if !t.Issued() {
		return nil, &Blocked{By: "as-dpop-token-bound", Owner: reports.AuthServer,
			Err: fmt.Errorf("a sound token request with a proof was answered %d %s", t.Response.Status, t.Error)}
	}
	return &Proven{t, h}, nil
}

// BoundTo tells whether the answer and the token say that the token is bound to
// the holder's key. What an opaque token is bound to cannot be read.
func (p *Proven) BoundTo() (typed, readable, bound bool) {
	kind, _ := p.Document.String("token_type")
	jwt, isJWT := p.JWT()
	if isJWT {
		bound = jwt.Confirmed() == p.Holder.Key
	}
	return strings.EqualFold(kind, schemeDPoP), isJWT, bound
}

// Confirmed is the thumbprint of the key that a token is bound to (RFC 9449,
// section 6.1); "" if it names none.
func (j *JWT) Confirmed() string {
	raw, ok := j.Claims.Members["cnf"]
	if !ok {
		return ""
	}
	cnf, err := wire.ParseDocument(raw)
	if err != nil {
		return ""
	}
	key, _ := cnf.String("jkt")
	return key
}

// ProvingClient is the client whose tokens are bound: one of its own where
// clients can be registered, so that no other flow ends its grant.
func (d *Deployment) ProvingClient(ctx context.Context) (*Client, error) {
	return Once(d, "proving client", func(ctx context.Context) (*Client, error) {
		if d := d.view(ctx); d.Registers(ctx) {
			return d.RegisterSoundly(ctx, nil)
		}
		return d.client.Get(ctx)
	}).Get(ctx)
}

// boundTokens keeps tokens that are bound to a key, for calls of the MCP endpoint.
type boundTokens struct {
	holder *Holder
	fresh  fresh
}

// BoundTokens are sound tokens bound to a key that the run holds.
func (d *Deployment) BoundTokens(ctx context.Context) (*Proven, error) {
	kept, err := Once(d, "bound tokens", func(ctx context.Context) (*boundTokens, error) {
		h, err := d.view(ctx).NewHolder(ctx)
		return &boundTokens{holder: h}, err
	}).Get(ctx)
	if err != nil {
		return nil, err
	}
	t, err := kept.fresh.get(func() (*Tokens, error) {
		c, err := d.ProvingClient(ctx)
		if err != nil {
			return nil, err
		}
		p, err := d.ProvenGrant(alone(wire.For(ctx, "control")), c, kept.holder)
		if err != nil {
			return nil, err
		}
		return p.Tokens, nil
	})
	if err != nil {
		return nil, err
	}
	return &Proven{t, kept.holder}, nil
}

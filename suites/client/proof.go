package client

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/suites"
)

// proofs are the DPoP proofs of a request.
func (r *Request) proofs() []string { return r.Header.Values("DPoP") }

func proves(r *Request) bool { return len(r.proofs()) > 0 }

func (r *Request) scheme() string {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return scheme
}

func presentsBearer(r *Request) bool { return strings.EqualFold(r.scheme(), "Bearer") }

// withProofs judges clients that use DPoP; the others need not.
func withProofs(judge func(*Trace) Verdict) func(*Trace) Verdict {
	return func(t *Trace) Verdict {
		used := slices.ContainsFunc(slices.Concat(t.TokenRequests(), t.Calls()), func(r *Request) bool {
			return proves(r) || strings.EqualFold(r.scheme(), "DPoP")
		})
		switch {
		case used:
			return judge(t)
		case t.Served() || usedEndpoints(t):
			return notApplicable("the client does not use DPoP: it proves no key")
		}
		return notReached("the client ended without asking for a token")
	}
}

// bound are the tokens that were issued as bound to a key, by the thumbprint of it.
func (t *Trace) bound() map[string]string {
	all := map[string]string{}
	for _, r := range t.TokenRequests() {
		if token := r.text("access_token"); token != "" && strings.EqualFold(r.text("token_type"), "DPoP") {
			all[token] = r.thumbprint()
		}
	}
	return all
}

// thumbprint is that of the key which a request proves; "" without a proof.
func (r *Request) thumbprint() string {
	if !proves(r) {
		return ""
	}
	proof, err := tokens.Parse(r.proofs()[0])
	if err != nil {
		return ""
	}
	return proof.BroughtThumbprint()
}

// misproved says what is wrong with the proof of a request (RFC 9449, section 4.3),
// but for its nonce and its repetition.
func (r *Request) misproved(e tokens.ExpectedProof) string {
	proofs := r.proofs()
	if len(proofs) != 1 {
		return "a " + r.Method + " request to " + r.URL.Path + " came with " + itoa(len(proofs)) + " proofs"
	}
	proof, err := tokens.Parse(proofs[0])
	if err != nil {
		return "a proof is no JWT"
	}
	e.Method, e.Now = r.Method, func() time.Time { return r.At }
	for _, c := range e.Checks() {
		if err := c.Test(proof); err != nil {
			return "the proof of a " + r.Method + " request to " + r.URL.Path + " is wrong in its " + c.Name + ": " + err.Error()
		}
	}
	return ""
}

// repeated tells whether a proof was sent before: with the same key and jti.
func repeated(seen map[string]bool, r *Request) bool {
	for _, raw := range r.proofs() {
		proof, err := tokens.Parse(raw)
		if err != nil {
			continue
		}
		id, _ := proof.String("jti")
		key := proof.BroughtThumbprint() + " " + id
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

var boundCites = []suites.Cite{{Doc: "MCP Extensions", Section: "DPoP"}, {Doc: "RFC 9449", Section: "4.3"}, {Doc: "RFC 9449", Section: "7.1"}}

var _ = Register(Check{
	ID: "client-dpop-scheme-and-proof", Title: "A bound token is presented by the DPoP scheme, each time with a fresh proof", Area: suites.DPoP,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125, Cites: boundCites,
	Covers: []string{"client-dpop-scheme-and-proof"},
	Remedy: "Send Authorization: DPoP and, for every single request, a new proof with its method, its URL, the hash of the token and a jti of its own.",
	In:     []*Situation{boundPlain, boundNonce, boundOdd, boundDies},
	Defects: []testclient.Defect{
		testclient.BoundAsBearer, testclient.BearerOnChallenge, testclient.ProofMissing, testclient.ProofReused, testclient.ProofElsewhere, testclient.ProofMethodWrong,
		testclient.ProofHashMissing, testclient.ProofOtherKey, testclient.ProofSymmetric,
	},
	Judge: withProofs(func(t *Trace) Verdict {
		bound, seen := t.bound(), map[string]bool{}
		calls := slices.DeleteFunc(t.Calls(), func(r *Request) bool {
			_, known := bound[r.bearer()]
			return !known
		})
		return every(calls, "the client never called the MCP server with a bound token", func(r *Request) string {
			if presentsBearer(r) {
				return "a " + r.Method + " request presented a bound token as a Bearer token"
			}
			if problem := r.misproved(tokens.ExpectedProof{URL: t.Resource, Access: r.bearer(), Thumbprint: bound[r.bearer()]}); problem != "" {
				return problem
			}
			if repeated(seen, r) {
				return "two requests came with the same proof"
			}
			return ""
		})
	}),
})

var _ = Register(Check{
	ID: "client-dpop-token-request-proof", Title: "Every token request proves the key, that for a refresh the same one", Area: suites.DPoP,
	Level: suites.Must, Severity: suites.High, Since: suites.V20251125,
	Cites:  []suites.Cite{{Doc: "MCP Extensions", Section: "DPoP"}, {Doc: "RFC 9449", Section: "5"}},
	Covers: []string{"client-dpop-token-request-proof"},
	Remedy: "Send a fresh proof for the token endpoint with each token request, and keep the key as long as the refresh token.",
	In:     []*Situation{boundPlain, boundNonce, boundOdd, boundDies},
	Defects: []testclient.Defect{
		testclient.TokenProofMissing, testclient.TokenProofElsewhere, testclient.RefreshProofMissing, testclient.RefreshOtherKey, testclient.TokenProofReused,
	},
	Judge: withProofs(func(t *Trace) Verdict {
		keys, seen := map[string]string{}, map[string]bool{}
		return every(t.TokenRequests(), "the client made no token request", func(r *Request) string {
			refresh := r.Params.Get("refresh_token")
			if !proves(r) {
				return "a token request by " + quoted(r.Params.Get("grant_type")) + " came without a proof"
			}
			if problem := r.misproved(tokens.ExpectedProof{URL: t.Issuer + "/token"}); problem != "" {
				return problem
			}
			if key := keys[refresh]; key != "" && key != r.thumbprint() {
				return "a refresh token was used with a proof of another key than it was issued for"
			}
			if repeated(seen, r) {
				return "two token requests came with the same proof"
			}
			if next := r.text("refresh_token"); next != "" {
				keys[next] = r.thumbprint()
			}
			return ""
		})
	}),
})

var _ = Register(Check{
	ID: "client-dpop-nonce-retry", Title: "A nonce that a server asks for is in the next proof", Area: suites.DPoP,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20251125,
	Cites:   []suites.Cite{{Doc: "RFC 9449", Section: "8"}, {Doc: "RFC 9449", Section: "9"}},
	Covers:  []string{"client-dpop-nonce-retry"},
	Remedy:  "On use_dpop_nonce repeat the request with the nonce of DPoP-Nonce in a new proof; keep a nonce per server, the newest one.",
	In:      []*Situation{boundNonce},
	Defects: []testclient.Defect{testclient.NonceIgnoredAtToken, testclient.NonceIgnoredAtCall, testclient.NonceKept},
	Judge: withProofs(func(t *Trace) Verdict {
		atToken, unmet := unmetNonce(t.TokenRequests(), func(r *Request) bool { return r.text("error") == "use_dpop_nonce" })
		if unmet {
			return fails("the authorization server asked for a nonce, and no token request with it followed")
		}
		posted := slices.DeleteFunc(t.Calls(), func(r *Request) bool { return r.Method != http.MethodPost })
		atCall, unmet := unmetNonce(posted, func(r *Request) bool { return challengesNonce(r.Observation.Answer) })
		switch {
		case unmet:
			return fails("the MCP server asked for a nonce, and no request with it followed")
		case atToken == 0 || atCall == 0:
			return notReached("the client was not asked for a nonce by both servers")
		}
		return passes()
	}),
})

// unmetNonce counts the answers that ask for a nonce, and tells whether there is one
// whose nonce no later request holds.
func unmetNonce(requests []*Request, asks func(*Request) bool) (asked int, unmet bool) {
	for i, r := range requests {
		nonce := r.Observation.Answer.Get("DPoP-Nonce")
		if nonce == "" || !asks(r) {
			continue
		}
		asked++
		unmet = unmet || !slices.ContainsFunc(requests[i+1:], func(later *Request) bool { return later.nonce() == nonce })
	}
	return asked, unmet
}

// nonce is that of a request's proof.
func (r *Request) nonce() string {
	if !proves(r) {
		return ""
	}
	proof, err := tokens.Parse(r.proofs()[0])
	if err != nil {
		return ""
	}
	nonce, _ := proof.String("nonce")
	return nonce
}

func challengesNonce(h http.Header) bool {
	challenges, _ := wire.Challenges(h)
	return slices.ContainsFunc(challenges, func(c wire.Challenge) bool {
		code, _ := c.Get("error")
		return c.Is("DPoP") && code == "use_dpop_nonce"
	})
}

var _ = Register(Check{
	ID: "client-dpop-notices-downgrade", Title: "A client that proves a key does not fall back to Bearer", Area: suites.DPoP,
	Level: suites.Must, Severity: suites.Medium, Since: suites.V20251125,
	Cites:  []suites.Cite{{Doc: "RFC 9449", Section: "5"}, {Doc: "RFC 9449", Section: "7.2"}},
	Covers: []string{"dpop-client-notices-downgrade"},
	Remedy: "Where the resource wants bound tokens discard a token response of type Bearer, and never present a bound token by the Bearer scheme.",
	In:     []*Situation{boundNever, boundDies}, Defects: []testclient.Defect{testclient.DowngradeAccepted, testclient.BearerOnChallenge, testclient.BoundAsBearer},
	Judge: withProofs(func(t *Trace) Verdict {
		bound := t.bound()
		asked := slices.ContainsFunc(t.TokenRequests(), func(r *Request) bool { return proves(r) && r.text("access_token") != "" })
		for _, r := range t.Calls() {
			_, isBound := bound[r.bearer()]
			switch {
			case presentsBearer(r) && isBound:
				return fails("the client presented a bound token as a Bearer token")
			case presentsBearer(r) && t.Situation == boundNever && asked:
				return fails("the client proved a key, was given a token that is bound to none, and used it")
			}
		}
		switch {
		case !asked:
			return notReached("the client got no token for a proof")
		case t.Situation == boundDies && t.refusedTokens() == 0:
			return notReached("the client never called a tool with a bound token")
		}
		return passes()
	}),
})

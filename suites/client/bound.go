package client

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/suites"
)

// The situations of bound tokens. The resource says that it wants them, and takes
// others as well, for clients that know nothing of DPoP.
var (
	boundPlain = boundSituation(Situation{ID: "dpop", Doc: "wants tokens that are bound to a key", Ends: Works}, nil)
	boundNonce = boundSituation(Situation{
		ID: "dpop-nonce", Doc: "wants tokens that are bound to a key, and proofs with a nonce of its own", Ends: Works,
		Contract: "auth/dpop-nonce",
	}, func(l *Lab) {
		shaped(variant.DPoPNonces)(l)
		l.ForClients.NonceChanges = true
	})
	boundOdd = boundSituation(Situation{
		ID: "dpop-odd", Doc: "wants tokens that are bound to a key, has an issuer identifier with a path, and writes dpop in lower case", Ends: Works,
	}, func(l *Lab) {
		shaped(variant.PathIssuer, variant.ExtraClaims)(l)
		l.stand(rewriteAnswers(reference.PartyAuthServer, http.MethodPost, "/token", terse))
	})
	boundDies = boundSituation(Situation{
		ID: "dpop-token-dies", Doc: "refuses a token that is bound to a key, and names Bearer beside DPoP in its challenge", Ends: Works,
	}, func(l *Lab) {
		l.ForClients.RefreshForAll = true
		with(fault.DPoPDowngrade)(l)
		l.stand(firstTokenDies())
	})
	boundNever = boundSituation(Situation{
		ID: "dpop-downgraded", Doc: "wants tokens that are bound to a key, and answers a proof with one that is bound to none", Ends: Refuses,
		Reached:   func(t *Trace) bool { return slices.ContainsFunc(t.TokenRequests(), proves) },
		Proceeded: func(t *Trace) bool { return slices.ContainsFunc(t.Calls(), presentsBearer) },
	}, with(fault.TokenProofIgnored))
)

func boundSituation(s Situation, shape func(*Lab)) *Situation {
	if s.Contract == "" {
		s.Contract = "auth/dpop"
	}
	s.Since = suites.V20251125
	s.Shape = func(l *Lab) {
		if shape != nil {
			shape(l)
		}
		l.stand(rewrite(reference.PartyResourceServer, "/.well-known/oauth-protected-resource", func(_ *Stage, d map[string]any) {
			d["dpop_bound_access_tokens_required"] = true
		}))
		l.stand(challengesBound)
	}
	return Declare(s)
}

// challengesBound adds a challenge for bound tokens to each for Bearer ones (RFC
// 9449, section 7.2).
func challengesBound(_ *Stage, party reference.Party, next http.Handler) http.Handler {
	if party != reference.PartyResourceServer {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&challenging{w}, r)
	})
}

type challenging struct{ http.ResponseWriter }

func (c *challenging) WriteHeader(status int) {
	const header = "WWW-Authenticate"
	lines := c.Header().Values(header)
	if status == http.StatusUnauthorized && len(lines) == 1 && strings.HasPrefix(lines[0], "Bearer ") {
		c.Header().Set(header, `DPoP algs="ES256", `+strings.TrimPrefix(lines[0], "Bearer "))
		c.Header().Add(header, lines[0])
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap lets handlers flush.
func (c *challenging) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Flush lets handlers that ask for http.Flusher flush.
func (c *challenging) Flush() { _ = http.NewResponseController(c.ResponseWriter).Flush() }

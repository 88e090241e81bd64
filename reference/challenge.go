package reference

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A refusal is why a request is not served. Its text goes to whoever asked, so
// it never contains anything of the token.
type refusal struct {
	status      int
	code        string // RFC 6750, section 3.1; empty if there were no credentials
	description string
	scopes      []string
	bound       bool   // what is wrong concerns DPoP
	nonce       string // for the next proof
}

func (r *refusal) Error() string { return r.description }

var (
	errNoCredentials = &refusal{status: http.StatusUnauthorized, description: "a Bearer token is required"}
	errInvalidToken  = &refusal{status: http.StatusUnauthorized, code: "invalid_token", description: "the access token is not valid here"}
	errExpired       = &refusal{status: http.StatusUnauthorized, code: "invalid_token", description: "the access token has expired"}
	errMalformed     = &refusal{status: http.StatusBadRequest, code: "invalid_request", description: "the credentials are malformed"}
	errTwice         = &refusal{status: http.StatusBadRequest, code: "invalid_request", description: "the request carries more than one access token"}
	errServer        = &refusal{status: http.StatusInternalServerError, description: "internal error"}
)

func insufficientScope(needed []string) *refusal {
	return &refusal{
		status: http.StatusForbidden, code: "insufficient_scope",
		description: "the access token lacks a scope this operation needs", scopes: needed,
	}
}

// refuse answers a request that is not served. The body says no more than the
// challenge does.
func (e *endpoint) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var why *refusal
	if !errors.As(err, &why) {
		// The authorization server cannot be asked: nobody is let in meanwhile.
		w.Header().Set("Retry-After", "5")
		http.Error(w, "authorization is unavailable", http.StatusServiceUnavailable)
		return
	}
	status := e.refusalStatus(why)
	if why.nonce != "" {
		w.Header().Set("DPoP-Nonce", why.nonce)
	}
	w.Header().Set("Cache-Control", "no-store")
	if why.status == http.StatusForbidden && e.faults.Has(fault.ScopeAsResult) {
		writeToolError(w, r, why.description)
		return
	}
	if why.code == "" && why.status == http.StatusUnauthorized && e.faults.Has(fault.AnonymousRedirect) {
		http.Redirect(w, r, e.loginPage(), http.StatusFound)
		return
	}
	if status == http.StatusUnauthorized || why.code != "" {
		for _, line := range e.challengeLines(r, why) {
			w.Header().Add("WWW-Authenticate", line)
		}
	}
	code := rpcUnauthorized
	if why.code == "" && why.status != http.StatusUnauthorized {
		code = rpcInvalidRequest // nothing to do with authorization
	}
	writeRPCError(w, status, rpcError{Code: code, Message: e.explain(r, why)})
}

// refusalStatus maps refusals to statuses as RFC 6750, section 3.1, does.
func (e *endpoint) refusalStatus(why *refusal) int {
	switch {
	case why.status == http.StatusUnauthorized && e.faults.Has(fault.UnauthorizedAsResult):
		return http.StatusOK
	case why.bound && e.faults.Has(fault.DPoPChallengeStatus):
		return http.StatusBadRequest
	case why == errNoCredentials && e.faults.Has(fault.AnonymousForbidden):
		return http.StatusForbidden
	case why.code == "invalid_token" && e.faults.Has(fault.InvalidTokenForbidden):
		return http.StatusForbidden
	case why.code == "invalid_token" && e.faults.Has(fault.InvalidTokenServerError):
		return http.StatusInternalServerError
	case why.code == "invalid_request" && e.faults.Has(fault.MalformedServerError):
		return http.StatusInternalServerError
	case why.code == "insufficient_scope" && e.faults.Has(fault.ScopeUnauthorized):
		return http.StatusUnauthorized
	}
	return why.status
}

func (e *endpoint) explain(r *http.Request, why *refusal) string {
	switch {
	case e.faults.Has(fault.VerboseErrors):
		return fmt.Sprintf("%s: issuer %s, audience %s\n%s", why.description, e.authority.issuer, e.url, debug.Stack())
	case e.faults.Has(fault.TokenInErrorBody):
		return why.description + ": " + r.Header.Get("Authorization")
	}
	return why.description
}

// A parameter is one auth-param of a challenge (RFC 9110, section 11.2).
type parameter struct{ name, value string }

// challengeParameters are what a client needs to get the token that works: where
// the metadata is and every scope to ask for (RFC 6750, section 3; RFC 9728,
// section 5.1). Whoever sent no credentials is told of no error.
func (e *endpoint) challengeParameters(r *http.Request, why *refusal) []parameter {
	var params []parameter
	if why.code != "" || e.faults.Has(fault.ChallengeErrorUnasked) {
		params = e.errorParameters(r, why)
	}
	scopes := why.scopes
	if why.status == http.StatusUnauthorized {
		scopes = e.baseScopes()
	}
	if e.faults.Has(fault.ChallengeEveryScope) {
		scopes = []string{scopeRead, scopeWrite, scopeUpstream}
	}
	if len(scopes) > 0 && e.faults.Has(fault.ChallengeOfflineAccess) {
		scopes = append(scopes[:len(scopes):len(scopes)], "offline_access")
	}
	if len(scopes) > 0 {
		params = append(params, parameter{"scope", strings.Join(scopes, " ")})
		if e.faults.Has(fault.ChallengeTwice) {
			params = append(params, parameter{"scope", scopeRead})
		}
	}
	if pointer := e.metadataPointer(why); pointer != "" {
		params = append(params, parameter{"resource_metadata", pointer})
	}
	return params
}

func (e *endpoint) errorParameters(r *http.Request, why *refusal) []parameter {
	code, description := why.code, why.description
	switch {
	case code == "" || code == "invalid_token" && e.faults.Has(fault.ChallengeOwnError):
		code = "token_rejected"
	case code == "invalid_token" && e.faults.Has(fault.ChallengeNoError),
		code == "insufficient_scope" && e.faults.Has(fault.ScopeNoError):
		return nil
	}
	if e.faults.Has(fault.TokenEchoed) {
		description += ": " + r.Header.Get("Authorization")
	}
	if e.faults.Has(fault.PointerInDescription) {
		description += `; resource_metadata=` + e.metadataURL
	}
	return []parameter{{"error", code}, {"error_description", description}}
}

// baseScopes are asked for before anything is known of the request: the least
// that is of any use, not the catalogue.
func (e *endpoint) baseScopes() []string {
	switch {
	case e.base != nil:
		return *e.base
	case e.faults.Has(fault.ChallengeNoScope):
		return nil
	case e.faults.Has(fault.ChallengeScopeVaries) && e.challenges.Add(1)%2 == 0:
		return []string{scopeUpstream}
	}
	return []string{scopeRead}
}

func (e *endpoint) metadataPointer(why *refusal) string {
	forbidden := why.status == http.StatusForbidden
	switch f := e.faults; {
	case f.Has(fault.PointerMissing), f.Has(fault.PointerInDescription),
		f.Has(fault.MetadataMissing), f.Has(fault.MetadataAppended), f.Has(fault.MetadataHTML),
		forbidden && f.Has(fault.ScopeNoPointer):
		return ""
	case f.Has(fault.PointerRelative):
		return strings.TrimPrefix(e.metadataURL, "http://"+hostOf(e.metadataURL))
	case f.Has(fault.PointerForeign), forbidden && f.Has(fault.ScopeForeignPointer):
		return wellKnown(e.upstreamURL, metadataPath)
	case f.Has(fault.PointerDead):
		return "http://" + hostOf(e.metadataURL) + metadataPath + "/nowhere"
	}
	return e.metadataURL
}

// challengeLines are the values of the WWW-Authenticate header lines.
func (e *endpoint) challengeLines(r *http.Request, why *refusal) []string {
	forbidden := why.status == http.StatusForbidden
	switch f := e.faults; {
	case f.Has(fault.ChallengeMissing), forbidden && f.Has(fault.ScopeNoChallenge):
		return nil
	case f.Has(fault.ChallengeBare):
		return []string{"Bearer"}
	case f.Has(fault.PrivateScheme):
		return []string{`ApiKey realm="notes"`}
	case f.Has(fault.ChallengeOtherScheme):
		return []string{`Basic realm="notes"`}
	}
	params := e.challengeParameters(r, why)
	switch {
	case (why.bound || usesDPoP(r)) && !e.faults.Has(fault.DPoPChallengeMissing):
		return []string{e.boundChallenge(params)}
	case e.faults.Has(fault.ChallengeUnterminated):
		return []string{strings.TrimSuffix(challenge(params), `"`)}
	case e.variants.Has(variant.OddChallenge):
		return []string{oddChallenge(params)}
	case e.variants.Has(variant.ManyChallenges):
		return []string{"Negotiate", `Basic realm="notes, Bearer scope=none", ` + challenge(params)}
	}
	return []string{challenge(params)}
}

// challenge writes a Bearer challenge. With nothing to say it still has a realm:
// a challenge needs at least one parameter (RFC 6750, section 3).
func challenge(params []parameter) string {
	if len(params) == 0 {
		params = []parameter{{"realm", "notes"}}
	}
	var written []string
	for _, p := range params {
		written = append(written, p.name+"="+quote(p.value))
	}
	return "Bearer " + strings.Join(written, ", ")
}

// oddChallenge says the same in a way that only a real parser understands: other
// case, another order, white space round "=" and ",", a token where a token will
// do, commas, equals signs and escaped quotes inside a quoted string.
func oddChallenge(params []parameter) string {
	odd := []parameter{{"Realm", `notes, scope="none", error=none`}}
	for i := len(params) - 1; i >= 0; i-- {
		odd = append(odd, params[i])
	}
	var written []string
	for _, p := range odd {
		value := quote(p.value)
		if !strings.ContainsFunc(p.value, func(r rune) bool { return strings.ContainsRune(" \"/:,=()", r) }) {
			value = p.value
		}
		written = append(written, strings.ToUpper(p.name[:1])+p.name[1:]+" = "+value)
	}
	return "bEARER  " + strings.Join(written, " ,")
}

// quote writes a quoted-string (RFC 9110, section 5.6.4). Characters it cannot
// hold become question marks.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r > '~':
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

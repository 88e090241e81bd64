package client

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// Sound is a deployment without anything unusual about it.
var Sound = Declare(Situation{ID: "sound", Doc: "is like any other", Ends: Works})

const (
	spec = "MCP 2026-07-28"
	auth = "Authorization"
)

// every judges each of several requests; the first bad one decides. Without any,
// it says what was not reached.
func every(requests []*Request, nothing string, bad func(*Request) string) Verdict {
	if len(requests) == 0 {
		return notReached(nothing)
	}
	for _, r := range requests {
		if found := bad(r); found != "" {
			return fails("%s", found)
		}
	}
	return passes()
}

const (
	noAuthorization = "the client never made an authorization request"
	noRedemption    = "the client never redeemed a code"
	noCall          = "the client never called the MCP server with a token"
)

var _ = Register(Check{
	ID: "client-gets-through", Title: "The client reaches a protected tool", Area: suites.TokenUse,
	Level: suites.Must, Severity: suites.Medium, Cites: []suites.Cite{{Doc: spec, Section: auth}},
	Covers:      []string{"client-parses-www-authenticate"},
	Remedy:      "On 401, read WWW-Authenticate, find the authorization server, obtain a token and repeat the request with it.",
	Defects:     slices.Concat(intolerant, []testclient.Defect{testclient.ChallengeIgnored, testclient.RefreshAssumed, testclient.TypeExact, testclient.ExpiryAssumed, testclient.SchemeAssumed, testclient.TokenUnused, testclient.DoesNothing}),
	Consequence: true, Tolerance: true,
	Judge: func(t *Trace) Verdict {
		switch {
		case len(t.Calls()) == 0:
			return notReached("the client never came to the MCP server")
		case t.stopped():
			return notApplicable("the client stops here, which it may")
		case !t.Served():
			return fails("the client gave up before it got an answer%s", t.ended())
		case !t.Exit.OK():
			return fails("the client got its answer and yet ended in failure%s", t.ended())
		}
		return passes()
	},
})

// ended says how the client ended, if not well.
func (t *Trace) ended() string {
	switch e := t.Exit; {
	case e.TimedOut:
		return ": it did not end in time"
	case e.Signal != "":
		return ": it ended by signal " + e.Signal
	case e.Code != 0:
		return ", with exit code " + itoa(e.Code)
	}
	return ""
}

var _ = Register(Check{
	ID: "client-authz-code-flow", Title: "The client asks for a code, and repeats no parameter", Area: suites.AuthorizationRequest,
	Level: suites.Must, Severity: suites.High, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "4.1.1"}},
	Covers:  []string{"client-authz-code-flow"},
	Remedy:  "Send response_type=code, and every parameter but resource once.",
	Defects: []testclient.Defect{testclient.ImplicitGrant},
	Judge: func(t *Trace) Verdict {
		return every(t.Authorizations(), noAuthorization, func(r *Request) string {
			if got := r.Params.Get("response_type"); got != "code" {
				return "response_type is " + quoted(got)
			}
			for name, values := range r.Params {
				if len(values) > 1 && name != "resource" {
					return name + " was sent more than once"
				}
			}
			return ""
		})
	},
})

var _ = Register(Check{
	ID: "client-pkce-s256", Title: "Every authorization request has an S256 code challenge, and its verifier redeems the code", Area: suites.PKCE,
	Level: suites.Must, Severity: suites.High, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "4.1.1"}, {Doc: "RFC 7636", Section: "4"}},
	Covers:  []string{"client-pkce-s256"},
	Remedy:  "Make a fresh code verifier for each authorization request and send its SHA-256 as code_challenge.",
	Defects: []testclient.Defect{testclient.NoPKCE, testclient.PlainPKCE},
	Judge: func(t *Trace) Verdict {
		return every(t.Authorizations(), noAuthorization, func(r *Request) string {
			if r.Params.Get("code_challenge") == "" {
				return "an authorization request had no code_challenge"
			}
			if method := r.Params.Get("code_challenge_method"); method != "S256" {
				return "code_challenge_method is " + quoted(method)
			}
			return ""
		})
	},
})

var _ = Register(Check{
	ID: "client-pkce-verifier-fresh", Title: "Code verifiers are strong, fresh, and sent in the token request only", Area: suites.PKCE,
	Level: suites.Must, Severity: suites.High, Cites: []suites.Cite{{Doc: "RFC 7636", Section: "4.1"}},
	Covers:  []string{"client-pkce-verifier-fresh"},
	Remedy:  "Take 32 random bytes for each attempt, encoded in base64url.",
	Defects: []testclient.Defect{testclient.VerifierReused},
	Judge: func(t *Trace) Verdict {
		challenges := map[string]bool{}
		for _, r := range t.Authorizations() {
			challenge := r.Params.Get("code_challenge")
			if r.Params.Has("code_verifier") {
				return fails("the verifier was sent in an authorization request")
			}
			if challenge != "" && challenges[challenge] {
				return fails("two authorization requests had the same code_challenge")
			}
			challenges[challenge] = true
		}
		return every(t.Redemptions(), noRedemption, func(r *Request) string {
			verifier := r.Params.Get("code_verifier")
			sum := sha256.Sum256([]byte(verifier))
			switch {
			case verifier == "":
				return "" // what it is to be checked against has its own check
			case len(verifier) < 43 || len(verifier) > 128:
				return "the verifier has " + itoa(len(verifier)) + " characters"
			case weak(verifier):
				return "the verifier consists of a handful of characters"
			case !challenges[base64.RawURLEncoding.EncodeToString(sum[:])] && !challenges[verifier]:
				return "the verifier belongs to none of the challenges"
			}
			return ""
		})
	},
})

// weak tells whether a value cannot have been chosen at random: of 43 random
// characters more than a handful differ.
func weak(value string) bool {
	different := map[rune]bool{}
	for _, r := range value {
		different[r] = true
	}
	return len(different) < 8
}

var _ = Register(Check{
	ID: "client-state-fresh", Title: "Each authorization request has a state of its own that nobody can guess", Area: suites.AuthorizationRequest,
	Level: suites.Should, Severity: suites.Medium, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "7.14"}, {Doc: spec, Section: "Security Considerations"}},
	Covers:  []string{"client-state-used-and-verified"},
	Remedy:  "Send a random state with each authorization request and discard responses with another.",
	Defects: []testclient.Defect{testclient.NoState, testclient.StateConstant},
	Judge: func(t *Trace) Verdict {
		seen := map[string]bool{}
		return every(t.Authorizations(), noAuthorization, func(r *Request) string {
			state := r.Params.Get("state")
			switch {
			case state == "":
				return "an authorization request had no state"
			case seen[state]:
				return "two authorization requests had the same state"
			case len(state) < 8:
				return "the state has only " + itoa(len(state)) + " characters"
			}
			seen[state] = true
			return ""
		})
	},
})

var _ = Register(Check{
	ID: "client-redirect-uri-registered", Title: "The redirect URI is one that the client registered, and is repeated at the token endpoint", Area: suites.RedirectURI,
	Level: suites.Must, Severity: suites.High, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "2.3.1"}},
	Covers:  []string{"client-redirect-uri-registered"},
	Remedy:  "Register the redirect URI before it is used and send the same string in both requests.",
	Defects: []testclient.Defect{testclient.RedirectUnknown, testclient.RedirectNotBound},
	Judge: func(t *Trace) Verdict {
		asked := map[string]bool{}
		for _, r := range t.Authorizations() {
			asked[r.Params.Get("redirect_uri")] = true
			if r.Status >= 400 && strings.Contains(string(r.AnswerBody), "did not register the address") {
				return fails("an authorization request named the redirect URI %s, which was not registered", quoted(r.Params.Get("redirect_uri")))
			}
		}
		return every(t.Redemptions(), noRedemption, func(r *Request) string {
			if uri := r.Params.Get("redirect_uri"); r.Params.Has("redirect_uri") && !asked[uri] {
				return "a token request named the redirect URI " + quoted(uri) + ", which no authorization request had named"
			}
			return ""
		})
	},
})

var _ = Register(Check{
	ID: "client-redeems-code-once", Title: "A code is redeemed once", Area: suites.TokenRequest,
	Level: suites.Must, Severity: suites.Medium, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "4.1.3"}},
	Covers:  []string{"client-redeems-code-once"},
	Remedy:  "Send a code once; start a new authorization request if that fails.",
	Defects: []testclient.Defect{testclient.CodeTwice},
	Judge: func(t *Trace) Verdict {
		var codes []string
		return every(t.Redemptions(), noRedemption, func(r *Request) string {
			code := r.Params.Get("code")
			if slices.Contains(codes, code) {
				return "one code was sent in two token requests"
			}
			if r.text("error") != "use_dpop_nonce" && (r.Status != http.StatusUnauthorized || r.text("error") != "invalid_client") {
				codes = append(codes, code) // otherwise nobody has looked at it yet
			}
			return ""
		})
	},
})

var stateDropped = Declare(Situation{
	ID: "state-dropped", Doc: "does not return the state", Ends: Refuses, Shape: with(fault.StateDropped), Reached: answered,
})

var _ = Register(Check{
	ID: "client-state-verified", Title: "A response without the state of the request is discarded", Area: suites.AuthorizationRequest,
	Level: suites.Should, Severity: suites.High, Cites: []suites.Cite{{Doc: "OAuth 2.1", Section: "7.14"}},
	Covers: []string{"client-state-used-and-verified", "web-client-callback-safety"},
	Remedy: "Compare state with that of the request before the code is used.",
	In:     []*Situation{stateDropped}, Defects: []testclient.Defect{testclient.StateUnchecked},
	Judge: func(t *Trace) Verdict {
		for _, r := range t.Authorizations() {
			if !r.Params.Has("state") {
				return notApplicable("the client sends no state, which another check judges")
			}
		}
		return keepsCode("the response had no state")(t)
	},
})

package client

import (
	"net/http"
	"time"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/suites"
)

// The shapes. None names its members after a product: others have the same.
var (
	// Metadata has a path issuer and endpoints elsewhere, tokens are called bearer,
	// and 401 names an error before there is a token.
	phantomTokens = shapedLike("phantom-token", "with opaque tokens outside, which a gateway introspects, and the MCP server at the root of its origin", profiled{
		shape: func(l *Lab) {
			shaped(variant.PhantomTokens, variant.NoRefreshTokens)(l)
			l.Layout = reference.Layout{Issuer: "/oauth/v2/oauth-anonymous", Root: true, Endpoints: map[string]string{
				"/authorize": "/oauth/v2/oauth-authorize", "/token": "/oauth/v2/oauth-token", "/register": "/oauth/v2/oauth-registration",
			}}
			l.AccessTokenLifetime = 15 * time.Minute
			l.stand(errorUnasked)
			l.stand(typeInLowerCase)
		},
	})
	// There is OpenID Connect discovery only, and resource metadata at the root only.
	openRegistration = shapedLike("open-dcr", "that registers anybody, with an issuer that ends in a slash and challenges of its own", profiled{
		shape: func(l *Lab) {
			shaped(variant.OIDCOnly, variant.RootMetadataOnly)(l)
			l.Layout.Issuer = "/"
			l.stand(reword(func(_ *http.Request, x *refusal) {
				if pointer := x.pointer(); x.Status == http.StatusUnauthorized && pointer != "" {
					x.Challenges = []string{`Bearer error="unauthorized", error_description="Authorization needed", resource_metadata="` + pointer + `"`}
				}
			}))
		},
	})
	// Metadata is found below the issuer's own URL only.
	agentIdentities = shapedLike("agent-identity", "with identities for agents, whose issuer is the URL of its token endpoint", profiled{
		shape: func(l *Lab) {
			l.Layout = reference.Layout{Issuer: "/t/acme/oauth2/token", Appended: true, Endpoints: map[string]string{
				"/authorize": "/t/acme/oauth2/authorize", "/token": "/t/acme/oauth2/token", "/register": "/t/acme/oauth2/dcr/register",
			}}
		},
	})
	// The issuer names the resource, the endpoints do not, aud is a list, and the
	// challenge says nothing of scopes.
	resourceServers = shapedLike("resource-as", "with an authorization server for each resource, which is an origin without a slash", profiled{
		shape: func(l *Lab) {
			shaped(variant.AudienceArray)(l)
			l.Layout = reference.Layout{Issuer: "/resources/res_4711", Root: true, Bare: true, Endpoints: map[string]string{
				"/authorize": "/oauth/authorize", "/token": "/oauth/token", "/register": "/client_register",
			}}
			l.ForClients.Documents = true
			l.stand(reword(func(_ *http.Request, x *refusal) {
				if pointer := x.pointer(); x.Status == http.StatusUnauthorized && pointer != "" {
					x.Challenges = []string{`Bearer realm="OAuth", resource_metadata="` + pointer + `"`}
				}
			}))
		},
	})
	// Only responses that succeed have iss.
	staticClients = shapedLike("static-cimd", "that registers nobody and knows clients by hand or by their documents", profiled{
		contract: "auth/pre-registration", context: configured,
		shape: func(l *Lab) {
			knownByDocument(l)
			configure(l)
			l.ForClients.AuthMethods = nil // clients with documents have no secret
		},
	})
)

func knownByDocument(l *Lab) {
	shaped(variant.NoRegistration, variant.OIDCOnly)(l)
	with(fault.IssMissingOnError)(l)
	l.Layout.Endpoints = map[string]string{"/authorize": "/oauth2/authorize", "/token": "/oauth2/token"}
	l.ForClients.Documents = true
}

// errorUnasked names an error before anybody has sent a token.
var errorUnasked = reword(func(r *http.Request, x *refusal) {
	if pointer := x.pointer(); x.Status == http.StatusUnauthorized && pointer != "" && r.Header.Get("Authorization") == "" {
		x.Challenges = []string{
			`Bearer error="invalid_token", error_description="The access token is missing, invalid or expired", resource_metadata="` + pointer + `", scope="notes.read"`,
		}
	}
})

// typeInLowerCase writes the token type as many servers do.
var typeInLowerCase = rewriteAnswers(reference.PartyAuthServer, http.MethodPost, "token", func(_ *Stage, d map[string]any) {
	if d["token_type"] != nil {
		d["token_type"] = "bearer"
	}
})

// byDocumentOnly takes clients by their documents, and no others.
var byDocumentOnly = Declare(Situation{
	ID: "static-cimd-document", Doc: "registers nobody and takes clients by the URL of a document", Ends: Works, Apart: true,
	Profile: "static-cimd", Contract: "auth/basic-cimd", Since: suites.V20251125, Shape: knownByDocument,
})

package client

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/suites"
)

// shaped makes a deployment with variants.
func shaped(variants ...variant.Variant) func(*Lab) {
	return func(l *Lab) { l.Variants = append(l.Variants, variants...) }
}

// The situations of discovery that a client has to cope with.
var (
	wellKnownOnly = Declare(Situation{
		ID: "prm-well-known", Doc: "has no resource_metadata in its challenge", Ends: Works,
		Contract: "auth/metadata-var1", Since: suites.V20250618, Shape: with(fault.PointerMissing),
	})
	rootOnly = Declare(Situation{
		ID: "prm-root", Doc: "publishes resource metadata at the root well-known URI only", Ends: Works,
		Since: suites.V20250618, Shape: shaped(variant.RootMetadataOnly),
	})
	_ = Declare(Situation{
		ID: "issuer-path", Doc: "has an issuer identifier with a path", Ends: Works,
		Contract: "auth/metadata-var2", Since: suites.V20250618, Shape: shaped(variant.PathIssuer),
	})
	openIDOnly = Declare(Situation{
		ID: "openid-only", Doc: "publishes only the OpenID Connect discovery document", Ends: Works,
		Contract: "auth/metadata-var3", Since: suites.V20251125, Shape: shaped(variant.OIDCOnly),
	})
	_ = Declare(Situation{
		ID: "many-challenges", Doc: "sends several challenges on several header lines, Bearer not first", Ends: Works,
		Shape: shaped(variant.ManyChallenges),
	})
	_ = Declare(Situation{
		ID: "odd-challenge", Doc: "writes its challenge in unusual case, order and spacing", Ends: Works,
		Shape: shaped(variant.OddChallenge),
	})
	_ = Declare(Situation{
		ID: "unknown-members", Doc: "has unknown members in its metadata and unusual claims in its tokens", Ends: Works,
		Shape: shaped(variant.ExtraClaims),
	})
	_ = Declare(Situation{
		ID: "audience-list", Doc: "issues tokens whose aud is a list", Ends: Works, Shape: shaped(variant.AudienceArray),
	})
	opaque = Declare(Situation{
		ID: "opaque-tokens", Doc: "issues opaque access tokens", Ends: Works, Shape: shaped(variant.OpaqueTokens),
	})
	_ = Declare(Situation{
		ID: "no-refresh-tokens", Doc: "issues no refresh tokens", Ends: Works, Shape: shaped(variant.NoRefreshTokens),
	})
	foreignResource = Declare(Situation{
		ID: "prm-other-resource", Doc: "publishes resource metadata that names a resource on another origin", Ends: Refuses,
		Contract: "auth/resource-mismatch", Since: suites.V20250618, Shape: with(fault.MetadataWrongResource),
		Reached:   func(t *Trace) bool { return len(t.resourceMetadata()) > 0 },
		Proceeded: func(t *Trace) bool { return len(t.Authorizations())+len(t.Registrations()) > 0 },
	})
)

// foreignPointer is a server that wants tokens for another one: it points at that
// one's metadata, which is sound.
var foreignPointer = Declare(Situation{
	ID: "pointer-foreign", Doc: "points at the metadata of a resource on another origin", Ends: Refuses,
	Contract: "auth/resource-mismatch", Since: suites.V20250618, Shape: with(fault.PointerForeign),
	Reached:   func(t *Trace) bool { return len(t.foreignMetadata()) > 0 },
	Proceeded: func(t *Trace) bool { return slices.ContainsFunc(t.Authorizations(), t.misled) },
})

// misled tells whether an authorization request goes by the metadata of another
// resource. A client may still find the right ones by itself.
func (t *Trace) misled(r *Request) bool {
	return r.Params.Get("resource") != t.Resource && (r.Params.Has("resource") || len(t.resourceMetadata()) == 0)
}

// foreignMetadata are the requests for the metadata of another resource.
func (t *Trace) foreignMetadata() []*Request {
	return t.requests(reference.PartyUpstream, http.MethodGet, "/.well-known/oauth-protected-resource/profile")
}

var _ = Register(Check{
	ID: "client-foreign-metadata-refused", Title: "Metadata of another server is not used because a challenge points at it", Area: suites.Discovery,
	Level: suites.Must, Severity: suites.High, Since: suites.V20250618, Cites: []suites.Cite{{Doc: "RFC 9728", Section: "3.3"}, {Doc: "RFC 9728", Section: "7.3"}},
	Covers: []string{"prm-client-foreign-metadata-url"},
	Remedy: "Compare resource in the metadata with the URL that was called, wherever the metadata comes from.",
	In:     []*Situation{foreignPointer}, Defects: []testclient.Defect{testclient.ResourceUnchecked},
	Judge: func(t *Trace) Verdict {
		switch {
		case slices.ContainsFunc(t.Authorizations(), t.misled):
			return fails("the client went on to the authorization server with the metadata of another resource")
		case len(t.foreignMetadata()) == 0 && !answered(t):
			return notReached("the client did not follow the pointer, for whatever reason")
		}
		return passes()
	},
})

// resourceMetadata are the requests for protected resource metadata, in order.
func (t *Trace) resourceMetadata() []*Request {
	var all []*Request
	for _, r := range t.requests(reference.PartyResourceServer, http.MethodGet, "") {
		if strings.Contains(r.URL.Path, "/.well-known/oauth-protected-resource") {
			all = append(all, r)
		}
	}
	return all
}

var _ = Register(Check{
	ID: "client-prefers-header-url", Title: "The metadata that the challenge points at is fetched before any other", Area: suites.Discovery,
	Level: suites.Must, Severity: suites.Low, Since: suites.V20250618, Cites: []suites.Cite{{Doc: "RFC 9728", Section: "5.1"}, {Doc: spec, Section: auth}},
	Covers: []string{"client-prefers-header-url", "client-uses-prm"},
	Remedy: "Use resource_metadata of the challenge; go to the well-known URIs only without it.",
	In:     []*Situation{Sound, rootOnly}, Defects: []testclient.Defect{testclient.PointerIgnored},
	Judge: func(t *Trace) Verdict {
		fetched := t.resourceMetadata()
		if len(fetched) == 0 {
			return notReached("the client fetched no resource metadata")
		}
		pointed := "/.well-known/oauth-protected-resource/mcp"
		if t.Situation == rootOnly {
			pointed = "/.well-known/oauth-protected-resource"
		}
		if first := fetched[0].URL.Path; first != pointed {
			return fails("the challenge points at %s, and the client first asked for %s", pointed, first)
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-wellknown-fallback-order", Title: "Without a pointer the path-inserted well-known URI comes before the root one", Area: suites.Discovery,
	Level: suites.Must, Severity: suites.Low, Since: suites.V20251125, Cites: []suites.Cite{{Doc: "RFC 9728", Section: "3.1"}, {Doc: spec, Section: auth}},
	Covers: []string{"client-wellknown-fallback-order"},
	Remedy: "Ask at /.well-known/oauth-protected-resource followed by the path of the MCP server, then without the path.",
	In:     []*Situation{wellKnownOnly}, Defects: []testclient.Defect{testclient.RootFirst},
	Judge: func(t *Trace) Verdict {
		fetched := t.resourceMetadata()
		if len(fetched) == 0 {
			return notReached("the client fetched no resource metadata")
		}
		if first := fetched[0].URL.Path; first != "/.well-known/oauth-protected-resource/mcp" {
			return fails("the client first asked for %s", first)
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-asm-both-mechanisms", Title: "OpenID Connect discovery will do where there is nothing else", Area: suites.Discovery,
	Level: suites.Must, Severity: suites.Low, Since: suites.V20251125, Cites: []suites.Cite{{Doc: spec, Section: auth}},
	Covers: []string{"client-asm-both-mechanisms"}, Remedy: "Try RFC 8414 metadata first and OpenID Connect discovery then.",
	In: []*Situation{openIDOnly}, Defects: []testclient.Defect{testclient.OpenIDIgnored},
	Judge: func(t *Trace) Verdict {
		switch {
		case len(t.resourceMetadata()) == 0:
			return notReached("the client fetched no resource metadata")
		case len(t.Authorizations())+len(t.Registrations()) == 0:
			return fails("the client did not find the endpoints")
		}
		return passes()
	},
})

var _ = Register(Check{
	ID: "client-prm-resource-validated", Title: "Metadata of another resource is not used", Area: suites.Discovery,
	Level: suites.Must, Severity: suites.High, Since: suites.V20250618, Cites: []suites.Cite{{Doc: "RFC 9728", Section: "3.3"}},
	Covers: []string{"client-prm-resource-validated", "prm-client-resource-mismatch"},
	Remedy: "Compare resource in the metadata with the URL of the MCP server, and stop if it names something else.",
	In:     []*Situation{foreignResource, resourceIsName}, Defects: []testclient.Defect{testclient.ResourceUnchecked},
	Judge: func(t *Trace) Verdict {
		switch {
		case len(t.resourceMetadata()) == 0:
			return notReached("the client fetched no resource metadata")
		case len(t.Authorizations())+len(t.Registrations()) > 0:
			return fails("the client went on to the authorization server")
		}
		return passes()
	},
})

// The situations of PKCE metadata.
var (
	noPKCE = Declare(Situation{
		ID: "pkce-not-advertised", Doc: "does not say that it supports PKCE", Ends: Refuses,
		Shape: with(fault.DiscoveryNoPKCE), Reached: sawMetadata,
	})
	plainOnly = Declare(Situation{
		ID: "pkce-plain-only", Doc: "advertises no challenge method but plain", Ends: Refuses,
		Shape: with(fault.DiscoveryPlainOnly), Reached: sawMetadata,
		Proceeded: func(t *Trace) bool { return slices.ContainsFunc(t.Authorizations(), usesPlain) },
	})
)

func refusesPKCE(id, title, row string, defect testclient.Defect, in ...*Situation) *Check { //nolint:unparam // a declaration
	return Register(Check{
		ID: id, Title: title, Area: suites.PKCE, Level: suites.Must, Severity: suites.Medium,
		Cites: []suites.Cite{{Doc: spec, Section: "Authorization, Authorization Code Protection"}}, Covers: []string{row},
		Remedy: "Go on only if code_challenge_methods_supported contains S256.",
		In:     in, Defects: []testclient.Defect{defect},
		Judge: func(t *Trace) Verdict {
			weak := slices.ContainsFunc(t.Authorizations(), func(r *Request) bool { return t.Situation != plainOnly || usesPlain(r) })
			switch {
			case !sawMetadata(t):
				return notReached("the client never fetched the metadata")
			case weak:
				return fails("the client went on to the authorization endpoint")
			}
			return passes()
		},
	})
}

var (
	_ = refusesPKCE("client-pkce-refuses-unadvertised", "Where PKCE is not advertised the client does not go on",
		"client-pkce-refuses-unadvertised", testclient.PKCEAssumed, noPKCE, republishedWithoutPKCE)
	_ = refusesPKCE("client-pkce-plain-only-as", "The client does not fall back to the plain method",
		"client-pkce-plain-only-as", testclient.PlainAccepted, plainOnly)
)

func usesPlain(r *Request) bool { return r.Params.Get("code_challenge_method") != "S256" }

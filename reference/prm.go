package reference

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// metadataPath is the well-known path of RFC 9728, section 3.
const metadataPath = "/.well-known/oauth-protected-resource"

// publish mounts the metadata of each endpoint at the URI that its identifier
// leads to (RFC 9728, section 3.1), and that of the main one at the root as well,
// where MCP clients look next.
func (rs *ResourceServer) publish(main, other *endpoint) {
	if rs.variants.Has(variant.ExtraClaims) {
		rs.metadata[keysPath] = http.HandlerFunc(rs.serveKeys)
	}
	document := rs.document(main)
	switch {
	case rs.faults.Has(fault.MetadataMissing), rs.faults.Has(fault.MetadataHTML), rs.faults.Has(fault.PrivateScheme):
	case rs.faults.Has(fault.MetadataAppended):
		rs.metadata[usualPath+metadataPath] = document
	case rs.faults.Has(fault.MetadataSibling):
		rs.metadata[rs.metadataAt()] = rs.document(other)
		rs.metadata[metadataPath] = rs.document(other)
	case rs.variants.Has(variant.RootMetadataOnly):
		main.metadataURL = rs.origin + metadataPath
		rs.metadata[metadataPath] = document
	default:
		rs.metadata[rs.metadataAt()] = document
		rs.metadata[metadataPath] = document
	}
	if !rs.faults.Has(fault.MetadataMissing) {
		rs.metadata[metadataPath+"/other/mcp"] = rs.document(other)
	}
}

// document serves the metadata of an endpoint to anybody, from any page: it is
// public, and clients need it before they have a token.
func (rs *ResourceServer) document(e *endpoint) http.Handler {
	body, err := json.MarshalIndent(rs.describe(e), "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	if rs.faults.Has(fault.MetadataDuplicateMember) {
		body = append([]byte(`{"resource": "https://elsewhere.example/mcp",`), body[1:]...)
	}
	mediaType := "application/json"
	if rs.faults.Has(fault.MetadataMediaType) {
		mediaType = "text/plain"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		switch {
		case r.Method == http.MethodOptions:
			w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD")
			w.Header().Set("Access-Control-Allow-Headers", "MCP-Protocol-Version")
			w.WriteHeader(http.StatusNoContent)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD, OPTIONS")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		case rs.faults.Has(fault.MetadataNeedsToken) && r.Header.Get("Authorization") == "":
			e.refuse(w, r, errNoCredentials)
		case rs.faults.Has(fault.MetadataRedirectsToLogin):
			http.Redirect(w, r, e.loginPage(), http.StatusFound)
		default:
			w.Header().Set("Content-Type", mediaType)
			_, _ = w.Write(body) // the client has gone: nothing to do
		}
	})
}

// describe is what RFC 9728, section 2, has a resource say of itself. Members
// without a value are left out.
func (rs *ResourceServer) describe(e *endpoint) map[string]any {
	d := map[string]any{
		"resource":                 e.url,
		"authorization_servers":    []string{rs.authority.issuer},
		"scopes_supported":         e.knownScopes(),
		"bearer_methods_supported": []string{"header"},
		"resource_name":            e.name,

		"dpop_signing_alg_values_supported": proofAlgorithms,
	}
	if rs.variants.Has(variant.TLS) {
		d["tls_client_certificate_bound_access_tokens"] = true
	}
	if rs.variants.Has(variant.ExtraClaims) {
		d["resource_name#de"] = "Notizen"
		d["resource_documentation"] = rs.origin + "/documentation"
		d["tls_client_certificate_bound_access_tokens"] = false
		d["x_reference"] = map[string]any{"nested": []any{1, nil, "two"}}
		d["jwks_uri"] = rs.origin + keysPath
		d["resource_signing_alg_values_supported"] = []string{"ES256"}
	}
	if e.base != nil {
		d["scopes_supported"] = *e.base
	}
	if scopes, _ := d["scopes_supported"].([]string); len(scopes) == 0 {
		delete(d, "scopes_supported") // RFC 9728, section 2: no empty arrays
	}
	rs.misdescribe(d, e)
	signs := rs.variants.Has(variant.ExtraClaims) || rs.faults.Has(fault.MetadataSignedDiffers)
	if signs && !rs.faults.Has(fault.MetadataUnsignedSigned) {
		d["signed_metadata"] = rs.attest(d)
	}
	return d
}

// keysPath is where the keys are with which the resource server signs its metadata.
const keysPath = "/keys"

// attest signs the metadata, so that whoever trusts the key need not trust the
// way it came (RFC 9728, section 2.2). It says what the plain members say.
func (rs *ResourceServer) attest(plain map[string]any) string {
	claims := tokens.Claims(maps.Clone(plain))
	claims["iss"] = rs.keys.URL
	if rs.faults.Has(fault.MetadataSignedDiffers) {
		claims["authorization_servers"] = []string{"https://elsewhere.example"}
	}
	signed, err := rs.keys.Sign("JWT", claims)
	if err != nil {
		panic(err) // strings only
	}
	return signed
}

func (rs *ResourceServer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	set, err := rs.keys.JWKS()
	if err != nil {
		http.Error(w, "no keys", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(set) // the client has gone: nothing to do
}

// misdescribe makes the faults in single members.
func (rs *ResourceServer) misdescribe(d map[string]any, e *endpoint) {
	issuer := rs.authority.issuer
	for _, wrong := range []struct {
		fault  fault.Fault
		member string
		value  any // nil leaves the member out
	}{
		{fault.MetadataWrongResource, "resource", "https://elsewhere.example/mcp"},
		{fault.MetadataOriginResource, "resource", rs.origin},
		{fault.MetadataSlashResource, "resource", e.url + "/"},
		{fault.MetadataFragmentResource, "resource", e.url + "#notes"},
		{fault.MetadataNoResource, "resource", nil},
		{fault.MetadataNoServers, "authorization_servers", nil},
		{fault.MetadataEmptyServers, "authorization_servers", []string{}},
		{fault.MetadataServersString, "authorization_servers", issuer},
		{fault.MetadataDocumentServer, "authorization_servers", []string{wellKnown(issuer, "/.well-known/oauth-authorization-server")}},
		{fault.MetadataQueryServer, "authorization_servers", []string{issuer + "?tenant=1"}},
		{fault.MetadataDeadServer, "authorization_servers", []string{issuer + "/nowhere"}},
		{fault.MetadataQueryTokens, "bearer_methods_supported", []string{"header", "query"}},
		{fault.MetadataEmptyArrays, "resource_signing_alg_values_supported", []string{}},
		{fault.MetadataOfflineAccess, "scopes_supported", append(e.knownScopes(), "offline_access")},
		{fault.MetadataWildcardScope, "scopes_supported", append(e.knownScopes(), "*")},
		{fault.MetadataAlgNone, "resource_signing_alg_values_supported", []string{"ES256", "none"}},
		{fault.MetadataUnsignedSigned, "signed_metadata", unsignedMetadata(issuer, e.url)},
		{fault.MetadataCleartextKeys, "jwks_uri", "http://keys.elsewhere.example/jwks.json"},
		{fault.CleartextAdvertised, "resource_documentation", "http://docs.elsewhere.example/notes"},
	} {
		switch {
		case !rs.faults.Has(wrong.fault):
		case wrong.value == nil:
			delete(d, wrong.member)
		default:
			d[wrong.member] = wrong.value
		}
	}
}

// unsignedMetadata is a JWT with alg none that says the same as the plain members.
func unsignedMetadata(issuer, resource string) string {
	part := func(format string, args ...any) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, format, args...))
	}
	return part(`{"alg":"none"}`) + "." + part(`{"iss":%q,"resource":%q}`, issuer, resource) + "."
}

// wellKnown inserts a well-known path between the host and the path of an
// identifier (RFC 8414, section 3.1; RFC 9728, section 3.1).
func wellKnown(identifier, path string) string {
	host := hostOf(identifier)
	scheme, rest, _ := strings.Cut(identifier, host)
	return scheme + host + path + strings.TrimSuffix(rest, "/")
}

func hostOf(identifier string) string {
	u, err := url.Parse(identifier)
	if err != nil {
		return ""
	}
	return u.Host
}

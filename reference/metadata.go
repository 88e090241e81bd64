package reference

import (
	"encoding/json"
	"maps"
	"net/http"

	"github.com/mcpassay/mcpassay/reference/variant"
)

// routeMetadata publishes the metadata where clients look for it: inserted
// between host and path (RFC 8414, section 3), and for OpenID Connect also
// appended to the issuer (Discovery, section 4).
func (s *AuthServer) routeMetadata(mux *http.ServeMux, path string) {
	publish := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, crossOrigin("GET", onlyGet(h)))
	}
	if !s.variants.Has(variant.OIDCOnly) {
		publish("/.well-known/oauth-authorization-server"+path, s.oauthMetadata)
	}
	publish("/.well-known/openid-configuration"+path, s.openIDMetadata)
	if path != "" {
		publish(path+"/.well-known/openid-configuration", s.openIDMetadata)
	}
	publish(path+"/jwks", s.jwks)
}

func onlyGet(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h(w, r)
	}
}

func (s *AuthServer) oauthMetadata(w http.ResponseWriter, r *http.Request) {
	s.writePublic(w, s.metadata(r))
}

func (s *AuthServer) openIDMetadata(w http.ResponseWriter, r *http.Request) {
	document := s.metadata(r)
	maps.Copy(document, map[string]any{
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"claims_supported":                      []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce"},
	})
	s.writePublic(w, document)
}

// metadata is what the server says about itself (RFC 8414, section 2). All of
// it is true: what is named here works.
func (s *AuthServer) metadata(*http.Request) map[string]any {
	methods := []string{authNone, authBasic, authPost, authAssertion}
	document := map[string]any{
		"issuer":                                           s.issuer,
		"authorization_endpoint":                           s.issuer + "/authorize",
		"token_endpoint":                                   s.issuer + "/token",
		"jwks_uri":                                         s.issuer + "/jwks",
		"revocation_endpoint":                              s.issuer + "/revoke",
		"introspection_endpoint":                           s.issuer + "/introspect",
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query"},
		"grant_types_supported":                            s.grantTypes(),
		"scopes_supported":                                 knownScopes,
		"code_challenge_methods_supported":                 []string{"S256"},
		"token_endpoint_auth_methods_supported":            methods,
		"token_endpoint_auth_signing_alg_values_supported": []string{"ES256"},
		"revocation_endpoint_auth_methods_supported":       methods,
		"introspection_endpoint_auth_methods_supported":    methods[1:],
		"authorization_response_iss_parameter_supported":   true,
		"prompt_values_supported":                          []string{"none", "login", "consent", "select_account"},
		"request_parameter_supported":                      false,
		"request_uri_parameter_supported":                  false,
		"ui_locales_supported":                             []string{"en"},
	}
	if !s.variants.Has(variant.NoRegistration) {
		document["registration_endpoint"] = s.issuer + "/register"
	}
	if s.variants.Has(variant.ExtraClaims) {
		document["x_example_features"] = map[string]any{"nested": []any{1, "two", nil, map[string]any{}}}
		document["service_documentation"] = s.issuer + "/docs?lang=en#top"
		document["issuer_alias"] = s.issuer + "/"
	}
	return document
}

func (s *AuthServer) grantTypes() []string {
	grants := []string{grantCode, grantMachine, grantExchange}
	if !s.variants.Has(variant.NoRefreshTokens) {
		grants = append(grants, grantRefresh)
	}
	return grants
}

// jwks publishes the public keys (RFC 7517).
func (s *AuthServer) jwks(w http.ResponseWriter, _ *http.Request) {
	set, err := s.keys.JWKS()
	if err != nil {
		http.Error(w, "no keys", http.StatusInternalServerError)
		return
	}
	s.writePublic(w, json.RawMessage(set))
}

// writePublic answers with a document that is the same for everyone.
func (s *AuthServer) writePublic(w http.ResponseWriter, document any) {
	w.Header().Set("Cache-Control", "public, max-age=60")
	writeJSON(w, http.StatusOK, document)
}

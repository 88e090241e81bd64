package reference

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// routeMetadata publishes the metadata where clients look for it: inserted
// between host and path (RFC 8414, section 3), and for OpenID Connect also
// appended to the issuer (Discovery, section 4).
func (s *AuthServer) routeMetadata(mux *http.ServeMux, path string) {
	publish := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, crossOrigin("GET", onlyGet(h)))
	}
	publish(path+"/jwks", s.jwks)
	if s.faults.Has(fault.DiscoveryMissing) {
		return
	}
	inserted := !s.options.Layout.Appended
	if inserted && !s.variants.Has(variant.OIDCOnly) {
		publish("/.well-known/oauth-authorization-server"+path, s.oauthMetadata)
	}
	if inserted {
		publish("/.well-known/openid-configuration"+path, s.openIDMetadata)
	}
	if path != "" {
		publish(path+"/.well-known/openid-configuration", s.openIDMetadata)
	}
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
	s.writeMetadata(w, r, s.metadata(r))
}

func (s *AuthServer) openIDMetadata(w http.ResponseWriter, r *http.Request) {
	document := s.metadata(r)
	maps.Copy(document, map[string]any{
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"claims_supported":                      []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce"},
	})
	if s.faults.Has(fault.DiscoveryNoPKCEOpenID) {
		delete(document, "code_challenge_methods_supported")
	}
	s.writeMetadata(w, r, document)
}

// writeMetadata answers with metadata: 200, JSON, to anybody (RFC 8414, section 3.2).
func (s *AuthServer) writeMetadata(w http.ResponseWriter, r *http.Request, document map[string]any) {
	switch {
	case s.faults.Has(fault.DiscoveryPage):
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>Notes</title><div id=root></div>")
	case s.faults.Has(fault.DiscoveryGuarded) && r.Header.Get("Authorization") == "":
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "unauthorized", http.StatusUnauthorized)
	case s.faults.Has(fault.DiscoveryMediaType):
		w.Header().Set("Content-Type", "text/plain")
		_ = json.NewEncoder(w).Encode(document)
	default:
		s.writePublic(w, document)
	}
}

// metadata is what the server says about itself (RFC 8414, section 2). All of
// it is true: what is named here works.
func (s *AuthServer) metadata(r *http.Request) map[string]any {
	methods := []string{authNone, authBasic, authPost, authAssertion}
	document := map[string]any{
		"issuer":                                           s.issuer,
		"authorization_endpoint":                           s.at("/authorize"),
		"token_endpoint":                                   s.at("/token"),
		"jwks_uri":                                         s.at("/jwks"),
		"revocation_endpoint":                              s.at("/revoke"),
		"introspection_endpoint":                           s.at("/introspect"),
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         s.responseModes(),
		"grant_types_supported":                            s.grantTypes(),
		"scopes_supported":                                 knownScopes,
		"code_challenge_methods_supported":                 []string{"S256"},
		"token_endpoint_auth_methods_supported":            methods,
		"token_endpoint_auth_signing_alg_values_supported": []string{"ES256"},
		"revocation_endpoint_auth_methods_supported":       methods,
		"introspection_endpoint_auth_methods_supported":    methods[1:],
		"authorization_response_iss_parameter_supported":   true,
		"prompt_values_supported":                          []string{"none", "login", "consent", "select_account"},
		"request_parameter_supported":                      true,
		"request_object_signing_alg_values_supported":      []string{"ES256"},
		"request_uri_parameter_supported":                  false,
		"ui_locales_supported":                             []string{"en"},
		"authorization_grant_profiles_supported":           []string{profileIDJAG},

		"identity_chaining_requested_token_types_supported": []string{tokenTypeIDJAG},
	}
	document[pushedEndpoint] = s.at("/par")
	document[requirePush] = s.variants.Has(variant.PAROnly)
	if s.connectsDevices() {
		document["device_authorization_endpoint"] = s.at("/device_authorization")
	}
	if !s.variants.Has(variant.NoRegistration) {
		document["registration_endpoint"] = s.at("/register")
	}
	if s.readsDocuments() {
		document["client_id_metadata_document_supported"] = true
	}
	if s.options.provider {
		document["userinfo_endpoint"] = s.issuer + "/userinfo"
	}
	if s.options.lab {
		document["scopes_supported"] = []string{scopeOpenID, scopeOffline}
	}
	if s.variants.Has(variant.ExtraClaims) {
		document["x_example_features"] = map[string]any{"nested": []any{1, "two", nil, map[string]any{}}}
		document["service_documentation"] = s.issuer + "/docs?lang=en#top"
		document["issuer_alias"] = s.issuer + "/"
	}
	s.describeProofs(document)
	s.describeClientAuth(document)
	s.describeCertificates(document)
	s.describeWorkloads(document)
	if lab := s.options.ForClients; lab != nil && lab.AuthMethods != nil {
		document["token_endpoint_auth_methods_supported"] = lab.AuthMethods
	}
	s.misdescribe(r, document)
	return document
}

func (s *AuthServer) grantTypes() []string {
	grants := []string{grantCode, grantMachine, grantExchange, grantIdentity}
	if s.connectsDevices() {
		grants = append(grants, grantDevice)
	}
	if !s.variants.Has(variant.NoRefreshTokens) {
		grants = append(grants, grantRefresh)
	}
	return grants
}

// misdescribe holds the faults that make metadata untrue or unreadable.
func (s *AuthServer) misdescribe(r *http.Request, document map[string]any) {
	for f := range s.faults {
		if change, ok := metadataMistakes[f]; ok {
			change(document, s.issuer)
		}
	}
	if host := r.Header.Get("X-Forwarded-Host"); host != "" && s.faults.Has(fault.DiscoveryIssuerHost) {
		for name, value := range document {
			if url, ok := value.(string); ok {
				document[name] = "https://" + host + strings.TrimPrefix(url, s.origin)
			}
		}
	}
}

// metadataMistakes are changes to the metadata, by the fault that makes them.
var metadataMistakes = map[fault.Fault]func(document map[string]any, issuer string){
	fault.IssNotOffered:            without("authorization_response_iss_parameter_supported"),
	fault.IssUnadvertised:          without("authorization_response_iss_parameter_supported"),
	fault.DiscoveryNoTokenEndpoint: without("token_endpoint"),
	fault.DiscoveryNoResponseTypes: without("response_types_supported"),
	fault.DiscoveryNoPKCE:          without("code_challenge_methods_supported"),
	fault.DiscoveryIssuerSlash:     func(m map[string]any, issuer string) { m["issuer"] = issuer + "/" },
	fault.DiscoveryIssuerForeign:   func(m map[string]any, _ string) { m["issuer"] = "https://upstream-idp.example" },
	fault.DiscoveryIssuerQuery:     func(m map[string]any, issuer string) { m["issuer"] = issuer + "?v=1" },
	fault.DiscoveryTextForArray: func(m map[string]any, _ string) {
		m["response_types_supported"], m["grant_types_supported"] = "code", "authorization_code refresh_token"
	},
	fault.LegacyImplicit: func(m map[string]any, _ string) {
		m["response_types_supported"] = []string{"code", "token"}
		m["grant_types_supported"] = append(m["grant_types_supported"].([]string), "implicit")
	},
	fault.LegacyPassword: func(m map[string]any, _ string) {
		m["grant_types_supported"] = append(m["grant_types_supported"].([]string), "password")
	},
	fault.DiscoveryFragment:  func(m map[string]any, issuer string) { m["token_endpoint"] = issuer + "/token#v1" },
	fault.DiscoveryCleartext: func(m map[string]any, _ string) { m["op_policy_uri"] = "http://docs.example/policy" },
	fault.DiscoveryPlain: func(m map[string]any, _ string) {
		m["code_challenge_methods_supported"] = []string{"S256", "plain"}
	},
	fault.DiscoveryPlainOnly: func(m map[string]any, _ string) {
		m["code_challenge_methods_supported"] = []string{"plain"}
	},
	fault.DiscoveryNone: func(m map[string]any, _ string) {
		m["token_endpoint_auth_signing_alg_values_supported"] = []string{"ES256", "none"}
	},
	fault.IDJAGUnadvertised: without("authorization_grant_profiles_supported"),
	fault.IDJAGGrantUnlisted: func(m map[string]any, _ string) {
		grants, _ := m["grant_types_supported"].([]string)
		m["grant_types_supported"] = slices.DeleteFunc(grants, func(g string) bool { return g == grantIdentity })
	},
	fault.IDJAGTrustPublished: func(m map[string]any, _ string) {
		m["trusted_issuers"] = []string{"https://idp.example"}
	},
	fault.DocumentsUnadvertised: without("client_id_metadata_document_supported"),
	fault.DocumentsFlagText: func(m map[string]any, _ string) {
		m["client_id_metadata_document_supported"] = "true"
	},
	fault.DiscoveryDeadEndpoint: func(m map[string]any, issuer string) {
		m[pushedEndpoint] = issuer + "/nowhere"
	},
}

// without leaves a member out.
func without(member string) func(map[string]any, string) {
	return func(document map[string]any, _ string) { delete(document, member) }
}

// writePublic answers with a document that is the same for everyone.
func (s *AuthServer) writePublic(w http.ResponseWriter, document any) {
	w.Header().Set("Cache-Control", "public, max-age=60")
	writeJSON(w, http.StatusOK, document)
}

package reference

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/mcpassay/mcpassay/reference/variant"
)

// An Upstream is an API behind the resource server. It demands tokens of its own
// and remembers whatever it was sent, good or not, wherever it was.
type Upstream struct {
	origin   string
	verifier *verifier

	recorder
}

func newUpstream(origin, issuer, secret string, o *Options) *Upstream {
	u := &Upstream{origin: origin}
	u.verifier = &verifier{
		audience:  u.URL(),
		authority: newAuthority(issuer, secret),
		opaque:    variant.Of(o.Variants...).Has(variant.OpaqueTokens),
		ahead:     clockAhead(variant.Of(o.Variants...)),
	}
	return u
}

// URL is the address of the API, its identifier, and the audience of its tokens.
func (u *Upstream) URL() string { return u.origin + "/profile" }

func (u *Upstream) close() { u.verifier.authority.close() }

func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.note(r)
	switch {
	case r.URL.Path == metadataPath+"/profile" && r.Method == http.MethodGet:
		u.serveMetadata(w)
	case r.URL.Path != "/profile":
		http.NotFound(w, r)
	default:
		u.serveProfile(w, r)
	}
}

func (u *Upstream) serveMetadata(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client has gone: nothing to do
		"resource":                 u.URL(),
		"authorization_servers":    []string{u.verifier.authority.issuer},
		"scopes_supported":         []string{scopeUpstream},
		"bearer_methods_supported": []string{"header"},
	})
}

func (u *Upstream) serveProfile(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	pointer := parameter{"resource_metadata", wellKnown(u.URL(), metadataPath)}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		w.Header().Set("WWW-Authenticate", challenge([]parameter{pointer}))
		http.Error(w, errNoCredentials.description, http.StatusUnauthorized)
		return
	}
	who, err := u.verifier.verify(r.Context(), token)
	if err != nil {
		w.Header().Set("WWW-Authenticate", challenge([]parameter{{"error", errInvalidToken.code}, pointer}))
		http.Error(w, errInvalidToken.description, http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"user": who.Subject, "plan": "reference"}) // as above
}

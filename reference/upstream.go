package reference

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpassay/mcpassay/reference/variant"
)

// maxReceived bounds how many credentials an upstream remembers.
const maxReceived = 1000

// A Credential is something an upstream API was sent that could be a token.
type Credential struct {
	Token string
	In    string // "header Authorization", "query user_token", "body access_token" …
	At    time.Time
}

// An Upstream is an API behind the resource server. It demands tokens of its own
// and remembers whatever it was sent, good or not, wherever it was.
type Upstream struct {
	origin   string
	verifier *verifier

	mu       sync.Mutex
	received []Credential
}

func newUpstream(origin, issuer, secret string, o *Options) *Upstream {
	u := &Upstream{origin: origin}
	u.verifier = &verifier{
		audience:  u.URL(),
		authority: newAuthority(issuer, secret),
		opaque:    variant.Of(o.Variants...).Has(variant.OpaqueTokens),
	}
	return u
}

// URL is the address of the API, its identifier, and the audience of its tokens.
func (u *Upstream) URL() string { return u.origin + "/profile" }

// Received returns what could be credentials, in the order of arrival.
func (u *Upstream) Received() []Credential {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.received)
}

// Reset forgets what was received.
func (u *Upstream) Reset() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.received = nil
}

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

// note remembers everything in the request that could be a credential: header
// lines other than a client's usual ones, query parameters, and the body.
func (u *Upstream) note(r *http.Request) {
	var found []Credential
	add := func(in, value string) {
		if len(found) < 100 && value != "" {
			found = append(found, Credential{Token: value, In: in, At: time.Now()})
		}
	}
	for name, values := range r.Header {
		for _, value := range values {
			switch name {
			case "Accept", "Accept-Encoding", "User-Agent", "Content-Length", "Content-Type", "Connection":
			case "Authorization", "Proxy-Authorization":
				_, token, found := strings.Cut(value, " ")
				if !found {
					token = value
				}
				add("header "+name, strings.TrimSpace(token))
			default:
				add("header "+name, value)
			}
		}
	}
	for name, values := range r.URL.Query() {
		for _, value := range values {
			add("query "+name, value)
		}
	}
	if body, err := io.ReadAll(io.LimitReader(r.Body, maxBody)); err == nil {
		add("body", string(body))
	}
	slices.SortFunc(found, func(a, b Credential) int { return strings.Compare(a.In, b.In) })
	u.mu.Lock()
	defer u.mu.Unlock()
	u.received = append(u.received, found...)
	if extra := len(u.received) - maxReceived; extra > 0 {
		u.received = slices.Delete(u.received, 0, extra)
	}
}

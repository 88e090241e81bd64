package reference

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// An AuthServer is an OAuth 2.1 authorization server for one deployment. It
// keeps everything in memory, in bounded amounts.
type AuthServer struct {
	origin   string // scheme, host and port it listens on
	issuer   string // its identifier; every endpoint is below it
	options  *Options
	faults   fault.Set
	variants variant.Set
	keys     *tokens.Issuer
	handler  http.Handler
	now      func() time.Time

	succession  succession
	keysFetched atomic.Bool // somebody has asked for the keys
	federation  *federation // who signs users in, if not we

	// What tokens can be for. Fixed before the first request.
	endpoint, otherEndpoint, upstream string

	mu           sync.Mutex // guards what follows
	preset       map[string]*Client
	presetOrder  []string
	clients      *shelf[*Client]      // self-registered, by id
	transactions *shelf[*transaction] // by id
	sessions     *shelf[*session]     // by digest of the cookie
	grants       *shelf[*grant]       // by id
	codes        *shelf[*authCode]    // by digest
	refreshes    *shelf[*refreshToken]
	accesses     *shelf[*accessToken]
	guesses      guesses
	devices      *shelf[*device] // by digest of the device code
	assertions   *shelf[bool]    // client assertions seen, by client and jti
	pushes       *shelf[*pushed]
	documents    *shelf[*documented] // clients that documents describe, by URL
	providers    []*IdentityProvider
	partners     []Partner

	odd       oddities
	spare     spareKey
	proofs    *proofGuard // of token requests
	workloads []*Workload // that are entitled to something
	outbound  *outbound   // has locks of its own

	crossing crossing // only with faults that lose races
}

func newAuthServer(origin string, o *Options) (*AuthServer, error) {
	s := &AuthServer{
		origin:       origin,
		issuer:       origin,
		options:      o,
		faults:       fault.Of(o.Faults...),
		variants:     variant.Of(o.Variants...),
		now:          clockOf(o),
		clients:      newShelf[*Client](),
		transactions: newShelf[*transaction](),
		sessions:     newShelf[*session](),
		grants:       newShelf[*grant](),
		codes:        newShelf[*authCode](),
		refreshes:    newShelf[*refreshToken](),
		accesses:     newShelf[*accessToken](),
		devices:      newShelf[*device](),
		guesses:      guesses{shelf: newShelf[*guessed]()},
		assertions:   newShelf[bool](),
		pushes:       newShelf[*pushed](),
		documents:    newShelf[*documented](),
	}
	s.outbound = newOutbound(s.faults, o.FetchTimeout)
	s.proofs = s.tokenProofs()
	s.proofs.changes = o.ForClients.nonceChanges()
	if s.variants.Has(variant.PathIssuer) {
		s.issuer += "/tenants/acme"
	}
	s.issuer += o.Layout.Issuer
	var err error
	if s.keys, err = tokens.NewIssuer(s.issuer); err != nil {
		return nil, fmt.Errorf("authorization server: %w", err)
	}
	if err := s.prepareSuccession(); err != nil {
		return nil, fmt.Errorf("authorization server: %w", err)
	}
	if err := s.presetClients(); err != nil {
		return nil, fmt.Errorf("authorization server: %w", err)
	}
	if err := s.identityProviders(); err != nil {
		return nil, fmt.Errorf("authorization server: %w", err)
	}
	if err := s.trustWorkloads(); err != nil {
		return nil, fmt.Errorf("authorization server: %w", err)
	}
	s.handler = s.routes()
	return s, nil
}

// Issuer is the issuer identifier.
func (s *AuthServer) Issuer() string { return s.issuer }

// Keys are the keys that the server signs with.
func (s *AuthServer) Keys() *tokens.Issuer { return s.keys }

// serveResources says what tokens can be for: two endpoints of the resource
// server, and the upstream API, which is reached by token exchange only.
func (s *AuthServer) serveResources(endpoint, otherEndpoint, upstream string) {
	s.endpoint, s.otherEndpoint, s.upstream = endpoint, otherEndpoint, upstream
	s.preset[ResourceServerClient].RedirectURIs = []string{originOf(endpoint) + connectedPath}
	s.workloads[0].resource, s.workloads[1].resource = endpoint, otherEndpoint
}

func (s *AuthServer) routes() http.Handler {
	mux := http.NewServeMux()
	path := s.issuerPath()
	s.routeMetadata(mux, path)

	// Pages of the user: never for other origins.
	mux.HandleFunc("GET "+s.place("/authorize"), s.authorize)
	mux.HandleFunc("GET "+path+"/login", s.showLogin)
	mux.HandleFunc("POST "+path+"/login", s.submitLogin)
	mux.HandleFunc("GET "+path+"/consent", s.showConsent)
	mux.HandleFunc("POST "+path+"/consent", s.submitConsent)
	mux.HandleFunc("GET "+path+callbackPath, s.comeBack)

	// Endpoints that clients running in a browser call.
	shared := func(pattern string, methods string, h http.HandlerFunc) {
		mux.Handle(pattern, s.withCookies(crossOrigin(methods, h)))
	}
	s.routeDevices(mux, shared)
	shared(s.place("/token"), "POST", s.token)
	shared(path+"/revoke", "POST", s.revoke)
	if s.options.provider {
		shared(path+"/userinfo", "GET, POST", s.userInfo)
	}
	shared(path+"/par", "POST", s.push)
	if !s.variants.Has(variant.NoRegistration) {
		shared(s.place("/register"), "POST", s.register)
		shared(s.place("/register")+"/{client}", "GET, PUT, DELETE", s.manage)
	}

	// Resource servers only.
	mux.HandleFunc("POST "+path+"/introspect", s.introspect)
	if s.faults.Has(fault.IntrospectByGet) {
		mux.HandleFunc("GET "+path+"/introspect", s.introspect)
	}
	return mux
}

// ServeHTTP answers a request. Nothing but metadata may be stored, and nothing
// is to be interpreted as another type than the one we name.
func (s *AuthServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	limit := int64(maxRequest)
	if s.faults.Has(fault.RegisterUnbounded) {
		limit = 8 << 20
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	defer s.crossing.enter()()
	s.handler.ServeHTTP(w, r)
}

// maxRequest is far above any sensible request, and small enough not to matter.
const maxRequest = 64 << 10

// crossOrigin lets scripts of any origin call h. That is safe where nothing
// depends on cookies: the caller has to show what it knows.
func crossOrigin(methods string, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", methods)
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP, MCP-Protocol-Version")
			w.Header().Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h(w, r)
	})
}

// writeJSON answers with a JSON document.
func writeJSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // the client has gone: nobody to tell
}

// A denial is an error as OAuth reports it (RFC 6749, sections 4.1.2.1 and 5.2).
type denial struct {
	code, description string
}

func refuse(code, format string, args ...any) *denial {
	return &denial{code, fmt.Sprintf(format, args...)}
}

func (e *denial) document() map[string]string {
	return map[string]string{"error": e.code, "error_description": printable(e.description)}
}

// printable keeps what error_description may hold (RFC 6749, section 5.2).
func printable(text string) string {
	keep := make([]rune, 0, len(text))
	for _, c := range text {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			c = '?'
		}
		keep = append(keep, c)
	}
	return string(keep)
}

// params are the parameters of a request. A parameter without a value counts as
// absent (RFC 6749, sections 3.1 and 3.2).
type params url.Values

// get returns the value of a parameter, or "".
func (p params) get(name string) string { return url.Values(p).Get(name) }

// list returns the values of a parameter that may be repeated.
func (p params) list(name string) []string {
	var values []string
	for _, v := range p[name] {
		if v != "" {
			values = append(values, v)
		}
	}
	return values
}

// repeated returns a parameter that was sent more than once and may not be, or "".
func (p params) repeated(except ...string) string {
	for name, values := range p {
		if len(values) > 1 && !contains(except, name) {
			return name
		}
	}
	return ""
}

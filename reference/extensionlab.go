package reference

// An ExtensionLab is what a lab has for clients that use the extensions of MCP for
// authorization.
type ExtensionLab struct {
	// WorkloadClient is the id by which a workload may name itself, although it is
	// registered nowhere.
	WorkloadClient string
	// NonceChanges makes the first nonce for DPoP proofs good for one proof only, so
	// that a client has to take a second one.
	NonceChanges bool
}

func (l *ClientLab) nonceChanges() bool { return l != nil && l.NonceChanges }

// namesNoClient tells whether a workload leaves out who its client is, or says what
// the lab has told it to say.
func (s *AuthServer) namesNoClient(p params) bool {
	id, lab := p.get("client_id"), s.options.ForClients
	return id == "" || lab != nil && id == lab.WorkloadClient
}

// takesTwice tells whether assertions are taken more than once, and without a jti.
// Both are for a server to refuse, and none has to (RFC 7523, section 3): what a
// client may do is not to fail here.
func (s *AuthServer) takesTwice() bool { return s.options.ForClients != nil }

// changed hands out another nonce after the first proof, if the lab wants that. The
// caller holds the lock.
func (g *proofGuard) changed() {
	if g.changes && g.nonce != "" {
		g.changes = false
		g.nonce, g.earlier = secret(), ""
	}
}

// A Partner is another authorization server that we issue identity assertions for.
type Partner struct {
	Issuer   string
	Resource string            // that it protects
	Clients  map[string]string // how our clients are called there
}

// TrustProvider makes the server take the identity assertions of another one, which
// calls our users by the same names.
func (s *AuthServer) TrustProvider(other *AuthServer) {
	users := map[string]string{}
	for _, u := range s.options.Users {
		users[u.Name] = u.Name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.providers = append(s.providers, &IdentityProvider{Keys: other.keys, Users: users})
}

// IssueFor makes the server issue identity assertions for a partner.
func (s *AuthServer) IssueFor(p Partner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partners = append(s.partners, p)
}

// IDTokenFor is an ID token of the first user, as the client would have got it at
// sign-on.
func (s *AuthServer) IDTokenFor(client string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idToken(&grant{client: client, user: s.options.Users[0].Name, signedIn: s.now()})
}

// protectedBy are the resources of a partner.
func (s *AuthServer) protectedBy(issuer string) (resources []string, known bool) {
	for _, p := range s.partners {
		if p.Issuer == issuer {
			return []string{p.Resource}, true
		}
	}
	resources, known = partners[issuer]
	return resources, known
}

// nameAt is how a client of ours is called at a partner.
func (s *AuthServer) nameAt(issuer, client string) string {
	for _, p := range s.partners {
		if name, ok := p.Clients[client]; ok && p.Issuer == issuer {
			return name
		}
	}
	return client
}

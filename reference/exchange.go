package reference

import "time"

const tokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token"

// exchangeToken gives the resource server a token for the upstream API, in place
// of the one it was called with (RFC 8693). The new token says who acts for whom,
// and lives no longer than the old one.
func (s *AuthServer) exchangeToken(client *Client, p params) (map[string]any, *denial) {
	if p.get("subject_token_type") != tokenTypeAccess {
		return nil, refuse(invalidRequest, "subject_token_type has to be that of an access token")
	}
	if wanted := p.get("requested_token_type"); wanted != "" && wanted != tokenTypeAccess {
		return nil, refuse(invalidRequest, "only access tokens are issued")
	}
	if p.get("actor_token") != "" || p.get("actor_token_type") != "" {
		return nil, refuse(invalidRequest, "actor tokens are not supported: the client itself is the actor")
	}
	subject, ok := s.accesses.get(digest(p.get("subject_token")), s.now())
	if !ok || !s.exchangeable(subject) {
		return nil, refuse(invalidRequest, "the subject token is not one that can be exchanged")
	}
	for _, target := range append(p.list("resource"), p.list("audience")...) {
		if target != s.upstream {
			return nil, refuse(invalidTarget, "tokens can be exchanged for the upstream API only")
		}
	}
	scopes, problem := s.scopeNarrowed(p.get("scope"), s.forUpstream(subject.scopes))
	if problem != nil {
		return nil, problem
	}
	if len(scopes) == 0 && !s.options.lab {
		return nil, refuse(invalidScope, "the user has not allowed %s", scopeUpstream)
	}
	access, err := s.issueAccess(accessRequest{
		grant: subject.grant, client: client.ID, scopes: scopes, resource: s.upstream,
		actor: client.ID, until: subject.expires,
	})
	if err != nil {
		return nil, refuse(serverError, "the token cannot be signed")
	}
	response := s.accessResponse(access, scopes)
	response["issued_token_type"] = tokenTypeAccess
	response["expires_in"] = int(subject.expires.Sub(s.now()) / time.Second)
	return response, nil
}

// exchangeable tells whether a token is one that the resource server was called
// with: alive, for the resource server, and not itself from an exchange.
func (s *AuthServer) exchangeable(t *accessToken) bool {
	return t.alive(s.now()) && !t.exchange && (s.options.lab || contains([]string{s.endpoint, s.otherEndpoint}, t.resource))
}

// forUpstream keeps the scopes that mean something at the upstream API.
func (s *AuthServer) forUpstream(scopes []string) []string {
	if s.options.lab {
		return scopes
	}
	if contains(scopes, scopeUpstream) {
		return []string{scopeUpstream}
	}
	return nil
}

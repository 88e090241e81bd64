package reference

// machineToken gives a client a token of its own (OAuth 2.1, section 4.2). Only
// a client that proves who it is can have one, and no refresh token comes with it.
func (s *AuthServer) machineToken(client *Client, p params) (map[string]any, *denial) {
	if client.AuthMethod == authNone {
		return nil, refuse(unauthorizedClient, "a public client cannot act for itself")
	}
	scopes, problem := s.scopeGranted(p.get("scope"), client)
	if problem != nil {
		return nil, problem
	}
	resources, problem := s.resourcesGranted(p.list("resource"))
	if problem != nil {
		return nil, problem
	}
	g := &grant{client: client.ID, user: client.ID, scopes: scopes, resources: resources, defaulted: len(p.list("resource")) == 0, key: p.get(provenKey)}
	resource, problem := s.resourceAllowed(p.list("resource"), g)
	if problem != nil {
		return nil, problem
	}
	access, err := s.issueAccess(accessRequest{grant: s.allow(g), client: client.ID, scopes: scopes, resource: resource})
	if err != nil {
		return nil, refuse(serverError, "the token cannot be signed")
	}
	return s.typed(s.accessResponse(access, scopes), g), nil
}

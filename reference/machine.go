package reference

import (
	"maps"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// machineToken gives a client a token of its own (OAuth 2.1, section 4.2). Only
// a client that proves who it is can have one, and no refresh token comes with it.
func (s *AuthServer) machineToken(client *Client, p params) (map[string]any, *denial) {
	if client.AuthMethod == authNone && !s.faults.Has(fault.MachinePublic) || s.faults.Has(fault.MachineRefused) {
		return nil, refuse(unauthorizedClient, "a public client cannot act for itself")
	}
	scopes, problem := s.scopeGranted(p.get("scope"), client)
	if problem != nil {
		return nil, problem
	}
	return s.ownToken(client.ID, client.ID, scopes, p)
}

// ownToken gives whoever acts for itself a token for one resource, and no refresh
// token: it can always ask again.
func (s *AuthServer) ownToken(client, subject string, scopes []string, p params) (map[string]any, *denial) {
	resources, problem := s.resourcesGranted(p.list("resource"))
	if problem != nil {
		return nil, problem
	}
	g := &grant{client: client, user: subject, scopes: scopes, resources: resources, defaulted: len(p.list("resource")) == 0}
	g.bind(p)
	resource, problem := s.resourceAllowed(p.list("resource"), g)
	if problem != nil {
		return nil, problem
	}
	if s.faults.Has(fault.MachineAnyAudience) {
		resource = client
	}
	if s.faults.Has(fault.MachineAsUser) {
		g.user = s.options.Users[0].Name
	}
	access, err := s.issueAccess(accessRequest{grant: s.allow(g), client: client, scopes: scopes, resource: resource})
	if err != nil {
		return nil, refuse(serverError, "the token cannot be signed")
	}
	response := s.typed(s.accessResponse(access, scopes), g)
	if s.faults.Has(fault.MachineRefreshes) {
		response["refresh_token"] = s.issueRefresh(g)
	}
	return response, nil
}

// machineExtension is how a server says that it takes tokens of clients (MCP, the
// extension for OAuth client credentials).
const machineExtension = "io.modelcontextprotocol/oauth-client-credentials"

// extensions are the extensions of MCP that the endpoint supports.
func (e *endpoint) extensions() map[string]any {
	all := map[string]any{tasksExtension: map[string]any{}, machineExtension: map[string]any{}}
	if e.faults.Has(fault.MachineExtensionHidden) {
		delete(all, machineExtension)
	}
	return all
}

// withoutUser tells whether a token speaks for nobody but its client: then its
// subject is the client (RFC 9068, section 2.2).
func withoutUser(t *tokens.Token) bool {
	subject, _ := t.String("sub")
	client, _ := t.String("client_id")
	return subject == client
}

// overlooksMachine holds the faults in how tokens without a user are checked.
func (v *verifier) overlooksMachine(check string, t *tokens.Token) bool {
	switch check {
	case tokens.CheckSignature:
		return v.faults.Has(fault.MachineSignatureUnchecked) && withoutUser(t)
	case tokens.CheckAudience:
		return v.faults.Has(fault.MachineAudienceUnchecked) && withoutUser(t)
	}
	return false
}

// readNote reads the caller's note. A fault shows a token without a user the
// notes of everybody.
func (e *endpoint) readNote(notes *notebook, who *caller) string {
	if !e.faults.Has(fault.MachineSeesAll) || who.Subject != who.Client {
		return notes.read(who)
	}
	notes.mu.Lock()
	defer notes.mu.Unlock()
	return strings.Join(slices.Collect(maps.Values(notes.notes)), "\n")
}

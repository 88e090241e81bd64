package reference

import (
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// In the code flow a client can ask a user to let an agent act: the request names
// it in requested_actor, the user agrees to it by name, and the code is redeemed
// with a token of that very agent (draft-oauth-ai-agents-on-behalf-of-user).

// requestedAgent is the agent that a request names, or nil.
func (s *AuthServer) requestedAgent(p params) (*Client, *denial) {
	id := p.get("requested_actor")
	if id == "" {
		return nil, nil
	}
	agent := s.preset[id]
	if agent == nil && s.faults.Has(fault.AgentUnknown) {
		return &Client{ID: id, Name: id}, nil
	}
	if agent == nil || !contains(agent.GrantTypes, grantExchange) || !contains(agent.GrantTypes, grantMachine) {
		return nil, refuse(invalidRequest, "requested_actor is no agent that is known here")
	}
	return agent, nil
}

// redeemingAgent is the agent that acts, by the token request for a code: the one
// that the user agreed to, if any, and it has to be there.
func (s *AuthServer) redeemingAgent(g *grant, client *Client, p params) (string, *denial) {
	token, kind := p.get("actor_token"), p.get("actor_token_type")
	switch {
	case token == "" && kind == "" && g.agent == "", token == "" && s.faults.Has(fault.AgentUnproved):
		return "", nil
	case g.agent == "" && !s.faults.Has(fault.AgentUnrequested):
		return "", refuse(invalidGrant, "the user was not asked about an agent")
	case token == "" || kind != tokenTypeAccess:
		return "", refuse(invalidRequest, "actor_token and actor_token_type of an access token are needed")
	}
	agent, ok := s.agentOf(token)
	if t, err := tokens.Parse(token); err == nil && !ok && s.faults.Has(fault.AgentForged) {
		agent, ok = t.String("sub")
	}
	if !ok || agent != g.agent && !s.faults.Has(fault.AgentAnyProof) && !s.faults.Has(fault.AgentUnrequested) {
		return "", refuse(invalidGrant, "the actor token is not the agent's that the user agreed to")
	}
	if s.faults.Has(fault.AgentNamedWrongly) {
		return client.ID, nil
	}
	return agent, nil
}

// agentName is what the consent page says of the agent.
func (s *AuthServer) agentName(q *authRequest) string {
	if q.agent == nil || s.faults.Has(fault.AgentUnnamed) {
		return ""
	}
	return strings.TrimSpace(q.agent.DisplayName() + " (" + q.agent.ID + ")")
}
